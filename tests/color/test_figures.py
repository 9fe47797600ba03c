"""The documentation's figures of curves and spaces are what their commands print today."""

from __future__ import annotations

import runpy
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_the_decisions_table_is_what_its_command_prints() -> None:
    made = runpy.run_path(str(DOCS / "figures" / "training_space.py"))
    assert made["table"]() in (DOCS / "decisions" / "0002-training-space.md").read_text(encoding="utf-8")


def test_the_exceptions_of_the_round_trips_are_all_named() -> None:
    made = runpy.run_path(str(DOCS / "figures" / "round_trips.py"))
    color = made["ColorConfig"].load(None)
    named = (DOCS / "colour.md").read_text(encoding="utf-8")
    for space in color.spaces():
        if color.config.getColorSpace(space).isData():
            continue
        _, _, holds, relative, absolute, _ = (cell.strip() for cell in made["row"](color, space).split("|"))
        if holds != "any to any" or float(relative) > 1e-5 or float(absolute) > 2e-8:
            assert f"`{space}`" in named, made["row"](color, space)
