"""Frames of plate and matte that Nuke has to render for the engine: half-float EXRs, as they are, with all metadata.

A frame is rendered into a folder of its own and moved to its final name when it is whole. Frames whose upstream has
not changed since are kept.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import nuke

from understudy_nuke._engine.errors import SettingsError, WriteError
from understudy_nuke.frames import frames_text, parsed_frames, runs
from understudy_nuke.knobs import log, parsed, show
from understudy_nuke.upstream import MOST_IN_INDIE, frame_hashes

__all__ = [
    "MATTE_FRAMES",
    "PLATE_FRAMES",
    "Exported",
    "Rendering",
    "check_shot_name",
    "export_pattern",
    "full_size",
    "with_rendered",
]

_NUMBERED = ".%04d.exr"
_PART = ".part"
_OLD_S = 86400.0
_WRITE = {
    "file_type": "exr",
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
class Rendering:
    """What is rendered for a node.

    Attributes:
        name: In sentences.
        folder: Of the project, for its files.
        knob: The hidden one that keeps what was rendered.
        layer: What the Write writes.
        most_in_indie: Nodes upstream that may be looked at there.
    """

    name: str
    folder: str
    knob: str
    layer: str
    most_in_indie: int


PLATE_FRAMES = Rendering("plate", "plates", "exported", "rgba", MOST_IN_INDIE)
MATTE_FRAMES = Rendering("matte", "mattes", "exported_matte", "alpha", 1)

_ALPHA = "rgba.alpha"


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


def export_pattern(project: str, shot: str, rendering: Rendering = PLATE_FRAMES) -> str:
    """Where rendered frames of a shot lie: in the project, beside what is made from them."""
    if "%" in project + shot:
        raise SettingsError(f"The project folder {project} has a '%' in its name, which Nuke takes for a frame number.")
    return f"{Path(project).as_posix()}/{rendering.folder}/{shot}/{shot}{_NUMBERED}"


def check_shot_name(shot: str) -> None:
    """Returns when a folder in the project may be called so.

    Raises:
        SettingsError: The shot's name would lead elsewhere.
    """
    if Path(shot).name != shot or "\\" in shot or shot == "..":
        raise SettingsError(f"The shot cannot be called '{shot}': take letters, digits, '.', '_' and '-' (tab Shot).")


def with_rendered(
    node: nuke.Node,
    rendering: Rendering,
    source: nuke.Node,
    pattern: str,
    frames: Sequence[int],
    channel: str = "",
    most_in_indie: int = 0,
) -> Exported:
    """Renders what is missing or no longer true, and returns what is on disk now. Nuke shows its progress.

    Args:
        node: The Understudy node, which keeps what was rendered.
        rendering: What it is.
        source: The node whose picture is wanted, in the same group.
        pattern: Where the files go.
        frames: Numbers of those that are wanted.
        channel: In Nuke's words, which is written as the alpha; empty for the picture as it is.
        most_in_indie: Nodes upstream that may be looked at there; as `rendering` says when 0.

    Raises:
        WriteError: Nuke could not render, or the artist stopped it; whole frames were kept.
    """
    hashes = frame_hashes(source, nuke.root(), frames, most_in_indie or rendering.most_in_indie)
    if not hashes:
        log(
            node,
            f"The {rendering.name} is rendered anew: more is connected to it than Nuke Indie lets a script look at.",
        )
    suffix = f" {channel}" if channel else ""
    wanted = {frame: f"{found}{suffix}" for frame, found in hashes.items()} or dict.fromkeys(frames, "")
    before = Exported.from_text(str(node[rendering.knob].value() or ""))
    write = _Write(source, node.parent() or nuke.root(), rendering, channel)
    try:
        made, rendered = _export(write, pattern, wanted, before)
    except _UnfinishedError as error:
        show(node, {rendering.knob: error.exported.to_text()})
        raise
    show(node, {rendering.knob: made.to_text()})
    if rendered:
        log(node, f"Rendered the {rendering.name}'s frames {frames_text(rendered)} into {Path(pattern).parent}.")
    return made


@dataclass(frozen=True)
class _Write:
    """What a Write is connected to.

    Attributes:
        source: The node whose picture is wanted.
        parent: The group that holds it.
        rendering: What it is.
        channel: That is written as the alpha; empty for the picture as it is.
    """

    source: nuke.Node
    parent: nuke.Node
    rendering: Rendering
    channel: str


def _export(write: _Write, pattern: str, hashes: Mapping[int, str], before: Exported) -> tuple[Exported, list[int]]:
    """Renders what is stale, and returns what is on disk now and which frames were rendered."""
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
            failure = _render(write, f"{part.as_posix()}/{target.name}", stale)
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
        raise _UnfinishedError(write.rendering.name, failure, missing, Exported(pattern, done))
    return Exported(pattern, done), stale


class _UnfinishedError(WriteError):
    """Not every frame was rendered; `exported` says what is on disk."""

    def __init__(self, name: str, failure: str, missing: Iterable[int], exported: Exported) -> None:
        reason = f": {failure}" if failure else ""
        super().__init__(f"Nuke did not render the {name}'s frames {frames_text(missing)}{reason}.")
        self.exported = exported


def _render(asked: _Write, file: str, frames: Iterable[int]) -> str:
    """Renders frames by nodes that are gone afterwards; returns what went wrong, in Nuke's words."""
    with full_size(), asked.parent:
        write = nuke.nodes.Write()
        made = [write]
        try:
            source = asked.source
            if asked.channel not in ("", _ALPHA):
                source = _as_alpha(source, asked.channel)
                made.append(source)
            write.setInput(0, source)
            for name, value in _WRITE.items():
                write[name].setValue(value)
            write["channels"].setValue(asked.rendering.layer)
            write["file"].setValue(file)
            for first, last in runs(frames):
                nuke.execute(write, first, last, 1)
        except RuntimeError as error:
            return str(error) or "stopped"
        finally:
            for one in made:
                nuke.delete(one)
    return ""


def _as_alpha(source: nuke.Node, channel: str) -> nuke.Node:
    """A node that gives a channel as the alpha."""
    copy = nuke.nodes.Copy()
    for number in (0, 1):
        copy.setInput(number, source)
    copy["from0"].setValue(channel)
    copy["to0"].setValue(_ALPHA)
    return copy


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
