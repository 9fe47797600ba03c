"""What a shot's faces need that a source identity's faceset lacks: poses, light, size, sharpness."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from understudy.errors import FacesetError, SettingsError
from understudy.faces.coverage import POSE_REACH, PoseCell, cell_of, out_of_reach
from understudy.faces.faceset import CropRecord, Faceset
from understudy.plates import format_frames
from understudy.settings.project import ProjectFolder

__all__ = ["Gap", "gaps_between", "gaps_for_shot", "gaps_of_project"]

_LIGHT_REACH = 1.0
"""Stops within which one exposure of a face stands for another, both against the middle of their own shots."""

_ENOUGH = 0.8
"""What the better quarter of the source's faces must reach of the shot's usual size or sharpness: below, it is seen."""

_MOST_CELLS = 6


@dataclass(frozen=True)
class Gap:
    """Something that a shot needs and a source faceset lacks.

    Attributes:
        kind: What of.
        shot: The shot that needs it.
        frames: The shot's frames that need it.
        sentence: All of it in words.
        pose: The cell of yaw and pitch; None for the other kinds.
    """

    kind: Literal["pose", "light", "size", "sharpness"]
    shot: str
    frames: tuple[int, ...]
    sentence: str
    pose: PoseCell | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        pose = {"yaw": self.pose.yaw, "pitch": self.pose.pitch} if self.pose else {}
        said = {"kind": self.kind, "shot": self.shot, "frames": format_frames(self.frames)}
        return {**said, **pose, "count": len(self.frames), "sentence": self.sentence}


def gaps_for_shot(folder: ProjectFolder, source: str, shot: str) -> tuple[Gap, ...]:
    """What a source identity's faceset lacks for one shot of the project, whose target faces were extracted.

    Args:
        folder: The project.
        source: The source identity.
        shot: The shot.

    Raises:
        UnknownNameError: The project has no such identity or shot.
        SettingsError: The identity is a target.
        FacesetError: The source has no faceset, or no target identity has crops of the shot.
    """
    if folder.identity(source).role == "target":
        raise SettingsError(
            f"'{source}' is a target identity: its faces go. Ask what a shot needs of a source identity.",
            identity=source,
        )
    folder.shot(shot)
    own = Faceset.open(folder.faceset(source))
    targets = [target for target in _facesets(folder, "target") if shot in target.shots]
    if not targets:
        raise FacesetError(
            f"No target identity has crops of shot '{shot}', so what it needs is not known. Run: understudy extract "
            f"{shot} --identity TARGET",
            shot=shot,
        )
    return tuple(gap for target in targets for gap in gaps_between(own, target, (shot,)))


def gaps_of_project(folder: ProjectFolder, identity: str, shots: Sequence[str] | None = None) -> tuple[Gap, ...]:
    """What the project's shots need and its source facesets lack, of all pairs in which an identity has a part.

    Args:
        folder: The project.
        identity: A source identity, held against all target facesets; or a target identity, against all source ones.
        shots: Of the target's; all when None.
    """
    others = "target" if folder.identity(identity).role == "source" else "source"
    if not Faceset.exists(folder.faceset(identity)):
        return ()
    own = Faceset.open(folder.faceset(identity))
    pairs = [(own, other) if others == "target" else (other, own) for other in _facesets(folder, others)]
    return tuple(gap for source, target in pairs for gap in gaps_between(source, target, shots))


def gaps_between(source: Faceset, target: Faceset, shots: Sequence[str] | None = None) -> tuple[Gap, ...]:
    """What a source's faceset lacks for the shots of a target's: nothing when there is nothing to compare.

    Args:
        source: What is learned of the face that is put in.
        target: The faces that go.
        shots: Of the target's; all when None.
    """
    owned = list(source.learned.values())
    found: list[Gap] = []
    for shot in target.shots if shots is None else shots:
        wanted = [record for record in (*target.learned.values(), *target.held_out.values()) if record.shot == shot]
        if owned and wanted:
            found += _pose_gaps(source.identity, shot, wanted, owned)
            found += _light_gaps(source, target, shot, wanted, owned)
            found += _size_gaps(source.identity, shot, wanted, owned, target.size)
            found += _sharpness_gaps(source, shot, wanted, owned)
    return tuple(found)


def _facesets(folder: ProjectFolder, role: str) -> Iterable[Faceset]:
    names = [name for name, entry in folder.project.identities.items() if entry.role == role]
    return [Faceset.open(folder.faceset(name)) for name in names if Faceset.exists(folder.faceset(name))]


def _pose_gaps(identity: str, shot: str, wanted: Sequence[CropRecord], owned: Sequence[CropRecord]) -> list[Gap]:
    by_cell: dict[PoseCell, list[int]] = {}
    for index in out_of_reach(_turns(wanted), _turns(owned), POSE_REACH):
        by_cell.setdefault(cell_of(wanted[index].alignment.pose), []).append(wanted[index].frame)
    largest = sorted(by_cell.items(), key=lambda item: (-len(item[1]), item[0]))
    gaps = [
        Gap(
            "pose",
            shot,
            tuple(frames),
            f"Shot '{shot}' turns to about yaw {cell.yaw:+d}, pitch {cell.pitch:+d} in {_frames(frames)}, and no face "
            f"of '{identity}' comes within {POSE_REACH:g} degrees of it.",
            cell,
        )
        for cell, frames in largest
    ]
    rest = gaps[_MOST_CELLS:]
    if len(rest) < 2:
        return gaps
    frames = sorted(frame for gap in rest for frame in gap.frames)
    sentence = f"Shot '{shot}' has {len(rest)} more poses that '{identity}' lacks, in {_frames(frames)}."
    return [*gaps[:_MOST_CELLS], Gap("pose", shot, tuple(frames), sentence)]


def _light_gaps(
    source: Faceset, target: Faceset, shot: str, wanted: Sequence[CropRecord], owned: Sequence[CropRecord]
) -> list[Gap]:
    needs, has = _light(target, wanted), _light(source, owned)
    far = out_of_reach(needs, has, _LIGHT_REACH)
    gaps = []
    for name, is_so, limit in (
        ("darker", needs[:, 0] < has.min(), has.min()),
        ("brighter", needs[:, 0] > has.max(), has.max()),
    ):
        frames = [wanted[index].frame for index in far if is_so[index]]
        if frames:
            most = needs[[index for index in far if is_so[index]], 0]
            extreme = float(most.min() if name == "darker" else most.max())
            gaps.append(
                Gap(
                    "light",
                    shot,
                    tuple(frames),
                    f"In {_frames(frames)} of shot '{shot}' the face is {name} than any of '{source.identity}': "
                    f"{extreme:+.1f} stops from the middle of its shot, where '{source.identity}' ends at "
                    f"{float(limit):+.1f}.",
                )
            )
    return gaps


def _size_gaps(
    identity: str, shot: str, wanted: Sequence[CropRecord], owned: Sequence[CropRecord], size: int
) -> list[Gap]:
    usual = float(np.median([min(record.native_px, size) for record in wanted]))
    better = float(np.quantile([record.native_px for record in owned], 0.75))
    if better >= _ENOUGH * usual:
        return []
    frames = tuple(record.frame for record in wanted if min(record.native_px, size) * _ENOUGH > better)
    return [
        Gap(
            "size",
            shot,
            frames,
            f"In shot '{shot}' the face spans {usual:.0f} plate pixels that the model can show, and three quarters of "
            f"the faces of '{identity}' at most {better:.0f}: the new face will be softer than the plate.",
        )
    ]


def _sharpness_gaps(source: Faceset, shot: str, wanted: Sequence[CropRecord], owned: Sequence[CropRecord]) -> list[Gap]:
    needs = [record.measures.sharpness for record in wanted if record.measures]
    has = [record.measures.sharpness for record in owned if record.measures]
    if not needs or not has or np.quantile(has, 0.75) >= _ENOUGH * np.median(needs):
        return []
    better = float(np.quantile(has, 0.75))
    frames = tuple(one.frame for one in wanted if one.measures and one.measures.sharpness * _ENOUGH > better)
    return [
        Gap(
            "sharpness",
            shot,
            frames,
            f"In shot '{shot}' faces have a sharpness of {float(np.median(needs)):.2f}, and three quarters of those of "
            f"'{source.identity}' at most {better:.2f}: the new face will be softer than the plate.",
        )
    ]


def _turns(records: Sequence[CropRecord]) -> npt.NDArray[np.float64]:
    """(N, 2) yaw and pitch in degrees."""
    return np.array([record.alignment.pose[:2] for record in records], np.float64)


def _light(faceset: Faceset, records: Sequence[CropRecord]) -> npt.NDArray[np.float64]:
    """(N, 1) stops from middle grey as the model sees them: after the exposure of each shot was normalised."""
    shots = faceset.shots
    return np.array([[record.exposure + shots[record.shot].training.exposure] for record in records], np.float64)


def _frames(frames: Sequence[int]) -> str:
    ranges = format_frames(tuple(frames))
    shown = ranges if len(ranges) <= 60 else ranges[: ranges.rfind(",", 0, 60)] + ", ..."
    return f"{len(frames)} frame{'s' if len(frames) > 1 else ''} ({shown})"
