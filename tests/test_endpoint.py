from __future__ import annotations

import dataclasses
import os
import stat
from pathlib import Path

import pytest

from understudy.endpoint import Endpoint, checked_folder, read_endpoint, runtime_folder, write_endpoint
from understudy.errors import EngineError

ENDPOINT = Endpoint("unix", "engine-1234.sock", "ab" * 32, 4711, 1.5, (1, 2), "0.1.0")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "run"
    path.mkdir(mode=0o700)
    return path


def reason(path: Path) -> str:
    with pytest.raises(EngineError) as caught:
        read_endpoint(path)
    assert "\n" not in caught.value.message
    return str(caught.value.facts["reason"])


def test_what_an_engine_writes_a_client_reads(folder: Path) -> None:
    write_endpoint(folder, ENDPOINT)
    assert read_endpoint(folder) == ENDPOINT


def test_the_endpoint_file_is_for_its_user_alone_and_nothing_lies_beside_it(folder: Path) -> None:
    write_endpoint(folder, ENDPOINT)
    assert [path.name for path in folder.iterdir()] == ["endpoint.json"]
    assert stat.S_IMODE((folder / "endpoint.json").stat().st_mode) == 0o600


def test_a_folder_that_is_made_is_closed_to_others(tmp_path: Path) -> None:
    made = checked_folder(tmp_path / "a" / "run", create=True)
    assert stat.S_IMODE(made.stat().st_mode) == 0o700


def test_no_engine_is_said_with_the_command_that_starts_one(folder: Path) -> None:
    assert reason(folder) == "none"
    assert reason(folder / "missing") == "none"
    with pytest.raises(EngineError, match="understudy serve"):
        read_endpoint(folder)


@pytest.mark.parametrize("mode", [0o701, 0o710, 0o770, 0o755])
def test_a_folder_that_others_can_enter_is_refused(folder: Path, mode: int) -> None:
    write_endpoint(folder, ENDPOINT)
    folder.chmod(mode)
    assert reason(folder) == "unsafe"


def test_a_link_in_place_of_the_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    assert reason(tmp_path / "link") == "unsafe"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a folder away")
@pytest.mark.parametrize("which", ["folder", "file"])
def test_what_belongs_to_another_user_is_refused(folder: Path, which: str) -> None:
    write_endpoint(folder, ENDPOINT)
    os.chown(folder if which == "folder" else folder / "endpoint.json", 65534, 65534)
    assert reason(folder) == "unsafe"


def test_an_endpoint_file_that_others_can_read_is_refused(folder: Path) -> None:
    write_endpoint(folder, ENDPOINT)
    (folder / "endpoint.json").chmod(0o640)
    assert reason(folder) == "unsafe"


def test_a_link_in_place_of_the_endpoint_file_is_refused(folder: Path, tmp_path: Path) -> None:
    elsewhere = checked_folder(tmp_path / "elsewhere", create=True)
    write_endpoint(elsewhere, ENDPOINT)
    (folder / "endpoint.json").symlink_to(elsewhere / "endpoint.json")
    assert reason(folder) == "unsafe"


@pytest.mark.parametrize(
    "changes",
    [{"address": "../x.sock"}, {"kind": "udp"}, {"token": "ab"}, {"token": "zz" * 32}, {"address": 7}, {"protocol": 1}],
)
def test_an_endpoint_file_that_no_engine_writes_is_refused(folder: Path, changes: dict[str, object]) -> None:
    write_endpoint(folder, dataclasses.replace(ENDPOINT, **changes))
    assert reason(folder) == "unsafe"


@pytest.mark.parametrize("text", [b"", b"[]", b"{", b"[" * 4000, b"{}", b" " * 5000, b"\xff"])
def test_a_broken_endpoint_file_is_refused(folder: Path, text: bytes) -> None:
    write_endpoint(folder, ENDPOINT)
    (folder / "endpoint.json").write_bytes(text)
    assert reason(folder) == "unsafe"


def test_the_runtime_folder_can_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERSTUDY_RUNTIME", "/somewhere")
    assert runtime_folder() == Path("/somewhere")


def test_the_runtime_folder_follows_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UNDERSTUDY_RUNTIME", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/7")
    assert runtime_folder() == Path("/run/user/7/understudy")
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert runtime_folder().name == f"understudy-{os.getuid()}"
