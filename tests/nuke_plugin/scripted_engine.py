"""An engine whose jobs do what a test says: served in a thread, asked over the real wire."""

from __future__ import annotations

import contextlib
import copy
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.service.conftest import FakeScheduler, serving
from understudy.scheduler.record import JobRecord, JobState

__all__ = ["RESULTS", "Script", "running"]

RESULTS: dict[str, dict[str, Any]] = {
    "shot": {
        "frames": "1001-1003",
        "colorspace": "ACES2065-1",
        "reason": "as the shot says",
        "losses": ["8 bits have steps"],
        "result_colorspace": "ACES2065-1",
    },
    "inspect": {"identities": [{"name": "ben", "role": "target"}]},
    "identity": {"identity": "carl", "role": "target"},
    "extract": {"cropped": 3},
    "faces": {
        "tracks": [{"track": 1, "identity": "", "frames": "1001-1003", "count": 3, "height_px": 310.5}],
        "more_tracks": 2,
        "without_face": "1004",
        "native_px": {"smallest": 300.0, "median": 310.4, "largest": 322.0},
        "facesets": [{"identity": "ben", "size": 256, "crops": 3, "enlarged": 1, "without_crop": ""}],
        "sheet": "/film/shots/sh010/tracks.png",
    },
    "train": {"iteration": 50, "loss": 0.12345, "snapshot": "s", "preview": "p", "because": "reached iteration 50"},
    "swap": {
        "folder": "/film/swaps/sh010",
        "patterns": ["/film/swaps/sh010/sh010.####.exr", "/film/swaps/sh010/crop/sh010_crop.####.exr"],
        "written": "1001-1002",
        "kept": "1003",
        "without_face": "",
    },
    "preview": {"exr": "/film/swaps/sh010/preview/sh010.hero.1002.exr", "png": "x"},
}
"""What jobs answer when a test says nothing else."""


@dataclass
class Script(FakeScheduler):
    """Jobs of the kinds in `results` are done at once; others wait until the test changes them."""

    results: dict[str, dict[str, Any]] = field(default_factory=lambda: copy.deepcopy(RESULTS))
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def submit(self, kind: str, request: Mapping[str, Any]) -> JobRecord:
        self.asked.append((kind, dict(request)))
        number = len(self.records)
        record = JobRecord(
            *(f"20261125-{number:06x}", kind, str(request.get("project", "")), kind, dict(request)),
            *(JobState.WAITING, "cpu", time.time()),
        )
        self.records[record.id] = record
        if kind in self.results:
            return self.change(record.id, state=JobState.DONE, results=self.results[kind])
        return record

    @property
    def last(self) -> JobRecord:
        """The job that was asked for last."""
        return list(self.records.values())[-1]

    def finish(self, **results: Any) -> None:
        """Ends the last job well."""
        self.change(self.last.id, state=JobState.DONE, results={**RESULTS[self.last.kind], **results})

    def requests(self, kind: str) -> list[dict[str, Any]]:
        """What was asked of a kind."""
        return [request for one, request in self.asked if one == kind]


@contextlib.contextmanager
def running(script: Script, runtime: Path) -> Iterator[Script]:
    """The engine, in a runtime folder that only this user may enter."""
    runtime.mkdir(mode=0o700, exist_ok=True)
    with serving(script, runtime):
        yield script
