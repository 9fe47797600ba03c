"""How far a piece of work has come, and the one way to ask it to stop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["OnProgress", "Progress", "ignore_progress"]


@dataclass(frozen=True)
class Progress:
    """One report of a piece of work.

    Attributes:
        stage: What is being done, in one or two words: "finding faces", "training".
        done: How much is finished, in the unit of `total`.
        total: How much there is to do.
        message: One short line about the present moment, such as a loss; may be empty.
    """

    stage: str
    done: float
    total: float
    message: str = ""


OnProgress = Callable[[Progress], bool]
"""Takes a report and returns at once: True to go on, False to stop after what is finished now.

Stopping is not an error. The work returns what it has, marked as not completed.
"""


def ignore_progress(progress: Progress) -> bool:
    """The callback for callers who do not watch: always goes on."""
    del progress
    return True
