from __future__ import annotations

import ctypes.util
import json
from pathlib import Path

import pytest
import torch

from understudy.cli import main
from understudy.errors import FaceError
from understudy.jobs import doctor
from understudy.jobs.check import Check


@pytest.fixture(autouse=True)
def quiet_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No engine, no host, nothing of this machine's user."""
    monkeypatch.setenv("UNDERSTUDY_RUNTIME", str(tmp_path / "run"))
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.delenv("OCIO", raising=False)
    return tmp_path


def found(checks: tuple[Check, ...] | list[Check]) -> dict[str, Check]:
    return {check.name: check for check in checks}


def test_this_machine_is_well_enough(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    checks = {check["name"]: check for check in json.loads(capsys.readouterr().out)}
    assert {"understudy", "python", "torch", "OCIO config", "OpenImageIO", "OpenEXR", "PyAV", "engine"} <= set(checks)
    assert {"face finder", "runtime folder", "free space", "plug-in for Nuke", "plug-in for Resolve"} <= set(checks)
    assert set(checks["python"]) == {"name", "found", "state", "cure"}
    assert checks["engine"]["state"] == "note"
    assert "understudy serve" in checks["engine"]["found"]
    assert checks["plug-in for Nuke"]["cure"] == "understudy install nuke"


def test_a_fault_ends_with_1_and_a_note_does_not(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(doctor, "examine", lambda here: (Check("GPU", "none", "note"),))
    assert main(["doctor"]) == 0
    monkeypatch.setattr(doctor, "examine", lambda here: (Check("python", "3.8", "fault", "Use 3.11."),))
    assert main(["doctor"]) == 1
    assert "3.8  ->  Use 3.11." in capsys.readouterr().out


def test_missing_system_libraries_are_named_with_their_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.sys, "platform", "linux")
    monkeypatch.setattr(ctypes.util, "find_library", lambda name: None if name == "EGL" else name)
    check = found(list(doctor._system_libraries()))["system libraries"]
    assert (check.state, check.cure) == ("fault", "On Debian or Ubuntu: apt-get install libegl1")


def test_a_version_beside_its_pin_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "requires", lambda name: ["numpy<2", "gone>=1", "pydantic>=2.7", "x; extra == 'dev'"])
    have = {"numpy": "2.1.0", "pydantic": "2.9"}

    def version(name: str) -> str:
        if name not in have:
            raise doctor.PackageNotFoundError(name)
        return have[name]

    monkeypatch.setattr(doctor, "version", version)
    checks = found(list(doctor._versions()))
    assert (checks["numpy"].state, checks["numpy"].found) == ("fault", "2.1.0, but numpy<2 is needed")
    assert checks["gone"].cure == "pip install 'gone>=1'"
    assert checks["libraries"].found == "pydantic 2.9"
    assert "x" not in checks


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
@pytest.mark.parametrize(
    "driver,build,words",
    [("", "13.0", "none"), ("550.1", None, "this torch cannot use"), ("550.1", "13.0", "torch finds no device")],
)
def test_no_gpu_is_told_with_its_reason(monkeypatch, driver: str, build: str | None, words: str) -> None:
    monkeypatch.setattr(doctor, "_driver_version", lambda: driver)
    monkeypatch.setattr(doctor.torch.version, "cuda", build)
    check = found(list(doctor._gpu()))["GPU"]
    assert check.state == "note"
    assert words in check.found


def test_a_face_finder_that_does_not_start_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise FaceError("mediapipe cannot be loaded: libGL.so.1.")

    monkeypatch.setattr(doctor, "FaceFinder", broken)
    assert next(doctor._face_finder()).state == "fault"


def test_a_runtime_folder_that_is_open_to_others_is_a_fault(quiet_place: Path) -> None:
    (quiet_place / "run").mkdir(mode=0o755)
    (quiet_place / "run").chmod(0o755)
    check = next(doctor._runtime())
    assert check.state == "fault"
    assert "open to other users" in check.found
    assert next(doctor._engine()).state == "fault"


def test_a_full_disk_is_a_fault_and_a_small_one_a_note(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for gibibytes, state in ((0.5, "fault"), (5, "note"), (100, "ok")):
        monkeypatch.setattr(
            doctor.shutil, "disk_usage", lambda path, free=gibibytes: type("U", (), {"free": free * 2**30})
        )
        assert next(doctor._space(tmp_path)).state == state


def test_a_project_s_own_config_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "understudy.yaml").write_text("schema: project-1\nocio: gone.ocio\n")
    check = next(doctor._colour(tmp_path))
    assert check.state == "fault"
    assert "gone.ocio" in check.found
