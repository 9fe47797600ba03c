"""Frames that Nuke has to render for the engine: half-float EXRs in the working space, with all metadata.

A frame is rendered into a folder of its own and moved to its final name when it is whole. Frames whose upstream has
not changed since are kept.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import nuke

from understudy_nuke._engine.errors import SettingsError, WriteError
from understudy_nuke.frames import frames_text, parsed_frames, runs
from understudy_nuke.knobs import parsed

__all__ = ["Exported", "UnfinishedError", "export_frames", "export_pattern", "full_size"]

_NUMBERED = ".%04d.exr"
_PART = ".part"
_OLD_S = 86400.0
_WRITE = {
    "file_type": "exr",
    "channels": "rgba",
    "raw": True,
    "datatype": "16 bit half",
    "compression": "Zip (1 scanline)",
    "metadata": "all metadata",
    "noprefix": True,
    "autocrop": False,
    "create_directories": True,
}
"""Set one by one, because a studio may have changed the defaults of each. `file_type` comes first: it makes others."""


@dataclass(frozen=True)
class Exported:
    """What was rendered from upstream.

    Attributes:
        pattern: Of the files.
        hashes: For each frame what it depended on; the empty text where that was not known.
    """

    pattern: str
    hashes: Mapping[int, str]

    @classmethod
    def from_text(cls, text: str) -> Exported:
        """What the hidden knob says; nothing when it says nothing that is understood."""
        values = parsed(text)
        pattern, ranges = values.get("pattern"), values.get("frames")
        if not isinstance(ranges, dict) or not isinstance(pattern, str) or not pattern.endswith(_NUMBERED):
            return cls("", {})
        hashes = {}
        for frames, found in ranges.items():
            hashes.update(dict.fromkeys(parsed_frames(frames), str(found)))
        return cls(pattern, hashes) if pattern.count("%") == 1 else cls("", {})

    def to_text(self) -> str:
        """For the hidden knob: ranges of frames with one hash, because scripts keep it."""
        by_hash: dict[str, list[int]] = {}
        for frame, found in sorted(self.hashes.items()):
            by_hash.setdefault(found, []).append(frame)
        frames = {frames_text(numbers): found for found, numbers in by_hash.items()}
        return json.dumps({"pattern": self.pattern, "frames": frames}, separators=(",", ":"))

    @property
    def frames(self) -> str:
        """The frames that are on disk, as the engine writes ranges."""
        return frames_text(frame for frame in self.hashes if self.path(frame).is_file())

    def path(self, frame: int) -> Path:
        """A frame's file."""
        return Path(self.pattern % frame)

    def stale(self, hashes: Mapping[int, str]) -> list[int]:
        """Frames that have to be rendered, since they are missing or depend on something else now."""
        return [
            frame
            for frame, wanted in hashes.items()
            if not wanted or self.hashes.get(frame) != wanted or not self.path(frame).is_file()
        ]


def export_pattern(project: str, shot: str) -> str:
    """Where rendered frames of a shot lie: in the project, beside what is made from them."""
    if "%" in project + shot:
        raise SettingsError(f"The project folder {project} has a '%' in its name, which Nuke takes for a frame number.")
    return f"{Path(project).as_posix()}/plates/{shot}/{shot}{_NUMBERED}"


def export_frames(
    source: nuke.Node, pattern: str, hashes: Mapping[int, str], before: Exported, parent: nuke.Node
) -> tuple[Exported, list[int]]:
    """Renders what is stale, and returns what is on disk now and which frames were rendered. Nuke shows its progress.

    Args:
        source: The node whose picture is wanted.
        pattern: Where the files go.
        hashes: What each wanted frame depends on; the empty text where that is not known.
        before: What was rendered earlier.
        parent: The group that holds `source`.

    Raises:
        WriteError: Nuke could not render, or the artist stopped it; whole frames were kept.
    """
    known = before if before.pattern == pattern else Exported(pattern, {})
    stale = known.stale(hashes)
    done = dict(known.hashes)
    target = Path(pattern)
    part = target.parent / f"{_PART}-{secrets.token_hex(4)}"
    failure = ""
    try:
        if stale:
            _clear_parts(target.parent)
            part.mkdir(parents=True)
            failure = _render(source, f"{part.as_posix()}/{target.name}", stale, parent)
        for frame in stale:
            whole = part / (target.name % frame)
            if whole.is_file():
                whole.replace(Path(pattern % frame))
                done[frame] = hashes[frame]
    except OSError as error:
        place = error.filename or target.parent
        raise WriteError(f"{place} cannot be written: {error.strerror or error}.", path=str(place)) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    missing = [frame for frame in stale if done.get(frame) != hashes[frame]]
    if failure or missing:
        raise UnfinishedError(failure, missing, Exported(pattern, done))
    return Exported(pattern, done), stale


class UnfinishedError(WriteError):
    """Not every frame was rendered; `exported` says what is on disk."""

    def __init__(self, failure: str, missing: Iterable[int], exported: Exported) -> None:
        reason = f": {failure}" if failure else ""
        super().__init__(f"Nuke did not render the plate's frames {frames_text(missing)}{reason}.")
        self.exported = exported


def _render(source: nuke.Node, file: str, frames: Iterable[int], parent: nuke.Node) -> str:
    """Renders frames by a Write that is gone afterwards; returns what went wrong, in Nuke's words."""
    with full_size(), parent:
        write = nuke.nodes.Write()
        try:
            write.setInput(0, source)
            for name, value in _WRITE.items():
                write[name].setValue(value)
            write["file"].setValue(file)
            for first, last in runs(frames):
                nuke.execute(write, first, last, 1)
        except RuntimeError as error:
            return str(error) or "stopped"
        finally:
            nuke.delete(write)
    return ""


@contextlib.contextmanager
def full_size() -> Iterator[None]:
    """Proxies off for a while, so that frames and formats are those of the plate."""
    root = nuke.root()
    was_proxy = bool(root.proxy())
    if was_proxy:
        root.setProxy(False)
    try:
        yield
    finally:
        if was_proxy:
            root.setProxy(True)


def _clear_parts(folder: Path) -> None:
    """Takes away what a Nuke had begun that was killed; another one may be at work, so that only old folders go."""
    for left in folder.glob(f"{_PART}-*"):
        if time.time() - left.stat().st_mtime > _OLD_S:
            shutil.rmtree(left, ignore_errors=True)
