"""Checks results against their manifest: whole, unchanged, and labelled as what they are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from understudy.errors import PlateError, UnderstudyError
from understudy.jobs.swap import read_manifest
from understudy.plates import read_header
from understudy.provenance import file_hash

__all__ = ["Verified", "verify_folder"]


@dataclass(frozen=True)
class Verified:
    """What a check found.

    Attributes:
        frames: Frames in the manifest.
        files: Files that were checked.
        faults: One sentence for each file that is missing, changed or unlabelled.
    """

    frames: int
    files: int
    faults: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"frames": self.frames, "files": self.files, "faults": list(self.faults)}


def verify_folder(folder: Path) -> Verified:
    """Checks every file of a folder's manifest.

    Raises:
        UnderstudyError: The folder has no manifest.
    """
    manifest = folder / "manifest.jsonl"
    if not manifest.is_file():
        raise UnderstudyError(f"{folder} has no manifest.jsonl, so it is no folder of results.", path=str(folder))
    known = read_manifest(manifest)
    faults: list[str] = []
    files = 0
    for line in known.values():
        for name, sha in line["files"].items():
            files += 1
            fault = _fault_of(folder / str(name), str(sha), str(line["recipe"]))
            if fault:
                faults.append(f"{name}: {fault}")
    return Verified(len(known), files, tuple(faults))


def _fault_of(path: Path, sha: str, recipe: str) -> str:
    if not path.is_file():
        return "is missing"
    if file_hash(path) != sha:
        return "was changed after it was written"
    try:
        metadata = read_header(path).metadata
    except PlateError as error:
        return error.message
    if metadata.get("understudy/recipeHash") != recipe:
        return "does not carry the recipe that the manifest names"
    return ""
