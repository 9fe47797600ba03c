from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from understudy.errors import WriteError
from understudy.scheduler.record import JobError, JobRecord, JobState
from understudy.scheduler.store import JobStore, StoredJob, default_state_folder

RECORD = JobRecord(
    id="20261124-3f9c2a",
    kind="swap",
    project="/film",
    subject="sh010",
    request={"shot": "sh010", "overrides": ["a=1"]},
    state=JobState.FAILED,
    device="cpu",
    created=1000.5,
    error=JobError("PlateError", "Torn.", {"frame": 3}),
)


def test_a_job_comes_back_as_it_was_kept(tmp_path: Path) -> None:
    JobStore(tmp_path).save(StoredJob(RECORD, 7.0))
    assert JobStore(tmp_path).load() == [StoredJob(RECORD, 7.0)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "[" * 100_000,
        '{"schema": "job-9"}',
        '{"schema": "job-1", "queued": 1, "record": {}}',
        json.dumps({"schema": "job-1", "queued": 1, "record": {**RECORD.to_json(), "state": "asleep"}}),
        json.dumps({"schema": "job-1", "queued": 1, "record": {**RECORD.to_json(), "created": "now"}}),
        json.dumps({"schema": "job-1", "queued": 1, "record": {**RECORD.to_json(), "more": 1}}),
        json.dumps({"schema": "job-1", "queued": 1, "record": {**RECORD.to_json(), "id": "../../etc"}}),
    ],
)
def test_a_torn_or_foreign_file_is_passed_over(tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture) -> None:
    store = JobStore(tmp_path)
    good = replace(RECORD, id="20261124-000001")
    store.save(StoredJob(good, 1.0))
    folder = tmp_path / "jobs" / RECORD.id
    folder.mkdir()
    (folder / "job.json").write_text(text)
    (tmp_path / "jobs" / "a file").write_text("x")
    with caplog.at_level(logging.WARNING):
        assert [job.record for job in store.load()] == [good]
    assert caplog.text.count("Passed over") == 2


def test_a_log_is_read_from_where_one_was(tmp_path: Path) -> None:
    store = JobStore(tmp_path)
    store.save(StoredJob(RECORD, 1.0))
    store.append(RECORD.id, ["one", "two\nthree"])
    first = store.tail(RECORD.id, 0)
    store.append(RECORD.id, ["four"])
    second = store.tail(RECORD.id, first.next)
    assert (first.lines, second.lines) == (("one", "two", "three"), ("four",))
    assert store.tail(RECORD.id, second.next) == store.tail(RECORD.id, 10**9)


def test_an_unfinished_line_waits(tmp_path: Path) -> None:
    store = JobStore(tmp_path)
    store.save(StoredJob(RECORD, 1.0))
    path = tmp_path / "jobs" / RECORD.id / "log.txt"
    path.write_text("whole\nhal")
    assert store.tail(RECORD.id, 0).lines == ("whole",)
    path.write_text("whole\nhalf\n")
    assert store.tail(RECORD.id, 6).lines == ("half",)


def test_a_log_does_not_fill_the_disk(tmp_path: Path) -> None:
    store = JobStore(tmp_path)
    store.save(StoredJob(RECORD, 1.0))
    for _ in range(30):
        store.append(RECORD.id, ["x" * 10_000] * 500)
    path = tmp_path / "jobs" / RECORD.id / "log.txt"
    assert path.stat().st_size < 18 << 20
    assert path.read_text().endswith("The log is full; nothing more is kept.\n")
    assert len("".join(store.tail(RECORD.id, 0).lines)) <= 128 << 10


def test_a_state_folder_that_cannot_be_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match="UNDERSTUDY_STATE"):
        JobStore(tmp_path / "file" / "state")


def test_the_state_folder_is_private(tmp_path: Path) -> None:
    JobStore(tmp_path / "state")
    assert (tmp_path / "state").stat().st_mode & 0o077 == 0


def test_the_state_folder_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERSTUDY_STATE", str(tmp_path))
    assert default_state_folder() == tmp_path
    monkeypatch.delenv("UNDERSTUDY_STATE")
    monkeypatch.setenv("XDG_STATE_HOME", "/xdg")
    assert default_state_folder() == Path("/xdg/understudy")
