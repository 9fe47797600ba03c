"""Crops of a faceset as a trainer reads them, kept on disk: read once from EXR, and mapped into memory ever after.

    facesets/NAME/cache/PART-SIDE-KEY/index.json    what each row was made of
                                      codes.npy     (N, S, S, 3) uint16
                                      mattes.npy    (N, S, S) uint8
                                      areas.npy     (N, A, A, 2) uint8

The key is a hash of what all rows were made of, so a faceset that has changed finds no old cache; rows that have not
changed are copied from one. A cache is made beside its name and renamed when it is whole. Everything here can be
deleted and made again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from understudy.durable import show, sweep, unfinished, write_text
from understudy.errors import WriteError

__all__ = ["CachedCrops", "Row", "cached_crops"]

_SCHEMA = "crop-cache-1"
_FILES = ("codes.npy", "mattes.npy", "areas.npy")
_SPARE_BYTES = 64 << 20


class Row(NamedTuple):
    """One crop.

    Attributes:
        codes: (S, S, 3) uint16.
        matte: (S, S) uint8.
        areas: (A, A, 2) uint8.
    """

    codes: npt.NDArray[np.uint16]
    matte: npt.NDArray[np.uint8]
    areas: npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class CachedCrops:
    """All rows of a cache, mapped into memory: the system reads what is looked at, and forgets it when memory is short.

    Attributes:
        codes: (N, S, S, 3) uint16, read-only.
        mattes: (N, S, S) uint8, read-only.
        areas: (N, A, A, 2) uint8, read-only.
        keys: What each row was made of.
    """

    codes: npt.NDArray[np.uint16]
    mattes: npt.NDArray[np.uint8]
    areas: npt.NDArray[np.uint8]
    keys: tuple[str, ...]


def cached_crops(
    folder: Path,
    part: str,
    side: int,
    keys: Sequence[str],
    make: Callable[[int], Row],
    on_row: Callable[[int], bool],
) -> CachedCrops | None:
    """The cache of these rows: as it is on disk, else made now; None when stopped. Its predecessors are deleted.

    Args:
        folder: For caches.
        part: Which part of a faceset it is, such as "training"; each has one cache of a side.
        side: Of the crops, in pixels.
        keys: What each row is made of; at least one.
        make: Makes a row by its number.
        on_row: Told how many rows are there, while they are made; False stops.

    Raises:
        WriteError: The cache cannot be written; the message says how much room it needs where that is the reason.
    """
    sweep(folder)
    digest = hashlib.blake2b("\n".join((_SCHEMA, *keys)).encode(), digest_size=8).hexdigest()
    path = folder / f"{part}-{side}-{digest}"
    found = _opened(path)
    if found is None or found.keys != tuple(keys):
        shutil.rmtree(path, ignore_errors=True)
        with unfinished(folder) as hidden:
            if not _write(hidden, keys, make, _Earlier(folder, side), on_row):
                return None
            _take_name(hidden, path)
        found = _opened(path)
        if found is None:
            raise WriteError(f"The cache {path} cannot be read back. Delete {folder} and train again.", path=str(path))
    for other in folder.glob(f"{part}-{side}-*"):
        if other != path:
            shutil.rmtree(other, ignore_errors=True)
    return found


class _Earlier:
    """Rows that were made for other caches of this side."""

    def __init__(self, folder: Path, side: int) -> None:
        caches = [cache for path in sorted(folder.glob(f"*-{side}-*")) if (cache := _opened(path)) is not None]
        self._places = {key: (cache, number) for cache in caches for number, key in enumerate(cache.keys)}

    def row(self, key: str) -> Row | None:
        """The row that was made of the same, if any was."""
        if key not in self._places:
            return None
        cache, number = self._places[key]
        return Row(cache.codes[number], cache.mattes[number], cache.areas[number])


def _write(
    hidden: Path, keys: Sequence[str], make: Callable[[int], Row], earlier: _Earlier, on_row: Callable[[int], bool]
) -> bool:
    """Writes all files of a cache, and false when it was stopped.

    Rows are appended by plain writing: a disk that fills up is then an error, and not a fault in mapped memory.
    """
    try:
        hidden.mkdir(parents=True)
        with contextlib.ExitStack() as stack:
            files = [stack.enter_context((hidden / name).open("wb")) for name in _FILES]
            for number, key in enumerate(keys):
                row: tuple[npt.NDArray[Any], ...] = earlier.row(key) or make(number)
                if number == 0:
                    _begin(hidden, files, row, len(keys))
                for file, values in zip(files, row, strict=True):
                    file.write(np.ascontiguousarray(values).data)
                if not on_row(number + 1):
                    return False
            for file in files:
                file.flush()
                os.fsync(file.fileno())
        write_text(hidden / "index.json", json.dumps({"schema": _SCHEMA, "rows": list(keys)}))
    except OSError as error:
        raise WriteError(
            f"{hidden.parent} cannot be written: {error.strerror or error}. Training keeps its copy of the faceset's "
            "crops there: make room, or get the right to write there.",
            path=str(hidden.parent),
        ) from error
    return True


def _begin(hidden: Path, files: Sequence[IO[bytes]], row: Sequence[npt.NDArray[Any]], count: int) -> None:
    """Writes the files' headers, when there is room for what shall follow.

    Raises:
        WriteError: There is not.
    """
    needed = count * sum(values.nbytes for values in row)
    free = shutil.disk_usage(hidden).free
    if needed + _SPARE_BYTES > free:
        raise WriteError(
            f"The cache of {count} crops needs {needed / 2**30:.1f} GiB in {hidden.parent}, where "
            f"{free / 2**30:.1f} GiB are free. Make room and train again.",
            path=str(hidden.parent),
        )
    for file, values in zip(files, row, strict=True):
        header = {"descr": values.dtype.str, "fortran_order": False, "shape": (count, *values.shape)}
        np.lib.format.write_array_header_1_0(file, header)  # type: ignore[no-untyped-call]


def _take_name(hidden: Path, path: Path) -> None:
    """Gives a whole cache its name; one that another process has finished meanwhile is as good."""
    try:
        show(hidden, path)
    except WriteError:
        if not path.is_dir():
            raise


def _opened(path: Path) -> CachedCrops | None:
    """The cache in a folder; None when there is none, or it is damaged."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        index = json.loads((path / "index.json").read_text(encoding="utf-8"))
        keys = tuple(str(key) for key in index["rows"])
        codes, mattes, areas = _mapped(path)
        same = len(keys) == len(codes) == len(mattes) == len(areas)
        if index["schema"] == _SCHEMA and same and (codes.ndim, mattes.ndim, areas.ndim) == (4, 3, 4):
            return CachedCrops(codes, mattes, areas, keys)
    return None


def _mapped(path: Path) -> Iterator[npt.NDArray[Any]]:
    for name in _FILES:
        yield np.load(path / name, mmap_mode="r", allow_pickle=False)
