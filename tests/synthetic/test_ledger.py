"""The ledger: what is finished is known after a kill, and a folder made otherwise is left alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from understudy.errors import SettingsError, WriteError
from understudy.synthetic.ledger import Ledger

SETTINGS = {"kind": "shot", "frames": 2, "size": (64, 64)}
FILES = ["a.1001.exr", "a.1002.exr"]


def finish(ledger: Ledger, file: str) -> None:
    (ledger.folder / file).write_bytes(b"picture")
    ledger.add({"files": [file], "number": int(file[2:6])})


def test_finished_frames_are_known_to_the_next_run(tmp_path: Path) -> None:
    finish(Ledger(tmp_path, SETTINGS, FILES), FILES[0])
    again = Ledger(tmp_path, SETTINGS, FILES)
    assert [again.is_finished(file) for file in FILES] == [True, False]


def test_a_frame_whose_file_is_gone_is_not_finished(tmp_path: Path) -> None:
    finish(Ledger(tmp_path, SETTINGS, FILES), FILES[0])
    (tmp_path / FILES[0]).unlink()
    assert not Ledger(tmp_path, SETTINGS, FILES).is_finished(FILES[0])


def test_the_line_that_a_kill_tore_is_forgotten(tmp_path: Path) -> None:
    finish(Ledger(tmp_path, SETTINGS, FILES), FILES[0])
    journal = tmp_path / "finished.jsonl"
    journal.write_text(journal.read_text() + '{"files":["a.1002.exr"],"num')
    again = Ledger(tmp_path, SETTINGS, FILES)
    assert not again.is_finished(FILES[1])
    finish(again, FILES[1])
    assert Ledger(tmp_path, SETTINGS, FILES).is_complete


def test_the_truth_is_in_the_order_of_the_frames(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, SETTINGS, FILES)
    for file in reversed(FILES):
        finish(ledger, file)
    ledger.close()
    truth = json.loads((tmp_path / "truth.json").read_text())
    assert [frame["number"] for frame in truth["frames"]] == [1001, 1002]
    assert [path.name for path in sorted(tmp_path.iterdir())] == [*FILES, "truth.json"]


def test_a_folder_made_with_other_settings_is_refused(tmp_path: Path) -> None:
    Ledger(tmp_path, SETTINGS, FILES)
    with pytest.raises(SettingsError, match=r"made with frames 2, not 3, size \[64, 64\], not \[96, 64\];"):
        Ledger(tmp_path, SETTINGS | {"frames": 3, "size": (96, 64)}, FILES)


def test_a_finished_folder_made_with_other_settings_is_refused(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, SETTINGS, FILES[:1])
    finish(ledger, FILES[0])
    ledger.close()
    with pytest.raises(SettingsError, match="made with kind shot, not set"):
        Ledger(tmp_path, SETTINGS | {"kind": "set"}, FILES)


def test_pictures_of_somebody_else_are_not_written_over(tmp_path: Path) -> None:
    (tmp_path / FILES[1]).write_bytes(b"days of work")
    with pytest.raises(SettingsError, match=r"a\.1002\.exr is there already"):
        Ledger(tmp_path, SETTINGS, FILES)


@pytest.mark.parametrize("text", ["", "[]", "{}", "not json", '{"schema":"understudy.synthetic","version":99}'])
@pytest.mark.parametrize("name", ["truth.json", "finished.jsonl"])
def test_a_foreign_ledger_is_refused(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(SettingsError, match=f"{name} was not written by this version"):
        Ledger(tmp_path, SETTINGS, FILES)


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match="cannot be written"):
        Ledger(tmp_path / "file" / "set", SETTINGS, FILES)
