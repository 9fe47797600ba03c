"""Curating a faceset: its crops chosen, left out, brought back, held out of training; near-duplicates found."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from understudy.durable import sweep
from understudy.errors import FacesetError, SettingsError
from understudy.faces.curation import CropKey, Curation, read_curation, write_curation
from understudy.faces.faceset import CropRecord, Faceset
from understudy.faces.held_out import held_out_blocks, held_out_shots
from understudy.faces.quality import Measures, measure_crop
from understudy.faces.similarity import alike_groups, likeness, nearest_crops, similarity_of
from understudy.jobs.faceset_filter import ListedCrop, needs_similarity, parse_conditions, sorted_crops
from understudy.jobs.shot import config_of
from understudy.plates import format_frames
from understudy.settings.project import ProjectFolder, sole_writer

__all__ = ["CURATIONS", "CuratedFaceset", "SplitFaceset", "choose_crops", "curate", "split_faceset"]

_LOGGER = logging.getLogger(__name__)

CURATIONS = ("drop", "keep", "restore", "undo")
"""What can be done to the chosen crops: leave them out, leave out all others, bring them back; take back the last."""


@dataclass(frozen=True, eq=False)
class CuratedFaceset:
    """Crops of a faceset that were chosen, and what was decided about them.

    Attributes:
        faceset: The set, with the decisions as they are now, or with `dry_run` would be.
        chosen: Those that meet all conditions, in the order asked for.
        groups: Near-duplicates among them, the best of each first; empty when they were not asked for.
        changed: Crops whose state the decision changes.
    """

    faceset: Faceset
    chosen: tuple[ListedCrop, ...]
    groups: tuple[tuple[ListedCrop, ...], ...] = ()
    changed: tuple[CropKey, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "chosen": [crop.to_json() for crop in self.chosen],
            "duplicates": [[crop.to_json() for crop in group] for group in self.groups],
            "changed": _by_shot(self.changed),
        }


@dataclass(frozen=True)
class SplitFaceset:
    """A faceset with a part held out.

    Attributes:
        held_out: The crops that training does not see.
        learned: How many it sees.
    """

    held_out: tuple[CropKey, ...]
    learned: int

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"held_out": _by_shot(self.held_out), "count": len(self.held_out), "learned": self.learned}


def choose_crops(
    folder: ProjectFolder,
    identity: str,
    where: Sequence[str] = (),
    sort: str | None = None,
    duplicates: float | None = None,
) -> CuratedFaceset:
    """The crops of a faceset that meet some conditions.

    Args:
        folder: The project.
        identity: Whose faceset.
        where: Conditions (see `faceset_filter`), all of which must be met.
        sort: One of `SORTS`, with a minus for the greatest first; by shot and frame when None.
        duplicates: Similarity 0..1 from which crops count as the same. Then only those are chosen that are repeats of a
            better one among them (larger in the plate, sharper). Crops that are left out already do not count.

    Raises:
        FacesetError: There is no faceset.
        SettingsError: A condition, the order or the similarity cannot be meant.
        PlateError: A crop that must be measured first cannot be read.
    """
    conditions = parse_conditions(where)
    if duplicates is not None and not 0.0 < duplicates <= 1.0:
        raise SettingsError(f"--duplicates {duplicates:g}: a similarity lies above 0 and is at most 1, such as 0.7.")
    folder.identity(identity)
    faceset = Faceset.open(folder.faceset(identity))
    measures = _measures(folder, faceset)
    crops = [
        ListedCrop(record, _state(faceset.curation, key), measures[key].sharpness)
        for key, record in faceset.records.items()
    ]
    if needs_similarity(conditions, sort):
        crops = _with_similarity(crops, measures)
    chosen = sorted_crops([crop for crop in crops if all(one.holds(crop) for one in conditions)], sort)
    if duplicates is None:
        return CuratedFaceset(faceset, tuple(chosen))
    chosen = [crop for crop in chosen if crop.state != "left-out"]
    best_first = sorted(range(len(chosen)), key=lambda index: -_worth(chosen[index]))
    rows = likeness([(crop.record.alignment, measures[crop.record.key]) for crop in chosen])
    groups = tuple(tuple(chosen[index] for index in group) for group in alike_groups(rows, duplicates, best_first))
    repeats = {crop.record.key for group in groups for crop in group[1:]}
    return CuratedFaceset(faceset, tuple(crop for crop in chosen if crop.record.key in repeats), groups)


def curate(
    folder: ProjectFolder, chosen: CuratedFaceset, action: str, what: str, dry_run: bool = False
) -> CuratedFaceset:
    """Decides about the chosen crops; the decision is kept beside the faceset, and no crop is deleted.

    Args:
        folder: The project.
        chosen: As `choose_crops` returned it.
        action: One of `CURATIONS`.
        what: The decision in words, for `undo` to name.
        dry_run: Decide nothing, and tell what would change.

    Raises:
        SettingsError: There is nothing to undo, or no crop would be left.
        WriteError: The file cannot be written.
    """
    if action not in CURATIONS:
        raise ValueError(action)
    keys = [crop.record.key for crop in chosen.chosen]
    others = [key for key in chosen.faceset.records if key not in set(keys)]
    changes: dict[str, Callable[[Curation], Curation]] = {
        "drop": lambda now: now.with_left_out(keys, what),
        "keep": lambda now: now.with_left_out(others, what),
        "restore": lambda now: now.restored(keys, what),
        "undo": lambda now: now.undone(),
    }
    return _decided(folder, chosen, changes[action], dry_run)


def split_faceset(
    folder: ProjectFolder,
    identity: str,
    amount: str,
    by: Literal["block", "shot"] = "block",
    dry_run: bool = False,
) -> SplitFaceset:
    """Holds a part of a faceset out of training; what was held out before is seen again.

    Args:
        folder: The project.
        identity: Whose faceset.
        amount: "10%" of the crops that are not left out, or a number of them; "0" holds nothing out.
        by: "block": runs of neighbouring frames, spread over the set; "shot": whole shots, as near as they come.
        dry_run: Decide nothing, and tell what would be.

    Raises:
        FacesetError: There is no faceset.
        SettingsError: The amount cannot be meant, or nothing would be left to learn from.
        WriteError: The file cannot be written.
    """
    folder.identity(identity)
    faceset = Faceset.open(folder.faceset(identity))
    usable = sorted((*faceset.learned, *faceset.held_out))
    count = _amount(amount, len(usable), identity)
    if by == "shot" and count and len({shot for shot, _ in usable}) < 2:
        raise SettingsError(
            f"Faceset '{identity}' has crops of one shot, and something must be left to learn from: hold out blocks of "
            f"it with: understudy faceset split {identity} --held-out {amount} --by block",
            identity=identity,
        )
    keys = held_out_shots(usable, count) if by == "shot" else held_out_blocks(usable, count)
    what = f"hold out {amount} by {by}" if count else "hold nothing out"
    decided = _decided(folder, CuratedFaceset(faceset, ()), lambda now: now.with_held_out(keys, what), dry_run)
    return SplitFaceset(tuple(sorted(decided.faceset.held_out)), len(decided.faceset.learned))


def _decided(
    folder: ProjectFolder, chosen: CuratedFaceset, change: Callable[[Curation], Curation], dry_run: bool
) -> CuratedFaceset:
    """The faceset with a change of its decisions, on disk too; what somebody else decided meanwhile stays."""
    faceset = chosen.faceset

    def changed(before: Curation) -> tuple[Curation, CuratedFaceset]:
        after = change(before)
        now = replace(faceset, curation=after)
        if faceset.records and not now.learned and after != before:
            raise SettingsError(
                f"Then no crop of faceset '{faceset.identity}' would be left to learn from. Choose fewer.",
                identity=faceset.identity,
            )
        keys = tuple(key for key in faceset.records if _state(before, key) != _state(after, key))
        crops = tuple(replace(crop, state=_state(after, crop.record.key)) for crop in chosen.chosen)
        return after, CuratedFaceset(now, crops, chosen.groups, keys)

    if dry_run:
        return changed(faceset.curation)[1]
    with sole_writer(folder.path):
        sweep(faceset.folder.parent)
        before = read_curation(faceset.folder)
        after, result = changed(before)
        if after != before:
            write_curation(faceset.folder, after)
    return result


def _measures(folder: ProjectFolder, faceset: Faceset) -> dict[CropKey, Measures]:
    """Of every crop; those from before measures were kept are measured now."""
    unmeasured = sum(record.measures is None for record in faceset.records.values())
    if unmeasured:
        _LOGGER.warning(
            "%d crops of '%s' are from before sharpness was kept and are measured now, and each time; run understudy "
            "extract once more, which makes them again.",
            unmeasured,
            faceset.identity,
        )
    color = config_of(folder)

    def measured(record: CropRecord) -> Measures:
        if record.measures is not None:
            return record.measures
        crop = faceset.read_crop(record, color)
        return measure_crop(crop.pixels, crop.matte, faceset.margin)

    return {key: measured(record) for key, record in faceset.records.items()}


def _with_similarity(crops: Sequence[ListedCrop], measures: dict[CropKey, Measures]) -> list[ListedCrop]:
    """The crops with how like their nearest neighbour is; those left out already have none and are none."""
    compared = [crop for crop in crops if crop.state != "left-out"]
    rows = likeness([(crop.record.alignment, measures[crop.record.key]) for crop in compared])
    distances, _ = nearest_crops(rows)
    near = {crop.record.key: similarity_of(float(one)) for crop, one in zip(compared, distances, strict=True)}
    return [replace(crop, similarity=near.get(crop.record.key, math.nan)) for crop in crops]


def _worth(crop: ListedCrop) -> float:
    """Which of two near-duplicates is kept: the one that shows more plate pixels of detail."""
    return crop.record.native_px * crop.sharpness


def _state(curation: Curation, key: CropKey) -> str:
    if key in curation.left_out:
        return "left-out"
    return "held-out" if key in curation.held_out else "used"


def _amount(amount: str, of: int, identity: str) -> int:
    text = amount.strip()
    number = text.removesuffix("%")
    try:
        share = float(number)
    except ValueError:
        share = math.nan
    is_meant = math.isfinite(share) and share >= 0 and (text.endswith("%") or share == round(share))
    if not is_meant:
        raise SettingsError(f"--held-out {amount[:40]}: write a share such as 10%, or a number of crops such as 24.")
    count = round(of * share / 100) if text.endswith("%") else round(share)
    if share and not count:
        raise SettingsError(f"--held-out {amount} of the {of} crops of faceset '{identity}' is not one. Ask for more.")
    if of and count >= of:
        raise SettingsError(
            f"--held-out {amount} leaves none of the {of} crops of faceset '{identity}' to learn from. Ask for less.",
            identity=identity,
        )
    if not of:
        raise FacesetError(f"Faceset '{identity}' has no crop that is not left out.", identity=identity)
    return count


def _by_shot(keys: Sequence[CropKey]) -> dict[str, str]:
    """Frame ranges by shot."""
    shots = dict.fromkeys(shot for shot, _ in keys)
    return {name: format_frames(tuple(sorted(frame for shot, frame in keys if shot == name))) for name in shots}
