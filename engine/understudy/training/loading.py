"""From a faceset on disk to the codes that a trainer draws its batches from."""

from __future__ import annotations

import hashlib
import json

import numpy as np

from understudy.color import ColorConfig
from understudy.errors import FacesetError, SettingsError
from understudy.faces.faceset import CropRecord, Faceset
from understudy.geometry import Box, compose, crop_from_aligned, crop_side, inverse
from understudy.progress import OnProgress, Progress, ignore_progress
from understudy.resample import resample
from understudy.settings.preset import Preset
from understudy.training.areas import area_maps
from understudy.training.batches import FaceCodes, quantised
from understudy.training.crop_cache import Row, cached_crops

__all__ = ["expect_loadable", "load_face_codes"]

_RECIPE = "row-1"
"""Changes whenever a row of the same crop would be another."""

_AREA_SHRINK = 4
"""The maps of eyes and mouth are so much smaller than the crop: they are soft."""


def load_face_codes(
    faceset: Faceset,
    color: ColorConfig,
    preset: Preset,
    on_progress: OnProgress = ignore_progress,
    held_out: bool = False,
) -> FaceCodes | None:
    """A faceset's crops in training space, each with its shot's exposure normalised; None when stopped.

    They are made once and kept in `cache/` of the faceset's folder, from where they are mapped into memory.

    Args:
        faceset: With crops at least as large as the preset's.
        color: The config whose working space the crops are in.
        preset: Gives size and margin.
        on_progress: Called for each crop.
        held_out: Take the crops that training does not see, instead of those that it does.

    Raises:
        FacesetError: There are none, or one is missing or broken.
        SettingsError: Its crops are smaller than the preset asks for.
        WriteError: The cache cannot be written.
    """
    expect_loadable(faceset, preset, held_out)
    size, margin = preset.model.size, preset.margin
    chosen = list((faceset.held_out if held_out else faceset.learned).values())
    loaded = 0

    def told(done: int) -> bool:
        nonlocal loaded
        loaded = done
        return on_progress(Progress("loading faces", done, len(chosen), faceset.identity))

    keys = [_row_key(faceset, record, size, margin) for record in chosen]
    crops = cached_crops(
        faceset.folder / "cache",
        "held_out" if held_out else "training",
        crop_side(size, margin),
        keys,
        lambda number: _row(faceset, chosen[number], color, size, margin),
        told,
    )
    if crops is None or (loaded < len(chosen) and not told(len(chosen))):
        return None
    poses = np.array([record.alignment.pose[:2] for record in chosen], np.float32)
    return FaceCodes(crops.codes, crops.mattes, crops.areas, poses)


def expect_loadable(faceset: Faceset, preset: Preset, held_out: bool = False) -> None:
    """Returns when a faceset has crops to learn from, or to measure on, that are large enough for a preset.

    Raises:
        FacesetError: There are none.
        SettingsError: Its crops are smaller than the preset asks for.
    """
    if not faceset.records:
        raise FacesetError(
            f"Faceset '{faceset.identity}' holds no crops. Run: understudy extract SHOT --identity {faceset.identity}",
            path=str(faceset.folder),
        )
    if not (faceset.held_out if held_out else faceset.learned):
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


def _row_key(faceset: Faceset, record: CropRecord, size: int, margin: float) -> str:
    """Stands for all that a row is made of: the crop's file, its alignment, its shot's gains, and what is asked for."""
    path = faceset.crop_path(record.shot, record.frame)
    try:
        status = path.stat()
        file = [status.st_size, status.st_mtime_ns]
    except OSError:
        file = []  # reading it will say what is wrong
    asked = [_RECIPE, record.shot, record.frame, record.stamp, file, faceset.size, faceset.margin, size, margin]
    digest = hashlib.blake2b(json.dumps([*asked, faceset.shots[record.shot].training.gains]).encode(), digest_size=12)
    digest.update(record.alignment.aligned_from_plate.tobytes() + record.alignment.landmarks_plate.tobytes())
    return digest.hexdigest()


def _row(faceset: Faceset, record: CropRecord, color: ColorConfig, size: int, margin: float) -> Row:
    """Codes, matte and areas of one crop at the size that is asked for."""
    crop = faceset.read_crop(record, color)
    pixels, matte = crop.pixels, crop.matte
    side = crop_side(size, margin)
    if (faceset.size, faceset.margin) != (size, margin):
        stored_from_wanted = compose(
            crop_from_aligned(faceset.size, faceset.margin), inverse(crop_from_aligned(size, margin))
        )
        window = Box(0, 0, pixels.shape[1], pixels.shape[0])
        resampled = resample(np.dstack([pixels, matte]), window, stored_from_wanted, Box(0, 0, side, side))
        pixels, matte = np.ascontiguousarray(resampled[..., :3]), resampled[..., 3]
    codes = quantised(faceset.shots[record.shot].training.encode(pixels))
    areas = area_maps(record.alignment, size, margin, -(-side // _AREA_SHRINK))
    return Row(codes, (np.clip(matte, 0, 1) * 255 + 0.5).astype(np.uint8), areas)
