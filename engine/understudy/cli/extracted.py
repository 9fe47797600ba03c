"""What `extract` says when it is done: tables of faces, sizes, poses, sharpness and exposure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from understudy.cli.terminal import announce, print_table, say
from understudy.faces.coverage import PITCHES, YAWS
from understudy.settings.project import ProjectFolder

if TYPE_CHECKING:
    from understudy.jobs.extract import Extracted
    from understudy.jobs.faceset_summary import CropSummary, Spread

__all__ = ["extracted_json", "print_extracted", "print_summary"]


def extracted_json(folder: ProjectFolder, shot: str, made: Extracted) -> dict[str, Any]:
    """What an extract job made, as plain values: the crops of this shot, of each identity that has some."""
    from understudy.jobs.faceset_gaps import gaps_of_project
    from understudy.plates import format_frames

    faceset = made.faceset
    if faceset is None:
        raise ValueError("it was stopped")
    ranges = {"without_face": made.without_face, "too_small": made.too_small, "enlarged": made.enlarged}
    return {
        "shot": shot,
        "identity": faceset.identity,
        "faceset": str(faceset.folder),
        "report": str(made.report or ""),
        "searched": made.searched,
        "cropped": made.cropped,
        "kept": made.kept,
        **{name: format_frames(frames) if frames else "" for name, frames in ranges.items()},
        "identities": {
            name: {"crops": len(own.records), **own.to_json()} for name, own in _by_identity(folder, shot).items()
        },
        "gaps": [gap.to_json() for gap in gaps_of_project(folder, faceset.identity, _shots(folder, faceset, shot))],
    }


def print_extracted(folder: ProjectFolder, shot: str, made: Extracted) -> None:
    """The same for people."""
    from understudy.jobs.faceset_gaps import gaps_of_project

    faceset = made.faceset
    if faceset is None:
        raise ValueError("it was stopped")
    own = _by_identity(folder, shot)
    say(f"{faceset.folder}: {made.cropped} crops made, {made.kept} kept, at {faceset.size} px")
    say(f"no face in {len(made.without_face)} of {made.searched} frames")
    if made.too_small:
        say(f"{len(made.too_small)} faces were smaller than asked for and were left out")
    print_table(
        f"Faces of {shot} (least / middle / most)",
        ("identity", "crops", "full quality", "enlarged", "plate px", "sharpness", "stops from grey"),
        [
            (
                name,
                len(summary.records),
                f"{summary.full_quality} of {summary.size} px",
                len(summary.records) - summary.full_quality,
                _spread(summary.native, 0),
                _spread(summary.sharpness, 2),
                _spread(summary.exposure, 1),
            )
            for name, summary in own.items()
        ],
    )
    if faceset.identity in own:
        print_summary(f"{faceset.identity} in {shot}: ", own[faceset.identity].to_json())
    for gap in gaps_of_project(folder, faceset.identity, _shots(folder, faceset, shot)):
        announce(gap.sentence)
    if made.report:
        say(f"report {made.report}")


def print_summary(what: str, facts: Mapping[str, Any]) -> None:
    """Tables of native sizes and of poses.

    Args:
        what: Before the titles: whose they are.
        facts: Of `CropSummary.to_json`.
    """
    sizes = [
        (f"{one['from']} to {one['below'] - 1}" if one["below"] else f"{one['from']} and more", one["crops"])
        for one in facts["sizes"]
    ]
    print_table(f"{what}plate pixels that the face's square spans", ("pixels", "crops"), sizes)
    counts = {(one["yaw"], one["pitch"]): one["crops"] for one in facts["poses"]}
    yaws, pitches = ({cell[axis] for cell in (*counts, (0, 0))} for axis in (0, 1))
    across = [yaw for yaw in YAWS if min(yaws) <= yaw <= max(yaws)]
    rows = [
        (f"{pitch:+d}", *(counts.get((yaw, pitch), ".") for yaw in across))
        for pitch in PITCHES
        if min(pitches) <= pitch <= max(pitches)
    ]
    print_table(f"{what}head poses, yaw across and pitch up", ("pitch", *(f"yaw {yaw:+d}" for yaw in across)), rows)


def _by_identity(folder: ProjectFolder, shot: str) -> dict[str, CropSummary]:
    """The crops of a shot that each identity has and nobody left out."""
    from understudy.faces.faceset import Faceset
    from understudy.jobs.faceset_summary import CropSummary

    found = {}
    for name in folder.project.identities:
        if Faceset.exists(folder.faceset(name)):
            faceset = Faceset.open(folder.faceset(name))
            own = [record for key, record in (faceset.learned | faceset.held_out).items() if key[0] == shot]
            found.update({name: CropSummary(faceset.size, tuple(own))} if own else {})
    return found


def _shots(folder: ProjectFolder, faceset: Any, shot: str) -> tuple[str, ...] | None:
    """The shots to hold against the other facesets: a target's own, and all for a source."""
    return (shot,) if folder.identity(faceset.identity).role == "target" else None


def _spread(spread: Spread | None, digits: int) -> str:
    return f"{spread.low:.{digits}f} / {spread.median:.{digits}f} / {spread.high:.{digits}f}" if spread else "-"
