from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from understudy.faces import steady
from understudy.faces.alignment import align_face
from understudy.faces.face import Alignment, Face
from understudy.faces.settle import Settled, settled_landmarks
from understudy.faces.steady import aligned_track, looks_at, measure_track
from understudy.faces.track import LONGEST_GAP, Track
from understudy.faces.view import VIEW_SIDE, FaceView
from understudy.geometry import apply_transform, compose, inverse

FaceAt = Callable[..., Face]
CORNERS = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]


def track(*faces: Face, starts: frozenset[int] = frozenset()) -> Track:
    return Track(1, faces, starts)


def middle(alignment: Alignment) -> np.ndarray:
    return apply_transform(inverse(alignment.aligned_from_plate), [[0.5, 0.5]])[0]


def middles(alignments: tuple[Alignment, ...]) -> np.ndarray:
    return np.array([middle(one) for one in alignments])


def test_noise_is_taken_out(head_at: FaceAt) -> None:
    frames = range(60)
    faces = [head_at(n, 400 + 3 * n, 300, 200, noise=0.004) for n in frames]
    truth = np.array([[400 + 3 * n, 300] for n in frames])
    raw, calm = middles(tuple(map(align_face, faces))) - truth, middles(aligned_track(track(*faces))) - truth
    assert np.diff(calm, axis=0).std() < np.diff(raw, axis=0).std() / 5


def test_a_head_shaken_twice_a_second_is_followed_without_lag(head_at: FaceAt) -> None:
    sway = 60 * np.sin(2 * np.pi * 2 * np.arange(72) / 24)
    faces = [head_at(n, 600 + x, 300, 200, noise=0.004) for n, x in enumerate(sway)]
    x = middles(aligned_track(track(*faces)))[:, 0] - 600
    assert np.abs(x - sway).max() < 4
    quarter = np.interp(np.arange(72) - 0.25, np.arange(72), sway)
    assert np.abs(x - sway)[2:-2].mean() < 0.25 * np.abs(quarter - sway)[2:-2].mean()


def test_a_real_jump_is_kept(head_at: FaceAt) -> None:
    faces = [head_at(n, 400 if n < 15 else 460, 300, 200, noise=0.002) for n in range(30)]
    x = middles(aligned_track(track(*faces)))[:, 0]
    assert np.abs(x[:15] - 400).max() < 2 and np.abs(x[15:] - 460).max() < 2


def test_one_wrong_frame_moves_nothing(head_at: FaceAt) -> None:
    faces = [head_at(n, 400 + 2 * n + (25 if n == 12 else 0), 300, 200, noise=0.002) for n in range(30)]
    x = middles(aligned_track(track(*faces)))[:, 0]
    assert abs(x[12] - 424) < 2


def test_pictures_without_order_stay_where_they_are(head_at: FaceAt) -> None:
    rng = np.random.default_rng(7)
    faces = [head_at(n, 600 + rng.uniform(-60, 60), 300, 200, rng.uniform(-20, 20), noise=0.001) for n in range(12)]
    for one, alone in zip(aligned_track(track(*faces)), map(align_face, faces), strict=True):
        corners = apply_transform(compose(one.aligned_from_plate, inverse(alone.aligned_from_plate)), CORNERS)
        assert np.abs(corners - CORNERS).max() < 0.02


def test_frames_without_a_face_are_filled_in_and_marked(head_at: FaceAt) -> None:
    lost = range(10, 15)
    faces = [head_at(n, 400 + 0.2 * n * n, 300, 200, noise=0.001) for n in range(30) if n not in lost]
    solved = aligned_track(track(*faces))
    assert [one.frame for one in solved] == list(range(30))
    assert [one.frame for one in solved if one.is_filled] == list(lost)
    assert np.abs(middles(solved)[:, 0] - [400 + 0.2 * n * n for n in range(30)]).max() < 2
    assert solved[12].confidence < solved[10].confidence < 0.5 * solved[9].confidence
    outline = (solved[n].landmarks_plate[152] - middle(solved[n]) for n in (9, 12))
    np.testing.assert_allclose(next(outline), next(outline), atol=1)


def test_long_gaps_cuts_and_returns_are_not_bridged(head_at: FaceAt) -> None:
    early, late = [head_at(n, 400, 300, 200) for n in range(8)], LONGEST_GAP + 8
    after = [head_at(n, 900, 500, 120) for n in range(late, late + 8)]
    assert len(aligned_track(track(*early, *after))) == 16
    returned = [head_at(n, 900, 500, 120) for n in range(8, 16)]
    solved = aligned_track(track(*early, *returned, starts=frozenset({8})))
    np.testing.assert_allclose(middles(solved)[[7, 8]], [[400, 300], [900, 500]], atol=0.5)


def test_single_frames_stay_as_they_are(head_at: FaceAt) -> None:
    faces = [head_at(n, 400, 300, 200) for n in (1, 40, 90)]
    for face, one in zip(faces, aligned_track(track(*faces)), strict=True):
        corners = apply_transform(
            compose(one.aligned_from_plate, inverse(align_face(face).aligned_from_plate)), CORNERS
        )
        assert np.abs(corners - CORNERS).max() < 0.003  # the pose of the made-up head is 1.4 degrees off


def test_an_anamorphic_alignment_stays_anamorphic(head_at: FaceAt) -> None:
    for one in aligned_track(track(*(head_at(n, 400 + n, 300, 200) for n in range(9))), 2.0):
        columns = np.linalg.norm(one.aligned_from_plate[:, :2], axis=0)
        assert abs(columns[0] / columns[1] - 2.0) < 1e-6


def texture(side: int = VIEW_SIDE) -> np.ndarray:
    import cv2

    noise = np.random.default_rng(4).standard_normal((side, side)).astype(np.float32)
    return cv2.GaussianBlur(noise, (0, 0), 2.5) * 250 + 128


def painted(face: Face, error: tuple[float, float], covered: bool = False) -> Face:
    """The face with a view that shows where its skin really is: landmarks err by this much, in pixels of the view."""
    import cv2

    to_view = compose(np.array([[345.9, 0, -45.0], [0, 345.9, -45.0]]), align_face(face).aligned_from_plate)
    moved = cv2.warpAffine(texture(), np.array([[1, 0, -error[0]], [0, 1, -error[1]]], np.float64), (VIEW_SIDE,) * 2)
    if covered:
        moved = np.random.default_rng(face.frame).uniform(0, 255, moved.shape)
    return replace(face, view=FaceView(np.clip(moved, 0, 255).astype(np.uint8), to_view))


def test_skin_is_followed_where_landmarks_err(head_at: FaceAt) -> None:
    errors = np.random.default_rng(5).normal(0, 2.5, (8, 2))
    faces = [head_at(n, 600, 300, 200) for n in range(8)]
    views = [painted(face, (x, y)).view for face, (x, y) in zip(faces, errors, strict=True)]
    found = np.array([apply_transform(view.view_from_plate, faces[0].landmarks_plate[:468]) for view in views if view])
    settled = settled_landmarks(views, found)
    assert settled is not None
    inside = settled.belief.min(axis=0) > 0.9
    assert inside.sum() > 100
    left = (settled.landmarks_view - found)[:, inside] + errors[:, None]
    wobble = np.linalg.norm(left - left.mean(axis=0), axis=2).mean()
    assert wobble < 0.1 * np.linalg.norm(errors - errors.mean(axis=0), axis=1).mean()


def test_a_covered_face_is_filled_in_with_little_confidence(head_at: FaceAt) -> None:
    faces = [head_at(n, 600, 300, 200) for n in range(12)]
    wrong = {6, 7}
    shown = [painted(head_at(n, 640, 300, 200) if n in wrong else faces[n], (0, 0), n in wrong) for n in range(12)]
    solved = aligned_track(track(*shown))
    assert {one.frame for one in solved if one.is_filled} == wrong
    assert np.abs(middles(solved) - middle(solved[0])).max() < 2
    assert max(solved[n].confidence for n in wrong) < 0.5 * min(one.confidence for one in solved if not one.is_filled)


def test_skin_that_looks_otherwise_in_each_frame_is_not_taken_for_covered(head_at: FaceAt) -> None:
    shown = []
    for n in range(12):
        face = painted(head_at(n, 600, 300, 200), (0, 0))
        assert face.view is not None
        other = np.random.default_rng(n).permutation(texture().ravel()).reshape(VIEW_SIDE, VIEW_SIDE)
        mixed = np.clip(128 + 0.75 * (face.view.pixels.astype(np.float64) - 128) + 0.6 * (other - 128), 0, 255)
        shown.append(replace(face, view=replace(face.view, pixels=mixed.astype(np.uint8))))
    solved = aligned_track(track(*shown))
    assert not any(one.is_filled for one in solved)
    assert min(one.confidence for one in solved) > 0.5 * min(face.score for face in shown)


def test_measuring_can_be_watched_and_stopped(head_at: FaceAt, tmp_path: Path) -> None:
    shown = track(*(painted(head_at(n, 600 + n, 300, 200), (n % 3, 0)) for n in range(4)))
    left = [True, True, False]
    assert not measure_track(shown, 1.0, tmp_path, lambda: left.pop(0)) and not list(tmp_path.iterdir())
    calls: list[int] = []
    assert measure_track(shown, 1.0, tmp_path, lambda: not calls.append(0))
    assert len(calls) == looks_at(shown) and len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_cannot_be_written_to_does_no_harm(head_at: FaceAt, tmp_path: Path) -> None:
    shown = track(*(painted(head_at(n, 600 + n, 300, 200), (n % 3, 0)) for n in range(3)))
    (tmp_path / "file").touch()
    kept, not_kept = (aligned_track(shown, kept_in=tmp_path / name) for name in ("folder", "file"))
    for one, other in zip(kept, not_kept, strict=True):
        np.testing.assert_array_equal(one.landmarks_plate, other.landmarks_plate)


def test_what_was_measured_is_kept_and_used_again(
    head_at: FaceAt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = [painted(head_at(n, 600 + n, 300, 200), (n % 3, 0)) for n in range(3)]
    first = aligned_track(track(*shown), kept_in=tmp_path)

    def never(*_: object) -> Settled:
        raise AssertionError("measured again")

    with monkeypatch.context() as patched:
        patched.setattr(steady, "settled_landmarks", never)
        again = aligned_track(track(*shown), kept_in=tmp_path)
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.landmarks_plate, other.landmarks_plate)
    (kept,) = tmp_path.glob("*.npz")
    kept.write_bytes(kept.read_bytes()[:100])
    aligned_track(track(*shown), kept_in=tmp_path)
    assert kept.stat().st_size > 100
    aligned_track(track(*shown[:2]), kept_in=tmp_path)
    assert len(list(tmp_path.glob("*.npz"))) == 2
