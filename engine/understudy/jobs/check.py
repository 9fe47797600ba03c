"""One thing that the doctor looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Check"]


@dataclass(frozen=True)
class Check:
    """What was found of one thing.

    Attributes:
        name: What.
        found: What was found, on one line.
        state: "ok"; "note" for what may be wanted but stops nothing; "fault" for what stops work.
        cure: What to do; empty when nothing is to be done.
    """

    name: str
    found: str
    state: Literal["ok", "note", "fault"]
    cure: str = ""
