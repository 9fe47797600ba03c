from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from understudy.monitor import server
from understudy.monitor.address import proof
from understudy.monitor.server import MonitorHandle

from .conftest import Visitor
from .fake_scheduler import FakeScheduler

Start = Callable[[], MonitorHandle]


@pytest.mark.parametrize("place", ["", "?token=wrong", "?token=", "static/app.js", "api/state", "api/key", "nothing"])
def test_nothing_is_told_without_the_token(start: Start, place: str) -> None:
    assert Visitor(start().url).status(place) == 403


def test_the_token_opens_the_page_and_gives_a_cookie_for_this_path_only(start: Start) -> None:
    visitor = Visitor(start().url)
    status, body, headers = visitor.ask(f"{visitor.root}?{visitor.query}")
    assert status == 200
    assert b"<title>Understudy</title>" in body
    assert f"; HttpOnly; Path={visitor.root}; SameSite=strict" in headers["set-cookie"]
    assert visitor.query.removeprefix("token=") not in headers["set-cookie"]


def test_the_token_opens_nothing_but_the_page(start: Start) -> None:
    visitor = Visitor(start().url)
    assert visitor.status(f"api/state?{visitor.query}") == 403


def test_a_wrong_cookie_is_refused(visitor: Visitor) -> None:
    assert visitor.status("api/state") == 200
    assert visitor.status("api/state", Cookie=visitor.cookie[:-1]) == 403
    assert visitor.status("api/state", Cookie="understudy_monitor=") == 403


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "10.0.0.1:8080", "[::1]:80"]
)
def test_another_name_for_this_machine_is_refused(visitor: Visitor, host: str) -> None:
    assert visitor.status("api/state", Host=host) == 403
    assert visitor.status(f"?{visitor.query}", Host=host) == 403


def test_another_port_is_served_because_a_tunnel_may_have_one(visitor: Visitor) -> None:
    assert visitor.status("api/state", Host="localhost:9999") == 200


def test_paths_outside_are_refused(visitor: Visitor) -> None:
    for path in ("/", "/api/state", f"{visitor.root[:-1]}x/", f"//{visitor.root}"):
        assert visitor.ask(path)[0] == 403


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE"])
def test_other_methods_are_refused(visitor: Visitor, method: str) -> None:
    assert visitor.status("api/state", method) == 405


@pytest.mark.parametrize("origin", ["", "null", "http://evil.example", "https://{host}", "http://localhost:1"])
def test_jobs_are_changed_from_the_page_alone(visitor: Visitor, scheduler: FakeScheduler, origin: str) -> None:
    job = scheduler.add("train", "/nowhere", "hero", "running")
    assert visitor.status(f"api/jobs/{job}/cancel", "POST", Origin=origin.format(host=visitor.host)) == 403
    assert visitor.status(f"api/jobs/{job}/cancel") == 405
    assert scheduler.job(job).state == "running"


def test_requests_of_other_sites_are_refused(visitor: Visitor) -> None:
    for site in ("cross-site", "same-site"):  # another port of this machine is "same-site"
        assert visitor.status("api/state", Sec_Fetch_Site=site) == 403
    assert visitor.status(f"?{visitor.query}", Sec_Fetch_Site="cross-site") == 200


def test_every_answer_forbids_what_the_page_does_not_need(visitor: Visitor) -> None:
    for path in (visitor.root, f"{visitor.root}api/state", "/elsewhere"):
        headers = visitor.ask(path)[2]
        assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self';")
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["server"] is None


def test_the_page_names_no_other_machine() -> None:
    for name, (body, _, _) in server.Pages(FakeScheduler(), tuple, "key")._static.items():
        text = body.decode().replace("http://www.w3.org/2000/svg", "")
        assert "http" not in text.replace("https?", ""), name


def test_a_page_finds_the_next_engine_by_the_key(start: Start) -> None:
    first = start()
    visitor = Visitor(first.url).enter()
    key = visitor.json("api/key")["key"]
    first.close()
    assert start().url == first.url
    assert visitor.status("api/state") == 403
    visitor.cookie = ""
    hello = visitor.json(f"renew?nonce={'a' * 32}")
    assert hello["proof"] == proof(key, "engine", "a" * 32, hello["nonce"])
    place = f"renew?nonce={hello['nonce']}&proof={proof(key, 'page', hello['nonce'])}"
    status, _, headers = visitor.ask(visitor.root + place, "POST")
    assert status == 204
    visitor.cookie = headers["set-cookie"].split(";")[0]
    assert visitor.status("api/state") == 200
    assert visitor.status(place, "POST") == 403  # a nonce is good once


def test_without_the_key_there_is_no_renewal(start: Start) -> None:
    visitor = Visitor(start().url)
    nonce = visitor.json(f"renew?nonce={'a' * 32}")["nonce"]
    assert visitor.status(f"renew?nonce={nonce}&proof={proof('guess', 'page', nonce)}", "POST") == 403
    assert visitor.status(f"renew?nonce={'b' * 32}&proof={'c' * 64}", "POST") == 403
    assert visitor.status("renew") == 403


def test_a_taken_port_means_new_secrets(start: Start) -> None:
    first, second = start(), start()
    assert Visitor(first.url).host != Visitor(second.url).host
    assert Visitor(first.url).root != Visitor(second.url).root
    assert Visitor(first.url).query != Visitor(second.url).query


def test_the_address_is_kept_for_its_owner_only(start: Start, runtime: Path) -> None:
    first = start()
    path = runtime / "monitor.json"
    assert path.stat().st_mode & 0o777 == 0o600
    first.close()
    path.chmod(0o644)
    assert start().url != first.url


def test_a_link_in_the_address_s_place_is_not_believed(start: Start, runtime: Path) -> None:
    first = start()
    first.close()
    (runtime / "monitor.json").rename(runtime / "elsewhere.json")
    (runtime / "monitor.json").symlink_to(runtime / "elsewhere.json")
    assert start().url != first.url
    assert json.loads((runtime / "elsewhere.json").read_text())["port"] == int(Visitor(first.url).host.split(":")[1])


def test_it_listens_on_this_machine_alone(start: Start) -> None:
    port = int(Visitor(start().url).host.split(":")[1])
    with socket.socket() as other:
        other.settimeout(1)
        assert other.connect_ex(("127.0.0.2", port)) != 0


def open_files() -> int:
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.exists() else 0


def test_silent_connections_are_dropped_and_the_owner_is_served(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_REQUEST_SECONDS", 0.5)
    visitor = Visitor(start().url).enter()
    address = ("127.0.0.1", int(visitor.host.split(":")[1]))
    before = open_files()
    silent = [socket.create_connection(address) for _ in range(100)]
    silent[0].sendall(b"GET / HTTP/1.1\r\nHost: ")
    time.sleep(1.0)
    assert all(one.recv(1) == b"" for one in silent[:1])
    assert visitor.status("api/state") == 200
    for one in silent:
        one.close()
    time.sleep(0.2)
    assert open_files() <= before + 2
