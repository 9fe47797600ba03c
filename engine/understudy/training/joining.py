"""The faces of several identities as if they were one identity's, for pretraining; no pixel is copied to join them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from understudy.training.batches import FaceCodes

__all__ = ["joined_faces"]


class _JoinedArrays:
    """Arrays of several identities behind one another, with an equal share of the places for each.

    It can do what batches are made with, and no more: say its shape and type, give the rows of some indices, and add a
    last axis.

    Args:
        parts: (N, ...) of each identity, alike but for N; may be memory maps.
    """

    def __init__(self, parts: Sequence[npt.NDArray[Any]]) -> None:
        self._parts = tuple(parts)
        self._share = max(len(part) for part in parts)
        self.dtype = parts[0].dtype
        self.shape = (self._share * len(parts), *parts[0].shape[1:])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, tuple):
            return _JoinedArrays([part[key] for part in self._parts])
        places = np.asarray(key, np.int64)
        rows = np.empty((len(places), *self.shape[1:]), self.dtype)
        for number, part in enumerate(self._parts):
            chosen = places // self._share == number
            # an identity with fewer faces shows each of them more often
            rows[chosen] = part[places[chosen] % self._share * len(part) // self._share]
        return rows


def joined_faces(each: Sequence[FaceCodes]) -> FaceCodes:
    """Faces of which every identity has the same share, however many it has; in the order of the identities.

    Args:
        each: Faces of each identity, of one size, none of them empty.
    """
    if not each or not all(map(len, each)) or len({faces.codes.shape[1] for faces in each}) != 1:
        raise ValueError("what is joined has faces, and of one size")
    joined: dict[str, Any] = {}
    for field in dataclasses.fields(FaceCodes):
        parts = [getattr(faces, field.name) for faces in each]
        if all(part is not None for part in parts):
            arrays = _JoinedArrays(parts)
            joined[field.name] = arrays if len(arrays.shape) > 2 else arrays[np.arange(len(arrays))]
    return FaceCodes(**joined)
