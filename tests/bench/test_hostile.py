from __future__ import annotations

import contextlib
import random
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from rpyc.core.channel import Channel
from rpyc.core.protocol import Connection
from rpyc.core.service import VoidService
from rpyc.core.stream import SocketStream

from understudy.bench import attacks
from understudy.bench.attacks import ATTACKS, BreachError
from understudy.bench.engine import own_engine
from understudy.bench.hostile import attack_engine
from understudy.endpoint import Endpoint, write_endpoint
from understudy.service.listener import accepted
from understudy.wire import greet_client

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into the engine's process by /proc")


@pytest.mark.parametrize("options", [(), ("--tcp",)], ids=["unix", "tcp"])
def test_a_hostile_crowd_gets_nothing_and_a_good_client_notices_nothing(options: tuple[str, ...]) -> None:
    """`understudy bench rpc --hostile --minutes 10` is the same for longer."""
    with own_engine((*options, "--device", "cpu")) as target:
        result = attack_engine(target, 60.0 if not options else 5.0)
        assert target.is_alive()
    assert result.breaches == []
    assert set(result.attacks) == set(ATTACKS)
    assert sum(result.attacks.values()) > 500
    assert result.calls > 50 and result.failures == []
    assert result.median_ms < 50 and result.worst_ms < 1000 and result.worst_connect_ms < 2000
    before, peak, after = result.resident_mb
    assert max(peak, after) < before + 64
    assert result.descriptors[1] <= result.descriptors[0] and result.threads[1] <= result.threads[0]


@pytest.mark.parametrize("name", ["attribute_walk", "other_handles", "references"])
def test_an_attack_sees_what_a_careless_server_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """RPyC with its default settings behind our greeting: an attack that finds nothing there finds nothing anywhere."""
    monkeypatch.setattr(attacks, "_PATIENCE_S", 0.5)
    with careless_server(tmp_path), pytest.raises(BreachError):
        for seed in range(20):
            ATTACKS[name](tmp_path, random.Random(seed))


@contextlib.contextmanager
def careless_server(folder: Path) -> Iterator[None]:
    token, stop = "ab" * 32, threading.Event()
    folder.chmod(0o700)
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(str(folder / "engine-0.sock"))
        listener.listen()
        listener.settimeout(0.1)
        write_endpoint(folder, Endpoint("unix", "engine-0.sock", token, 1, 1.0, (1, 1), "0"))

        def run() -> None:
            for opened in accepted(listener, stop):
                greet_client(opened, token, "0", lambda: 0)
                opened.settimeout(None)
                with contextlib.suppress(Exception):
                    Connection(VoidService(), Channel(SocketStream(opened)), {}).serve_all()
                opened.close()

        thread = threading.Thread(target=run)
        thread.start()
        yield
        stop.set()
        thread.join()
