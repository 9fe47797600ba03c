from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.jobs.made_up_shot import made_up_shot, textured_plate
from understudy.jobs.preview import preview_frame
from understudy.plates import read_frame

LABELS = 28


@pytest.mark.parametrize(("pixel_aspect", "width"), [(1.0, 216), (2.0, 432)])
def test_a_preview_is_in_square_pixels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pixel_aspect: float, width: int
) -> None:
    plate = textured_plate(pixel_aspect=pixel_aspect)
    folder = made_up_shot(tmp_path, monkeypatch, [plate], pixel_aspect=pixel_aspect)
    exr, png = preview_frame(folder, "s", "m", 1001)
    sheet = cv2.imread(str(png))
    assert sheet.shape[1] == 3 * width + 8 and sheet.shape[0] - LABELS - 4 == 176
    box = read_frame(exr).data_window
    rows, columns = np.nonzero(sheet[LABELS:-4, 2 * width + 8 :, 0])
    assert abs(columns.min() - (box.left + 8) * pixel_aspect) <= 6
    assert abs(rows.min() - (box.top + 6)) <= 4


def test_a_log_plate_looks_as_it_does_in_light(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, color) -> None:
    light = textured_plate()
    codes = light.pixels.copy()
    codes[..., :3] = color.converted(np.ascontiguousarray(light.rgb()), "ACEScg", "ARRI LogC4")
    folder = made_up_shot(tmp_path / "light", monkeypatch, [light])
    log = made_up_shot(tmp_path / "log", monkeypatch, [replace(light, pixels=codes)], "ARRI LogC4")
    sheets = [cv2.imread(str(preview_frame(made, "s", "m", 1001)[1])) for made in (folder, log)]
    difference = np.abs(sheets[0].astype(int) - sheets[1].astype(int))
    assert difference.mean() < 0.5 and np.percentile(difference, 99) <= 4
