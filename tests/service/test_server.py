from __future__ import annotations

import contextlib
import errno
import logging
import os
import socket
import stat
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service.conftest import FakeScheduler, serving
from understudy.client import Engine, connect
from understudy.endpoint import read_endpoint
from understudy.errors import EngineError
from understudy.service import server
from understudy.service.listener import Peer, accepted, peer_of
from understudy.service.server import serve
from understudy.wire import Caller, open_connection


def socket_of(folder: Path) -> Path:
    return folder / read_endpoint(folder).address


def audit_lines(folder: Path) -> list[str]:
    return [line for line in (folder / "engine.log").read_text().splitlines() if " connection " in line]


def until(condition: object, seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def raw(folder: Path) -> socket.socket:
    opened = socket.socket(socket.AF_UNIX)
    opened.settimeout(10)
    opened.connect(str(socket_of(folder)))
    return opened


def test_the_socket_is_for_its_user_alone(engine: Path) -> None:
    assert stat.S_IMODE(socket_of(engine).stat().st_mode) == 0o600
    assert stat.S_IMODE((engine / "engine.log").stat().st_mode) == 0o600


def test_nothing_to_connect_to_is_left_when_an_engine_ends(runtime: Path, scheduler: FakeScheduler) -> None:
    with serving(scheduler, runtime):
        path = socket_of(runtime)
    assert not path.exists() and not (runtime / "endpoint.json").exists()


def test_every_start_has_another_secret_and_another_name(runtime: Path, scheduler: FakeScheduler) -> None:
    seen = []
    for _ in range(2):
        with serving(scheduler, runtime):
            seen.append(read_endpoint(runtime))
    assert seen[0].token != seen[1].token and seen[0].address != seen[1].address


def test_a_second_engine_of_the_same_user_does_not_start(engine: Path, scheduler: FakeScheduler) -> None:
    before = read_endpoint(engine)
    with pytest.raises(EngineError, match=f"process {os.getpid()}") as caught:
        serve(scheduler, runtime_folder=engine)  # type: ignore[arg-type]
    assert caught.value.facts["reason"] == "running"
    assert read_endpoint(engine) == before
    connect().close()


def test_a_folder_that_others_can_enter_is_not_used(runtime: Path, scheduler: FakeScheduler) -> None:
    runtime.chmod(0o755)
    with pytest.raises(EngineError, match="chmod 700"):
        serve(scheduler, runtime_folder=runtime)  # type: ignore[arg-type]


def test_a_path_too_long_for_a_socket_is_said(tmp_path: Path, scheduler: FakeScheduler) -> None:
    folder = tmp_path / ("x" * 90)
    with pytest.raises(EngineError, match="UNDERSTUDY_RUNTIME"):
        serve(scheduler, runtime_folder=folder)  # type: ignore[arg-type]


def test_tcp_is_loopback_only_and_takes_the_same_proof(runtime: Path, scheduler: FakeScheduler) -> None:
    with serving(scheduler, runtime, tcp=True), connect() as engine:
        endpoint = read_endpoint(runtime)
        assert endpoint.kind == "tcp" and engine.hello().pid == os.getpid()
        with pytest.raises(OSError), socket.create_connection((own_address(), int(endpoint.address)), 1):
            pass


def own_address() -> str:
    """An address of this machine that is not 127.0.0.1."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.2"
        return str(probe.getsockname()[0])


def test_each_connection_leaves_one_line(engine: Path) -> None:
    with connect("nuke 15.1") as host:
        host.jobs()
    with raw(engine) as stranger:
        stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert until(lambda: len(audit_lines(engine)) == 2)
    good, bad = sorted(audit_lines(engine), key=lambda line: "refused" in line)
    assert f"uid {os.geteuid()} pid {os.getpid()}: 'nuke 15.1'" in good and "2 calls" in good
    assert "nobody: 0 calls" in bad and "no greeting" in bad


def test_what_a_client_calls_itself_cannot_write_lines(engine: Path) -> None:
    connect("x\n2026 INFO connection 9: root").close()
    assert until(lambda: audit_lines(engine))
    assert len(audit_lines(engine)) == 1


def test_the_log_is_given_back(runtime: Path, scheduler: FakeScheduler) -> None:
    before = list(logging.getLogger("understudy").handlers)
    with serving(scheduler, runtime):
        pass
    assert logging.getLogger("understudy").handlers == before


def test_thirty_two_clients_come_in_and_the_next_one_is_told(engine: Path) -> None:
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connect()) for _ in range(server.MAX_CONNECTIONS)]
        with pytest.raises(EngineError, match="32 are open"):
            connect()
        clients[0].close()
        assert until(lambda: can_connect())
        assert all(client.hello() for client in clients[1:])


def can_connect() -> bool:
    try:
        connect().close()
    except EngineError:
        return False
    return True


def test_silent_connections_do_not_keep_a_client_out(engine: Path) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(3 * server.MAX_GREETINGS):
            stack.enter_context(raw(engine))
        start = time.monotonic()
        connect().close()
        assert time.monotonic() - start < 1.0


def test_running_out_of_descriptors_does_not_end_the_engine() -> None:
    listener, stop = ScarceListener(), threading.Event()
    taken = accepted(listener, stop)  # type: ignore[arg-type]
    assert next(taken) == "a connection"
    stop.set()
    assert list(taken) == []


class ScarceListener:
    def __init__(self) -> None:
        self._errors: Iterator[int] = iter([errno.EMFILE, errno.ENFILE, errno.ECONNABORTED, errno.ENOMEM])

    def accept(self) -> tuple[str, str]:
        for number in self._errors:
            raise OSError(number, os.strerror(number))
        return "a connection", ""


AS_NOBODY = """
import os, socket, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
opened = socket.socket(socket.AF_UNIX)
opened.settimeout(5)
try:
    opened.connect(sys.argv[1])
    print("got", opened.recv(100))
except OSError as error:
    print(type(error).__name__)
"""

AS_ROOT = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become another user"
)


def as_nobody(path: Path) -> str:
    done = subprocess.run([sys.executable, "-c", AS_NOBODY, str(path)], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@AS_ROOT
def test_another_user_cannot_reach_the_socket(engine: Path) -> None:
    assert as_nobody(socket_of(engine)) == "PermissionError"


@AS_ROOT
def test_another_user_is_sent_away_even_where_modes_let_it_in(engine: Path) -> None:
    path = socket_of(engine)
    engine.chmod(0o711)
    path.chmod(0o777)
    try:
        assert as_nobody(path) in ("got b''", "ConnectionResetError")
        assert until(lambda: any("uid 65534" in line and "another user" in line for line in audit_lines(engine)))
    finally:
        engine.chmod(0o700)


class MacSocket:
    """A unix socket as macOS answers: `struct xucred`, and a process number."""

    family = socket.AF_UNIX

    def __init__(self, credentials: bytes) -> None:
        self._credentials = credentials

    def getsockopt(self, level: int, option: int, size: int = 0) -> bytes | int:
        assert level == 0 and (option, size) in ((1, 76), (2, 0))
        return self._credentials if option == 1 else 4711


def test_on_macos_the_kernel_is_asked_in_its_own_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    credentials = struct.pack("<IIhxx16I", 0, 501, 1, 20, *[0] * 15)
    assert peer_of(MacSocket(credentials)) == Peer(501, 4711)  # type: ignore[arg-type]
    for damaged in (credentials[:60], struct.pack("<I", 7) + credentials[4:]):
        with pytest.raises(OSError, match="cannot be read"):
            peer_of(MacSocket(damaged))  # type: ignore[arg-type]


def test_a_slow_scheduler_keeps_nobody_else_waiting(engine: Path, scheduler: FakeScheduler) -> None:
    """submit takes a second; polls on the same Engine and on another one stay quick meanwhile."""
    with connect() as one, connect() as other:
        job = one.swap("/p", "sh010", "hero")
        go = threading.Event()
        scheduler.on_call = lambda name: (name == "submit" and go.wait(5)) and None
        slow = threading.Thread(target=one.swap, args=("/p", "sh020", "hero"))
        slow.start()
        for engine_ in (one, other, one, other):
            start = time.monotonic()
            assert engine_.job(job.id).id == job.id
            assert time.monotonic() - start < 0.2
        go.set()
        slow.join()


def test_stop_ends_the_engine_after_its_answer(runtime: Path, scheduler: FakeScheduler) -> None:
    with serving(scheduler, runtime) as thread:
        connect().stop()
        thread.join(5)
        assert not thread.is_alive()


def test_an_engine_ends_while_clients_are_connected_and_leaves_no_thread(
    runtime: Path, scheduler: FakeScheduler
) -> None:
    before = threading.active_count()
    with serving(scheduler, runtime):
        engine = connect()
    with pytest.raises(EngineError):
        engine.hello()
    assert threading.active_count() == before
    engine.close()


def test_a_fault_of_the_engine_says_little_to_the_client_and_all_to_the_log(engine: Path) -> None:
    with connect() as client, pytest.raises(EngineError) as caught:
        client.submit("broken", {"project": "/p"})
    assert caught.value.facts["reason"] == "inside" and "secret" not in caught.value.message
    assert "a fault with a secret in it" in (engine / "engine.log").read_text()


@pytest.mark.parametrize(
    "call",
    [
        ("hello", "x"),
        ("job",),
        ("job", 7),
        ("jobs", "x" * 5000),
        ("log", "x", -1),
        ("log", "x", "y"),
        ("job", "x" * 300),
    ],
)
def test_wrong_arguments_are_answered_with_one_sentence(engine: Path, call: tuple[object, ...]) -> None:
    connection = open_connection(engine, Caller("test", "0"))
    with pytest.raises(Exception, match=f"^The call '{call[0]}' takes"):
        connection.ask(*call)  # type: ignore[arg-type]
    assert connection.ask("hello")
    connection.close()


@pytest.mark.parametrize("text", ["", "{", "[]", "7", "[" * 100_000, '{"a":' * 50_000, "9" * 10_000])
def test_a_request_that_is_no_json_object_is_answered_with_one_sentence(engine: Path, text: str) -> None:
    connection = open_connection(engine, Caller("test", "0"))
    with pytest.raises(Exception, match="JSON"):
        connection.ask("submit", "swap", text)
    connection.close()


def test_a_list_too_long_for_one_reply_is_cut_at_the_oldest(engine: Path, scheduler: FakeScheduler) -> None:
    with connect() as client:
        for _ in range(12):
            client.submit("swap", {"project": "/p", "shot": "s" * 100_000})
        listed = [job.id for job in client.jobs()]
        assert listed == list(reversed(scheduler.records))[: len(listed)] and 2 < len(listed) < 12


def test_an_answer_too_large_for_a_frame_is_an_error_and_not_a_lost_connection(
    engine: Path, scheduler: FakeScheduler
) -> None:
    with connect() as client:
        job = client.swap("/p", "sh010", "hero")
        scheduler.change(job.id, results={"x": "y" * (2 << 20)})
        with pytest.raises(EngineError, match="too large"):
            job.status()
        assert client.hello()


def test_names_that_are_not_on_the_list_end_the_connection(engine: Path) -> None:
    for name in (
        "__class__",
        "__dict__",
        "__reduce__",
        "__init__",
        "exposed_hello",
        "_handlers",
        "answer",
        "close",
        "",
    ):
        connection = open_connection(engine, Caller("test", "0"))
        with pytest.raises(EOFError):
            connection.ask(name)
        connection.close()
    assert isinstance(connect(), Engine)


ENGINE = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (60, 60))
from pathlib import Path
from understudy.service.server import serve
from tests.service.conftest import FakeScheduler
serve(FakeScheduler(), runtime_folder=Path(sys.argv[1]))
"""


@pytest.fixture
def killable(runtime: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = engine_process(runtime)
    yield process
    process.kill()
    process.wait()


def engine_process(folder: Path) -> subprocess.Popen[bytes]:
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": f"{root / 'engine'}:{root}"}
    process = subprocess.Popen([sys.executable, "-c", ENGINE, str(folder)], env=environment)
    assert until(lambda: can_connect(), 20)
    return process


def test_a_killed_engine_is_said_to_be_dead_and_the_next_one_starts(
    runtime: Path, killable: subprocess.Popen[bytes]
) -> None:
    client, stale = connect(), socket_of(runtime)
    killable.kill()
    killable.wait()
    with pytest.raises(EngineError, match="understudy serve") as caught:
        client.jobs()
    assert caught.value.facts["reason"] == "stopped" and stale.exists()
    again = engine_process(runtime)
    try:
        assert not stale.exists() and len(list(runtime.glob("*.sock"))) == 1
        assert client.hello().pid == again.pid and connect().hello().pid == again.pid
    finally:
        again.kill()
        again.wait()
        client.close()


def test_an_engine_out_of_descriptors_lives_on(runtime: Path, killable: subprocess.Popen[bytes]) -> None:
    """It may have 60 and is asked for 200."""
    with contextlib.ExitStack() as stack:
        for _ in range(200):
            stranger = stack.enter_context(socket.socket(socket.AF_UNIX))
            stranger.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                stranger.connect(str(socket_of(runtime)))
        time.sleep(0.5)
        assert killable.poll() is None
    assert until(lambda: can_connect())


KILLED_CLIENT = """
import os, sys, threading
from understudy.client import connect
engine = connect("victim")
job = engine.swap("/p", "sh010", "hero")
print(job.id, flush=True)
threading.Timer(0.2, os.kill, (os.getpid(), 9)).start()
while True:
    job.status()
"""


def test_a_client_killed_in_a_call_takes_nothing_with_it(engine: Path, scheduler: FakeScheduler) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED_CLIENT], capture_output=True, text=True)
    assert done.returncode == -9
    assert until(lambda: any("'victim'" in line for line in audit_lines(engine)))
    with connect() as client:
        assert client.job(done.stdout.strip()).latest.state == "waiting"
