from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from understudy.color import DEFAULT_CONFIG, ColorConfig
from understudy.errors import ColorError, FacesetError
from understudy.faces.alignment import align_face
from understudy.faces.crop import FaceCrop, crop_face
from understudy.faces.face import Face
from understudy.faces.faceset import Faceset, Normalisation
from understudy.plates import Frame

BALANCED = Normalisation(white_balance=True)


@pytest.fixture
def crops(color: ColorConfig, face_at: Callable[..., Face]) -> list[FaceCrop]:
    pixels = np.random.default_rng(2).uniform(0.1, 2, (300, 300, 3)).astype(np.float32)
    faces = [face_at(number, 150 + number, 150, 120) for number in (1, 2, 3)]
    return [crop_face(Frame.of(pixels * face.frame), "ACEScg", color, align_face(face), 64, 0.125) for face in faces]


@pytest.fixture
def faceset(tmp_path: Path, crops: list[FaceCrop], color: ColorConfig) -> Faceset:
    made = Faceset(tmp_path / "ben", "ben", 64, 0.125, DEFAULT_CONFIG)
    for crop in crops:
        made.write_crop("sh010", crop, f"stamp{crop.alignment.frame}", color)
    stamps = {number: f"stamp{number}" for number in (1, 2, 3)}
    return made.with_records_on_disk().finished_shot("sh010", "ACEScg", frozenset(stamps), BALANCED, stamps)


def test_a_faceset_comes_back_from_disk(faceset: Faceset, crops: list[FaceCrop], color: ColorConfig) -> None:
    back = Faceset.open(faceset.folder)
    assert (back.size, back.margin, back.shots) == (64, 0.125, faceset.shots)
    record = back.records["sh010", 2]
    np.testing.assert_allclose(record.alignment.aligned_from_plate, crops[1].alignment.aligned_from_plate)
    loaded = back.read_crop(record, color)
    np.testing.assert_allclose(loaded.pixels, crops[1].pixels, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(loaded.matte, crops[1].mattes.soft, atol=1e-3)


def test_a_shots_gains_bring_its_median_face_to_grey(faceset: Faceset, crops: list[FaceCrop]) -> None:
    median = np.median([crop.face_rgb for crop in crops], axis=0)
    np.testing.assert_allclose(np.multiply(faceset.shots["sh010"].training.gains, median), 0.18, rtol=1e-5)


def test_gains_by_hand_are_kept_with_their_words(faceset: Faceset) -> None:
    by_hand = Normalisation(white_balance=True, exposure=2.0, balance=(1.0, 1.0, 0.5))
    frames, stamps = frozenset((1, 2, 3)), {number: f"stamp{number}" for number in (1, 2, 3)}
    faceset.finished_shot("sh010", "ACEScg", frames, by_hand, stamps)
    shot = Faceset.open(faceset.folder).shots["sh010"]
    assert shot.training.gains == (4.0, 4.0, 2.0)
    assert shot.normalised == "exposure +2 by hand, white balance by hand"


def test_a_crop_that_is_no_longer_wanted_goes(faceset: Faceset) -> None:
    stamps = {1: "stamp1", 2: "stamp2"}
    smaller = faceset.finished_shot("sh010", "ACEScg", frozenset((1, 2, 3)), BALANCED, stamps)
    assert [number for _, number in smaller.records] == [1, 2]
    assert not smaller.crop_path("sh010", 3).exists()


def test_frames_that_were_not_asked_for_stay(faceset: Faceset) -> None:
    kept = faceset.finished_shot("sh010", "ACEScg", frozenset((1,)), BALANCED, {1: "stamp1"})
    assert [number for _, number in kept.records] == [1, 2, 3]


def test_a_line_that_a_kill_cut_short_is_left_out(faceset: Faceset) -> None:
    path = faceset.folder / "crops.jsonl"
    path.write_text(path.read_text()[:-30])
    assert [number for _, number in Faceset.open(faceset.folder).records] == [1, 2]


def test_a_missing_or_damaged_faceset_says_how_to_make_it(faceset: Faceset, tmp_path: Path) -> None:
    with pytest.raises(FacesetError, match="understudy extract SHOT --identity ada"):
        Faceset.open(tmp_path / "ada")
    (faceset.folder / "faceset.json").write_text('{"schema": "faceset-9"}')
    with pytest.raises(FacesetError, match=r"faceset\.json is damaged.*faceset-9"):
        Faceset.open(faceset.folder)


def test_black_faces_are_refused_with_a_reason(
    tmp_path: Path, color: ColorConfig, face_at: Callable[..., Face]
) -> None:
    made = Faceset(tmp_path / "ben", "ben", 64, 0.125, DEFAULT_CONFIG)
    crop = crop_face(Frame.of(np.zeros((300, 300, 3))), "ACEScg", color, align_face(face_at(1, 150, 150, 120)), 64)
    made.write_crop("dark", crop, "x", color)
    with pytest.raises(ColorError, match="colour space"):
        made.with_records_on_disk().finished_shot("dark", "ACEScg", frozenset((1,)), BALANCED, {1: "x"})
