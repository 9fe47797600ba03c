from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from understudy.durable import append_line, replacing, sweep, write_text
from understudy.errors import WriteError


def test_a_block_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(RuntimeError), replacing(path) as beside:
        beside.write_text("half")
        raise RuntimeError
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]
    assert path.read_text() == "old"


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match=r"file/a\.txt cannot be written"):
        write_text(tmp_path / "file" / "a.txt", "x")


def test_a_line_after_a_torn_one_starts_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    append_line(path, "one")
    path.write_text("one\ntw")
    append_line(path, "three")
    assert path.read_text() == "one\ntw\nthree\n"


_KILLED = """
import os, signal, sys
from pathlib import Path
from understudy.durable import replacing
with replacing(Path(sys.argv[1])) as beside:
    beside.write_text("half")
    if sys.argv[2] == "wait":
        print("writing", flush=True)
        sys.stdin.read()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def writer(path: Path, how: str) -> subprocess.Popen[bytes]:
    engine = str(Path(__file__).parents[1] / "engine")
    command, pipe = [sys.executable, "-c", _KILLED, str(path), how], subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, env={**os.environ, "PYTHONPATH": engine})


def hidden(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir() if entry.name.startswith(".")]


def test_what_a_killed_writer_left_is_swept_and_nothing_else(tmp_path: Path) -> None:
    with writer(tmp_path / "a.1001.exr", "at once") as killed:
        killed.wait()
    (left,) = hidden(tmp_path)
    machine = left.split(".")[3].split("-")[0]
    others = [".a.part", f".a.{killed.pid}.part.exr", left.replace(machine, "0" * 8), f"x{left}"]
    for name in others:
        (tmp_path / name).write_text("")
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / left).write_text("")
    assert sweep(tmp_path, tmp_path / "not there") == 1
    assert sorted(entry.name for entry in tmp_path.iterdir()) == sorted([*others, "below"])
    assert sweep(tmp_path / "below") == 1


def test_what_is_being_written_is_not_swept(tmp_path: Path) -> None:
    with writer(tmp_path / "a.txt", "wait") as other, replacing(tmp_path / "b.txt") as own:
        assert other.stdout is not None and other.stdout.readline() == b"writing\n"
        own.write_text("whole")
        assert sweep(tmp_path) == 0 and len(hidden(tmp_path)) == 2
        other.kill()
        other.wait()
        assert sweep(tmp_path) == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["b.txt"]
