"""The drawings of the node's tabs in the docs are those of the gizmo as it is."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
TABS = ("shot", "faces", "train", "swap", "deliver", "log")


@pytest.fixture(scope="module")
def drawings() -> dict[str, str]:
    made: dict[str, str] = runpy.run_path(str(DOCS / "figures" / "nuke_tabs.py"))["drawings"]()
    return made


def test_there_is_one_for_each_tab(drawings: dict[str, str]) -> None:
    assert list(drawings) == [f"nuke_{tab}.svg" for tab in TABS]


@pytest.mark.parametrize("tab", TABS)
def test_it_is_the_gizmos_and_says_that_it_is_a_drawing(drawings: dict[str, str], tab: str) -> None:
    """When this fails: python docs/figures/nuke_tabs.py."""
    held = (DOCS / "images" / f"nuke_{tab}.svg").read_text()
    assert held == drawings[f"nuke_{tab}.svg"]
    assert "not a screenshot" in held
