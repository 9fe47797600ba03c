from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from understudy import __version__
from understudy.cli import main
from understudy.plates import Frame, read_frame, write_frame
from understudy.settings.project import ProjectFolder

ENGINE = Path(__file__).parents[2] / "engine"


@pytest.fixture
def here(portrait_project: ProjectFolder) -> list[str]:
    return ["-C", str(portrait_project.path)]


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(list(arguments))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_version_and_help_are_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "--version")[:2] == (0, f"understudy {__version__}\n")
    code, out, _ = run(capsys, "--help")
    assert code == 0
    commands = ("new", "shot", "identity", "extract", "faces", "faceset", "train", "swap", "preview", "inspect")
    for command in (*commands, "presets", "verify", "doctor", "synth", "demo"):
        assert re.search(rf"\b{command}\b", out)


def test_the_tour_runs_from_the_shell(tmp_path: Path, portrait_project: ProjectFolder, capsys) -> None:
    """new, shot add, identity add, extract, train, swap, verify: as the README shows them."""
    plates = portrait_project.path.parent / "plates" / "sh010.####.exr"
    film = ["-C", str(tmp_path / "film")]
    size = ["--preset", "identity", "--set", "model.size=64"]
    for arguments in (
        ["new", str(tmp_path / "film")],
        [*film, "shot", "add", "sh010", "--plate", str(plates), "--colorspace", "ACEScg"],
        [*film, "identity", "add", "eileen", "--role", "target"],
        [*film, "identity", "add", "double", "--role", "source", "--synthetic"],
        [*film, "extract", "sh010", "--identity", "eileen", *size],
        [*film, "extract", "sh010", "--identity", "double", *size],
        [*film, "train", "hero", *size],
        [*film, "swap", "sh010", "--model", "hero", "--comp"],
        ["verify", str(tmp_path / "film" / "swaps" / "sh010")],
    ):
        code, _, err = run(capsys, *arguments)
        assert code == 0, err
    assert len(list((tmp_path / "film" / "swaps" / "sh010" / "comp").glob("*.exr"))) == 3


def test_the_whole_job_runs_on_a_photograph(here: list[str], portrait_project: ProjectFolder, capsys) -> None:
    """Eileen Collins as the target identity; her mirror image stands in for a source identity."""
    plates = portrait_project.path.parent / "plates"
    for number in (1, 2, 3):
        mirrored = read_frame(plates / f"sh010.{1000 + number}.exr").pixels[:, ::-1]
        write_frame(plates / f"mirror.{number}.exr", Frame.of(np.ascontiguousarray(mirrored)))
    pattern = str(plates / "mirror.#.exr")
    for arguments in (
        ["shot", "add", "mirror", "--plate", pattern, "--colorspace", "ACEScg"],
        ["extract", "sh010", "--identity", "eileen", "--preset", "u64"],
        ["extract", "mirror", "--identity", "double", "--preset", "u64"],
        ["train", "hero", "--preset", "u64", "--iterations", "3"],
        ["train", "hero", "--iterations", "5"],
        ["swap", "sh010", "--model", "hero", "--comp"],
    ):
        code, _, err = run(capsys, *here, *arguments)
        assert code == 0, err
    plate = read_frame(plates / "sh010.1002.exr")
    comp = read_frame(portrait_project.swaps("sh010") / "comp" / "sh010_comp.1002.exr")
    changed = (comp.pixels != plate.pixels).any(axis=2)
    assert 0.005 < changed.mean() < 0.2
    assert sorted(path.name for path in (portrait_project.model("hero") / "snapshots").iterdir()) == [
        "best.safetensors",
        "iteration-000000003.safetensors",
        "iteration-000000005.safetensors",
    ]


@pytest.mark.parametrize(
    "arguments,code,words",
    [
        (["extract", "sh01", "--identity", "eileen"], 2, "Near: sh010"),
        (["extract", "sh010", "--identity", "elleen"], 2, "Near: eileen"),
        (["extract", "sh010", "--identity", "eileen", "--frames", "abc"], 2, "no frame range"),
        (["extract", "sh010", "--identity", "eileen", "--preset", "u9"], 2, "No preset is called 'u9'"),
        (["extract", "sh010", "--identity", "eileen", "--set", "modle.size=64"], 2, "modle"),
        (["extract", "sh010"], 2, "--identity"),
        (["train", "m"], 1, "understudy extract SHOT --identity eileen"),
        (["train", "../m"], 2, "cannot name a model"),
        (["swap", "sh010", "--model", "m"], 1, "understudy train m"),
        (["shot", "add", "x", "--plate", "nothing.####.exr"], 1, "No file matches"),
        (["identity", "add", "ada", "--role", "source"], 2, "--consent FILE"),
        (["identity", "add", "ada", "--role", "source", "--consent", "gone.yaml"], 2, "gone.yaml cannot be read"),
        (["faceset", "eileen"], 1, "understudy extract SHOT --identity eileen"),
        (["inspect", "gone.exr"], 1, "gone.exr"),
        (["nonsense"], 2, "nonsense"),
    ],
)
def test_nonsense_gets_one_sentence_and_a_code(
    here: list[str], capsys, arguments: list[str], code: int, words: str
) -> None:
    got, out, err = run(capsys, *here, *arguments)
    assert (got, out) == (code, "")
    assert words in err
    assert err.count("\n") == 1 and "Traceback" not in err


def test_a_truncated_frame_stops_the_command_and_names_the_file(here: list[str], portrait_project, capsys) -> None:
    path = portrait_project.path.parent / "plates" / "sh010.1002.exr"
    path.write_bytes(path.read_bytes()[:-2000])
    code, _, err = run(capsys, *here, "extract", "sh010", "--identity", "eileen", "--preset", "identity")
    assert code == 1
    assert "sh010.1002.exr" in err.splitlines()[-1]
    assert len((portrait_project.faces_file("sh010")).read_text().splitlines()) == 1


def test_a_snapshot_from_elsewhere_is_refused(here: list[str], portrait_project: ProjectFolder, capsys) -> None:
    folder = portrait_project.model("m") / "snapshots"
    folder.mkdir(parents=True)
    (folder / "iteration-000000001.safetensors").write_bytes(b"\x80\x04pickle" * 9)
    code, _, err = run(capsys, *here, "swap", "sh010", "--model", "m")
    assert (code, err.count("\n")) == (1, 1)
    assert "iteration-000000001.safetensors" in err


def test_dry_runs_write_nothing(here: list[str], portrait_project: ProjectFolder, capsys, tmp_path: Path) -> None:
    def files() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}

    before = files()
    plate = str(portrait_project.path.parent / "plates" / "sh010.####.exr")
    for arguments in (
        ["new", "other", "--dry-run"],
        ["shot", "add", "b", "--plate", plate, "--dry-run"],
        ["identity", "add", "c", "--role", "target", "--dry-run"],
        ["extract", "sh010", "--identity", "eileen", "--preset", "identity", "--dry-run"],
        ["synth", "shot", "x", "--identity-seed", "1", "--dry-run"],
    ):
        code, out, _ = run(capsys, *here, *arguments)
        assert code == 0 and out.startswith("would ")
    assert files() == before


@pytest.mark.parametrize("arguments", [["presets"], ["faces", "sh010"], ["inspect", "identity"]])
def test_what_reads_prints_one_json_document(
    here: list[str], capsys, arguments: list[str], cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache_folder.parents[1]))
    code, out, _ = run(capsys, *here, *arguments, "--json")
    assert code == 0
    assert json.loads(out)


def test_inspect_says_what_a_plate_is(tmp_path: Path, capsys, frame: Frame) -> None:
    write_frame(tmp_path / "a.1001.exr", frame)
    _, out, _ = run(capsys, "inspect", str(tmp_path / "a.####.exr"), "--json")
    facts = json.loads(out)
    assert (facts["frames"], facts["data_window"]) == ("1001", "48x32 at -4,10")
    assert facts["display_window"] == "64x64 at 0,0"


def test_a_consent_form_is_written(tmp_path: Path, capsys) -> None:
    path = tmp_path / "ada.yaml"
    assert run(capsys, "identity", "form", str(path))[0] == 0
    assert "document_sha256" in path.read_text()
    assert run(capsys, "identity", "form", str(path))[0] == 2


def started(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    code = "import sys; from understudy.cli import main; sys.exit(main())"
    environment = {**os.environ, "PYTHONPATH": str(ENGINE)}
    command = [sys.executable, "-c", code, "-C", str(folder), *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def lengthened(folder: ProjectFolder, frames: int) -> ProjectFolder:
    """The shot with copies of its first frame, so that there is time to stop a command in the middle."""
    plates = folder.path.parent / "plates"
    for number in range(1004, 1001 + frames):
        (plates / f"sh010.{number}.exr").write_bytes((plates / "sh010.1001.exr").read_bytes())
    values = {"plate": "../plates/sh010.####.exr", "colorspace": "ACEScg", "frames": f"1001-{1000 + frames}"}
    return folder.save(folder.with_shot("sh010", values))


def wait_for_lines(path: Path, count: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if path.is_file() and len(path.read_text().splitlines()) >= count:
            return
        time.sleep(0.02)
    raise AssertionError(f"{path} did not grow")


@pytest.mark.parametrize("number,code", [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_a_command_that_was_stopped_or_killed_goes_on(
    portrait_project: ProjectFolder, capsys, number: signal.Signals, code: int
) -> None:
    folder = lengthened(portrait_project, 30)
    arguments = ("extract", "sh010", "--identity", "eileen", "--preset", "identity", "--set", "model.size=64")
    process = started(folder.path, *arguments)
    wait_for_lines(folder.faces_file("sh010"), 2)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    done = len(folder.faces_file("sh010").read_text().splitlines())
    assert 2 <= done < 30
    assert main(["-C", str(folder.path), *arguments]) == 0
    assert len(folder.faces_file("sh010").read_text().splitlines()) in (30, 31)
    assert np.unique([path.name for path in (folder.faceset("eileen") / "crops").iterdir()]).size == 30
