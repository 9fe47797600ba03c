"""What an engine answers, and how its errors cross."""

from __future__ import annotations

import pytest

from understudy.answers import error_from_values, error_to_values, rebuilt_error
from understudy.errors import EngineError, MissingFrameError, UnderstudyError, UnknownNameError


def test_an_error_crosses_whole() -> None:
    error = error_from_values(error_to_values(MissingFrameError("Frame 7 is gone.", frame=7, near=("6", "8"))))
    assert (type(error), str(error), error.frame, error.near) == (MissingFrameError, "Frame 7 is gone.", 7, ("6", "8"))
    assert error.facts == {"frame": 7, "near": ("6", "8")}


def test_an_unknown_name_crosses_whole() -> None:
    error = error_from_values(error_to_values(UnknownNameError("shot", "sh01", ["sh010"])))
    assert type(error) is UnknownNameError and error.near == ("sh010",)


@pytest.mark.parametrize("kind", ["NewerError", "near_names", "Any", "__builtins__", "difflib", "os.system", ""])
def test_a_class_that_is_not_known_becomes_our_general_error(kind: str) -> None:
    assert type(rebuilt_error(kind, "x", {})) is UnderstudyError


def test_facts_cannot_replace_what_an_error_is_made_of() -> None:
    facts = {"__class__": 1, "args": 2, "message": 3, "with_traceback": 4, "exit_code": 5, "not a name": 6, "frame": 7}
    error = rebuilt_error("EngineError", "x", facts)
    assert (error.facts, error.message, error.exit_code) == ({"frame": 7}, "x", 1)


@pytest.mark.parametrize("values", [None, 1, "x", ("a", "b"), ("a", "b", 3), (("m", "SystemExit"), (), (), "")])
def test_an_error_that_cannot_be_read_is_one_of_ours(values: object) -> None:
    assert type(error_from_values(values)) is EngineError
