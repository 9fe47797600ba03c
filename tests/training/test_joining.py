"""Faces of several identities as one: nobody is shown more often, and the pixels are theirs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.training.conftest import disc_faces
from understudy.settings.preset import Preset
from understudy.training.batches import FaceCodes, centre_codes, make_batch
from understudy.training.joining import joined_faces


@pytest.fixture
def three(preset: Preset) -> list[FaceCodes]:
    return [disc_faces(count, level, preset) for count, level in ((2, 0.3), (6, 0.4), (3, 0.5))]


def test_each_identity_has_the_same_share_in_its_order(three: list[FaceCodes]) -> None:
    joined = joined_faces(three)
    assert len(joined) == 18 and joined.codes.shape == (18, 80, 80, 3)
    rows = joined.codes[np.arange(18)]
    np.testing.assert_array_equal(rows[:6], three[0].codes[[0, 0, 0, 1, 1, 1]])
    np.testing.assert_array_equal(rows[6:12], three[1].codes)
    np.testing.assert_array_equal(rows[12:], three[2].codes[[0, 0, 1, 1, 2, 2]])


def test_mattes_stay_with_their_faces(three: list[FaceCodes]) -> None:
    order = np.array([17, 0, 8])
    np.testing.assert_array_equal(
        joined_faces(three).mattes[order], [three[2].mattes[2], three[0].mattes[0], three[1].mattes[2]]
    )


def test_a_batch_of_joined_faces_is_made_like_any_other(three: list[FaceCodes], preset: Preset) -> None:
    batch = make_batch(joined_faces(three), 64, preset.training, (1, 0), torch.device("cpu"))
    assert batch.wanted.shape == (2, 3, 64, 64) and bool(torch.isfinite(batch.wanted).all())
    centre = centre_codes(joined_faces(three), np.array([0, 7, 15]), 64, torch.device("cpu"))
    np.testing.assert_allclose(centre[:, 0, 32, 32], [0.3, 0.4, 0.5], atol=1e-4)


def test_batches_show_everybody_about_equally_often(three: list[FaceCodes], preset: Preset) -> None:
    training = preset.training.model_copy(
        update={"batch": 240, "exposure_stops": 0.0, "tint_stops": 0.0, "falloff_stops": 0.0}
    )
    middle = make_batch(joined_faces(three), 64, training, (1, 0), torch.device("cpu")).wanted[:, 0, 32, 32]
    counts = [int(((middle - level).abs() < 0.02).sum()) for level in (0.3, 0.4, 0.5)]
    assert sum(counts) == 240 and min(counts) > 55


def test_pixels_stay_where_they_are(three: list[FaceCodes], tmp_path) -> None:
    np.save(tmp_path / "codes.npy", three[1].codes)
    mapped = FaceCodes(np.load(tmp_path / "codes.npy", mmap_mode="r"), three[1].mattes)
    joined = joined_faces([three[0], mapped])
    np.testing.assert_array_equal(joined.codes[np.array([11])][0], three[1].codes[5])


def test_faces_of_two_sizes_cannot_be_joined(three: list[FaceCodes]) -> None:
    small = FaceCodes(three[0].codes[:, 4:-4, 4:-4], three[0].mattes[:, 4:-4, 4:-4])
    with pytest.raises(ValueError, match="of one size"):
        joined_faces([small, three[1]])
