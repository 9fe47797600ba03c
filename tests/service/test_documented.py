"""The example of docs/engine.md runs as it stands."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from tests.service.conftest import FakeScheduler
from understudy.bench.attacks import ATTACKS
from understudy.client import Engine
from understudy.scheduler.record import JobState
from understudy.service.api import CALLS

PAGE = (Path(__file__).parents[2] / "docs" / "engine.md").read_text()


def test_the_example_runs(engine: Path, scheduler: FakeScheduler, capsys) -> None:
    def finish(name: str) -> None:
        for job_id, record in scheduler.records.items() if name == "job" else ():
            if record.state is JobState.WAITING:
                scheduler.records[job_id] = record.__class__(
                    **{**vars(record), "state": JobState.DONE, "results": {"folder": "/shows/film/swaps/sh010"}}
                )

    scheduler.on_call = finish
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(example, {})
    assert capsys.readouterr().out == "done 0.0 0.0 \n/shows/film/swaps/sh010\n"
    assert next(iter(scheduler.records.values())).request["frames"] == "1001-1010"


def test_the_page_names_every_call_and_counts_the_attacks() -> None:
    assert f"`{' '.join(CALLS)}`" in PAGE
    assert f"in {len(ATTACKS)} ways" in PAGE


def test_every_short_job_is_documented_with_what_it_takes() -> None:
    """A call in the table names each argument that the client takes."""
    for name in ("shot", "identity", "faces", "deliver", "plan"):
        (row,) = re.findall(rf"^\| `{name}\((.*)$", PAGE, re.MULTILINE)
        call = row.split("|")[0]
        for argument in list(inspect.signature(getattr(Engine, name)).parameters)[1:]:
            assert re.search(rf"\b{argument}\b", call), (name, argument)
