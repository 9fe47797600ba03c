from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.faces.conftest import made_up_landmarks
from understudy.color import DEFAULT_CONFIG, ColorConfig
from understudy.errors import FacesetError, SettingsError
from understudy.faces.alignment import align_face
from understudy.faces.crop import crop_face
from understudy.faces.curation import Curation
from understudy.faces.face import Face
from understudy.faces.faceset import Faceset, Normalisation
from understudy.plates import Frame
from understudy.settings.preset import load_preset
from understudy.training.batches import CODE_RANGE
from understudy.training.loading import load_face_codes


@pytest.fixture
def faceset(tmp_path: Path, color: ColorConfig) -> Faceset:
    """One face of even colour, 128 px."""
    face = Face(1, (made_up_landmarks() - 0.5) * 150 + (150, 150), np.zeros(478, np.float32), 0.9)
    crop = crop_face(Frame.of(np.full((300, 300, 3), 0.7)), "ACEScg", color, align_face(face), 128, 0.125)
    made = Faceset(tmp_path / "ben", "ben", 128, 0.125, DEFAULT_CONFIG)
    made.write_crop("sh010", crop, "x", color)
    return made.with_records_on_disk().finished_shot(
        "sh010", "ACEScg", frozenset((1,)), Normalisation(white_balance=True), {1: "x"}
    )


@pytest.mark.parametrize("size,side", [(128, 160), (64, 80)])
def test_a_face_comes_out_grey_at_the_presets_size(faceset: Faceset, color: ColorConfig, size: int, side: int) -> None:
    faces = load_face_codes(faceset, color, load_preset("identity", [f"model.size={size}"]))
    assert faces is not None and faces.codes.shape == (1, side, side, 3)
    low, high = CODE_RANGE
    np.testing.assert_allclose(faces.codes / 65535 * (high - low) + low, 0.400, atol=0.002)
    assert faces.mattes[0, side // 2, side // 2] == 255 and faces.mattes[0, 0, 0] == 0


def test_crops_smaller_than_the_preset_are_refused(faceset: Faceset, color: ColorConfig) -> None:
    with pytest.raises(SettingsError, match="asks for 256 px"):
        load_face_codes(faceset, color, load_preset("identity", ["model.size=256"]))


def test_an_empty_faceset_says_what_to_run(tmp_path: Path, color: ColorConfig) -> None:
    empty = Faceset(tmp_path / "ada", "ada", 128, 0.125, DEFAULT_CONFIG)
    with pytest.raises(FacesetError, match="understudy extract SHOT --identity ada"):
        load_face_codes(empty, color, load_preset("identity"))


def test_loading_stops_when_asked(faceset: Faceset, color: ColorConfig) -> None:
    assert load_face_codes(faceset, color, load_preset("identity", ["model.size=64"]), lambda _: False) is None


def test_a_faceset_is_read_once_and_mapped_ever_after(
    faceset: Faceset, color: ColorConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    preset = load_preset("identity", ["model.size=64"])
    first = load_face_codes(faceset, color, preset)
    monkeypatch.setattr(Faceset, "read_crop", lambda *_: pytest.fail("the cache should be read"))
    again = load_face_codes(faceset, color, preset)
    assert first is not None and again is not None and isinstance(again.codes, np.memmap)
    for name in ("codes", "mattes", "areas", "poses"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    assert again.areas is not None and again.areas.shape == (1, 20, 20, 2)
    np.testing.assert_allclose(again.poses, [faceset.records["sh010", 1].alignment.pose[:2]], atol=1e-4)


def test_another_exposure_of_the_shot_makes_the_codes_anew(faceset: Faceset, color: ColorConfig) -> None:
    preset = load_preset("identity", ["model.size=64"])
    load_face_codes(faceset, color, preset)
    brighter = faceset.finished_shot(
        "sh010", "ACEScg", frozenset((1,)), Normalisation(white_balance=True, exposure=1.0), {1: "x"}
    )
    faces = load_face_codes(brighter, color, preset)
    low, high = CODE_RANGE
    expected = brighter.shots["sh010"].training.encode(np.full((1, 1, 3), 0.7, np.float32))
    assert faces is not None
    np.testing.assert_allclose(faces.codes[0, 40, 40] / 65535 * (high - low) + low, expected[0, 0], atol=0.002)
    assert len(list((faceset.folder / "cache").iterdir())) == 1


def test_a_crop_written_anew_is_read_anew(faceset: Faceset, color: ColorConfig) -> None:
    preset = load_preset("identity", ["model.size=64"])
    load_face_codes(faceset, color, preset)
    path = faceset.crop_path("sh010", 1)
    path.write_bytes(b"no picture")
    with pytest.raises(FacesetError, match="missing or broken"):
        load_face_codes(faceset, color, preset)


def test_some_crops_can_be_loaded_as_a_part_of_their_own(faceset: Faceset, color: ColorConfig) -> None:
    preset = load_preset("identity", ["model.size=64"])
    load_face_codes(faceset, color, preset)
    held_out = replace(faceset, curation=Curation(held_out=frozenset(faceset.records)))
    part = load_face_codes(held_out, color, preset, held_out=True)
    assert part is not None and len(part) == 1
    assert sorted(path.name[:8] for path in (faceset.folder / "cache").iterdir()) == ["held_out", "training"]
