"""From a faceset on disk to the codes that a trainer draws its batches from."""

from __future__ import annotations

import numpy as np

from understudy.color import ColorConfig
from understudy.errors import FacesetError, SettingsError
from understudy.faces.faceset import CropRecord, Faceset
from understudy.geometry import Box, compose, crop_from_aligned, crop_side, inverse
from understudy.progress import OnProgress, Progress, ignore_progress
from understudy.resample import resample
from understudy.settings.preset import Preset
from understudy.training.batches import FaceCodes, quantised

__all__ = ["load_face_codes"]


def load_face_codes(
    faceset: Faceset,
    color: ColorConfig,
    preset: Preset,
    on_progress: OnProgress = ignore_progress,
    held_out: bool = False,
) -> FaceCodes | None:
    """A faceset's crops in training space, each with its shot's exposure normalised; None when stopped.

    Args:
        faceset: With crops at least as large as the preset's.
        color: The config whose working space the crops are in.
        preset: Gives size and margin.
        on_progress: Called for each crop.
        held_out: Take the crops that training does not see, instead of those that it does.

    Raises:
        FacesetError: There are none.
        SettingsError: Its crops are smaller than the preset asks for.
        PlateError: A crop is missing or broken.
    """
    if not faceset.records:
        raise FacesetError(
            f"Faceset '{faceset.identity}' holds no crops. Run: understudy extract SHOT --identity {faceset.identity}",
            path=str(faceset.folder),
        )
    records = faceset.held_out if held_out else faceset.learned
    if not records:
        what = "held out" if held_out else "both extracted to the end and not left out"
        raise FacesetError(
            f"Of the {len(faceset.records)} crops of faceset '{faceset.identity}' none is {what}. See: "
            f"understudy faceset {faceset.identity}",
            path=str(faceset.folder),
        )
    size, margin = preset.model.size, preset.margin
    if faceset.size < size or faceset.margin < margin - 1e-9:
        raise SettingsError(
            f"Faceset '{faceset.identity}' holds crops for {faceset.size} px with margin {faceset.margin:g}, and "
            f"preset '{preset.name}' asks for {size} px with {margin:g}. Delete {faceset.folder} and extract again "
            f"with --preset {preset.name}.",
            path=str(faceset.folder),
        )
    side, count = crop_side(size, margin), len(records)
    codes = np.empty((count, side, side, 3), np.uint16)
    mattes = np.empty((count, side, side), np.uint8)
    for index, record in enumerate(records.values()):
        codes[index], mattes[index] = _loaded(faceset, record, color, preset)
        report = Progress("loading faces", index + 1, count, faceset.identity)
        if not on_progress(report):
            return None
    return FaceCodes(codes, mattes)


def _loaded(
    faceset: Faceset, record: CropRecord, color: ColorConfig, preset: Preset
) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.uint16]], np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    """Codes (S, S, 3) uint16 and matte (S, S) uint8 of one crop at the preset's size."""
    crop = faceset.read_crop(record, color)
    pixels, matte = crop.pixels, crop.matte
    size, margin = preset.model.size, preset.margin
    if (faceset.size, faceset.margin) != (size, margin):
        stored_from_wanted = compose(
            crop_from_aligned(faceset.size, faceset.margin), inverse(crop_from_aligned(size, margin))
        )
        window = Box(0, 0, pixels.shape[1], pixels.shape[0])
        target = Box(0, 0, crop_side(size, margin), crop_side(size, margin))
        resampled = resample(np.dstack([pixels, matte]), window, stored_from_wanted, target)
        pixels, matte = np.ascontiguousarray(resampled[..., :3]), resampled[..., 3]
    codes = quantised(faceset.shots[record.shot].training.encode(pixels))
    return codes, (np.clip(matte, 0, 1) * 255 + 0.5).astype(np.uint8)
