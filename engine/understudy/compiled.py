"""Loops over pixels, compiled to machine code when they are first called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

__all__ = ["compiled"]

_Function = TypeVar("_Function", bound=Callable[..., Any])


def compiled(function: _Function) -> _Function:
    """The function as machine code for this processor, free of Python's global lock, so that threads run side by side.

    The code is kept on disk, beside the module or in the user's cache folder, and the next process loads it in
    milliseconds. Where neither can be written, as on some farms, each process compiles anew.

    Multiplications and additions may be fused, which every thread does alike: results never depend on their number.
    """
    options: dict[str, Any] = {"nogil": True, "fastmath": {"contract", "nsz"}, "error_model": "numpy"}
    try:
        return cast("_Function", numba.njit(cache=True, **options)(function))
    except RuntimeError:
        return cast("_Function", numba.njit(**options)(function))
