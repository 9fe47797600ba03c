"""Keeps what was settled of a track, so that the next job of a shot need not measure its skin again."""

from __future__ import annotations

import contextlib
import hashlib
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from understudy.durable import replacing
from understudy.faces.face import Face
from understudy.faces.settle import Settled

__all__ = ["digest_of", "read_settled", "write_settled"]

_VERSION = "settled-2"
_MOST_KEPT = 200
"""Files in a shot's folder; a shot has one for each part of each person's track, and old ones go."""


def digest_of(run: Sequence[Face]) -> str:
    """Names everything that the result depends on: landmarks and views of all frames, and how they are settled."""
    content = hashlib.sha256(_VERSION.encode())
    for face in run:
        content.update(f"{face.frame}".encode())
        content.update(np.ascontiguousarray(face.landmarks_plate).tobytes())
        if face.view is not None:
            content.update(np.ascontiguousarray(face.view.pixels).tobytes())
            content.update(np.ascontiguousarray(face.view.view_from_plate).tobytes())
    return content.hexdigest()[:32]


def read_settled(folder: Path, digest: str) -> Settled | None:
    """What `write_settled` kept under this name; None when it is not there, or damaged."""
    try:
        with (folder / f"{digest}.npz").open("rb") as file, np.load(file, allow_pickle=False) as kept:
            return Settled(kept["landmarks"].astype(np.float64), kept["belief"].astype(np.float64) / 255)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def write_settled(folder: Path, digest: str, settled: Settled) -> None:
    """Keeps it, deletes the oldest files beyond 200.

    Raises:
        WriteError: The folder cannot be written to.
    """
    with replacing(folder / f"{digest}.npz") as path, path.open("wb") as file:
        np.savez(file, landmarks=settled.landmarks_view.astype(np.float32), belief=settled.packed_belief)
    with contextlib.suppress(OSError):
        kept = sorted(folder.glob("[0-9a-f]*.npz"), key=lambda one: one.stat().st_mtime, reverse=True)
        for old in kept[_MOST_KEPT:]:
            old.unlink(missing_ok=True)
