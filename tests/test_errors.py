from __future__ import annotations

import inspect
import pickle
import re

import pytest

from understudy import errors
from understudy.errors import MissingFrameError, UnderstudyError, UnknownNameError, near_names


def every_class() -> dict[str, type[UnderstudyError]]:
    found = inspect.getmembers(errors, inspect.isclass)
    return {name: kind for name, kind in found if issubclass(kind, UnderstudyError)}


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn = {}
    path: list[str] = []
    for line in inspect.getdoc(errors).splitlines():  # type: ignore[union-attr]
        match = re.match(r"([ │├└─]*)(\w+Error)\b", line)
        if match:
            depth = len(match[1]) // 4 - 1
            path = [*path[:depth], match[2]]
            drawn[match[2]] = path[-2] if depth else "Exception"
    assert drawn == {name: kind.__base__.__name__ for name, kind in every_class().items()}


def test_public_names_are_all_there() -> None:
    assert {*every_class(), "near_names"} == set(errors.__all__)


@pytest.mark.parametrize(
    "name,code", [("UnderstudyError", 1), ("PlateError", 1), ("SettingsError", 2), ("ConsentError", 2)]
)
def test_exit_codes(name: str, code: int) -> None:
    assert every_class()[name].exit_code == code


def test_an_error_crosses_processes_whole() -> None:
    error = pickle.loads(pickle.dumps(MissingFrameError("Frame 7 is gone.", frame=7)))
    assert (type(error), str(error), error.frame) == (MissingFrameError, "Frame 7 is gone.", 7)


def test_an_unknown_name_crosses_processes_whole() -> None:
    error = pickle.loads(pickle.dumps(UnknownNameError("shot", "sh01", ["sh010", "sh020"])))
    assert error.near == ("sh010", "sh020")
    assert str(error) == "No shot is called 'sh01'. Near: sh010, sh020."


def test_near_names_do_not_mind_case() -> None:
    assert near_names("ACESCG", ["ACEScg", "ACEScct", "sRGB"])[0] == "ACEScg"
