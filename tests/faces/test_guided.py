"""A head on a known course, landmarks that jitter, and an artist's points that do not."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest

from understudy.faces.alignment import align_face
from understudy.faces.face import Alignment, Face
from understudy.faces.guided import ArtistTracks, guided_track
from understudy.geometry import Transform, apply_transform, compose, inverse

FRAMES = range(1001, 1041)
POINTS = {"brow": (0.3, 0.25), "nose": (0.5, 0.55), "ear": (1.1, 0.4)}
CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])


def course(frame: int) -> tuple[float, float, float, float]:
    """Middle in plate pixels, side and roll in degrees: a walk, a push in and a shake that no smoothing follows."""
    time = frame - 1001
    return (
        500 + 9 * time + 14 * np.sin(2.1 * time),
        400 + 6 * np.cos(1.7 * time),
        200 + 2 * time,
        8 * np.sin(0.9 * time),
    )


def plate_from_head(frame: int) -> Transform:
    x, y, side, roll = course(frame)
    turn = np.radians(roll)
    linear = side * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return np.column_stack([linear, np.array([x, y]) - linear @ (0.5, 0.5)])


def artists(
    points: Mapping[str, tuple[float, float]], aspect: float = 1.0
) -> dict[int, dict[str, tuple[float, float]]]:
    made = {}
    for frame in FRAMES:
        places = apply_transform(plate_from_head(frame), list(points.values())) / (aspect, 1.0)
        made[frame] = {name: (float(x), float(y)) for name, (x, y) in zip(points, places, strict=True)}
    return made


def in_head(alignments: tuple[Alignment, ...] | list[Alignment], aspect: float = 1.0) -> np.ndarray:
    """(frames, 4, 2): where the square's corners lie on the head; they never move when the alignment is the head's."""
    places = []
    for one in alignments:
        corners = apply_transform(inverse(one.aligned_from_plate), CORNERS) * (aspect, 1.0)
        places.append(apply_transform(inverse(plate_from_head(one.frame)), corners))
    return np.array(places)


@pytest.fixture
def jittery(face_at: Callable[..., Face]) -> list[Alignment]:
    """Alignments of single frames whose landmarks err by half a per cent of the square."""
    made = []
    for frame in FRAMES:
        x, y, side, roll = course(frame)
        made.append(align_face(face_at(frame, x, y, side, roll, noise=0.005)))
    return made


def jitter(places: np.ndarray) -> float:
    """Root mean square of what changes from frame to frame, in shares of the square."""
    return float(np.sqrt((np.diff(places, axis=0) ** 2).sum(axis=-1).mean()))


@pytest.mark.parametrize("count", [2, 3])
def test_the_face_moves_as_the_points_do_and_lies_where_the_landmarks_say(jittery: list[Alignment], count: int) -> None:
    points = dict(list(POINTS.items())[:count])
    made = guided_track(jittery, ArtistTracks("points", artists(points)))
    places = in_head(made.alignments)
    assert jitter(in_head(jittery)) > 1e-3 and jitter(places) < 1e-9
    np.testing.assert_allclose(places[0], CORNERS, atol=3e-3)
    assert (made.unguided, made.placed_only, made.loose, made.astray) == ((), (), (), ())


def test_landmarks_confidence_and_pose_stay(jittery: list[Alignment]) -> None:
    for before, after in zip(jittery, guided_track(jittery, ArtistTracks("", artists(POINTS))).alignments, strict=True):
        assert after.landmarks_plate is before.landmarks_plate
        assert (after.frame, after.confidence, after.pose) == (before.frame, before.confidence, before.pose)


def test_points_that_jitter_hand_on_their_own_jitter_and_not_the_landmarks(jittery: list[Alignment]) -> None:
    random = np.random.default_rng(5)
    points = {
        frame: {name: (x + random.normal(0, 0.1), y + random.normal(0, 0.1)) for name, (x, y) in places.items()}
        for frame, places in artists(POINTS).items()
    }
    places = in_head(guided_track(jittery, ArtistTracks("", points)).alignments)
    assert jitter(places) < 0.25 * jitter(in_head(jittery))


def test_one_point_gives_the_place_and_landmarks_give_size_and_roll(jittery: list[Alignment]) -> None:
    points = artists({"nose": POINTS["nose"]})
    made = guided_track(jittery, ArtistTracks("", points))
    assert made.placed_only == tuple(FRAMES) and made.unguided == ()
    noses = [apply_transform(one.aligned_from_plate, [points[one.frame]["nose"]])[0] for one in made.alignments]
    np.testing.assert_allclose(noses, np.tile(noses[0], (len(noses), 1)), atol=1e-9)
    for before, after in zip(jittery, made.alignments, strict=True):
        np.testing.assert_allclose(after.aligned_from_plate[:, :2], before.aligned_from_plate[:, :2], atol=1e-12)


def test_points_that_coincide_give_the_place_only(jittery: list[Alignment]) -> None:
    made = guided_track(jittery, ArtistTracks("", artists({"one": (0.5, 0.5), "other": (0.505, 0.5)})))
    assert made.placed_only == tuple(FRAMES)


def test_points_may_be_handed_over(jittery: list[Alignment]) -> None:
    """The first two leave at frame 1020; one of them and a third go on, and then the third with a fourth."""
    everything = artists({**POINTS, "chin": (0.5, 0.9)})
    points = {
        frame: {name: place for name, place in places.items() if name in shown}
        for frame, places in everything.items()
        for shown in [
            ("brow", "nose", "ear") if frame < 1015 else ("ear", "nose", "chin") if frame < 1030 else ("ear", "chin")
        ]
    }
    made = guided_track(jittery, ArtistTracks("", points))
    assert made.unguided == () and jitter(in_head(made.alignments)) < 1e-4


def test_frames_without_points_keep_their_alignment_and_are_named(jittery: list[Alignment]) -> None:
    points = {frame: places for frame, places in artists(POINTS).items() if frame not in (1003, 1040)}
    made = guided_track(jittery, ArtistTracks("", points))
    assert made.unguided == (1003, 1040)
    for frame in (1003, 1040):
        assert made.alignments[frame - 1001] is jittery[frame - 1001]


def test_a_face_that_landmarks_lose_for_a_while_is_where_the_points_say(
    jittery: list[Alignment], face_at: Callable[..., Face]
) -> None:
    lost = [align_face(face_at(1010 + index, 900, 100, 150)) for index in range(6)]
    jittery[9:15] = lost
    made = guided_track(jittery, ArtistTracks("", artists(POINTS)))
    np.testing.assert_allclose(in_head(made.alignments), np.tile(CORNERS, (40, 1, 1)), atol=4e-3)
    assert made.astray == tuple(range(1010, 1016))


def test_points_that_move_against_each_other_are_named(jittery: list[Alignment]) -> None:
    points = artists(POINTS)
    for frame in (1020, 1021):
        x, y = points[frame]["brow"]
        points[frame]["brow"] = (x, y + 40)
    assert guided_track(jittery, ArtistTracks("", points)).loose == (1020, 1021)


def test_points_on_another_head_change_nothing(jittery: list[Alignment]) -> None:
    beside = artists({name: (x + 2, y) for name, (x, y) in POINTS.items()})
    made = guided_track(jittery, ArtistTracks("", beside))
    assert made.are_beside and made.alignments == tuple(jittery)


def test_points_all_around_may_be_far_away(jittery: list[Alignment]) -> None:
    """As the corners of a picture are that a Transform carries along."""
    corners = artists({"a": (-9, -3), "b": (3, -3), "c": (3, 4), "d": (-9, 4)})
    made = guided_track(jittery, ArtistTracks("", corners))
    assert not made.are_beside and jitter(in_head(made.alignments)) < 1e-9


def test_points_of_other_frames_change_nothing(jittery: list[Alignment]) -> None:
    made = guided_track(jittery[:5], ArtistTracks("", {1020: artists(POINTS)[1020]}))
    assert made.alignments == tuple(jittery[:5]) and made.unguided == (1001, 1002, 1003, 1004, 1005)


@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_points_that_make_the_face_impossibly_large_or_small_are_left_out(
    jittery: list[Alignment], factor: float
) -> None:
    points = artists(POINTS)
    middle = np.mean(list(points[1007].values()), axis=0)
    points[1007] = {name: tuple(middle + factor * (place - middle)) for name, place in points[1007].items()}
    made = guided_track(jittery, ArtistTracks("", points))
    assert made.unguided == (1007,) and made.alignments[6] is jittery[6]
    np.testing.assert_allclose(in_head(made.alignments), np.tile(CORNERS, (40, 1, 1)), atol=0.02)


def test_an_anamorphic_face_is_guided_in_square_pixels(face_at: Callable[..., Face]) -> None:
    squeezed = []
    for frame in FRAMES:
        face = face_at(frame, *course(frame), noise=0.005)
        squeezed.append(
            align_face(Face(frame, face.landmarks_plate / (2.0, 1.0), face.depths, face.score), pixel_aspect=2.0)
        )
    made = guided_track(squeezed, ArtistTracks("", artists(POINTS, aspect=2.0)), pixel_aspect=2.0)
    assert jitter(in_head(made.alignments, aspect=2.0)) < 1e-9
    columns = [np.linalg.norm(one.aligned_from_plate[:, :2], axis=0) for one in made.alignments]
    np.testing.assert_allclose([x / y for x, y in columns], 2.0, atol=1e-9)


def test_the_alignments_own_points_give_them_back(jittery: list[Alignment]) -> None:
    template = np.array(list(POINTS.values()))
    points = {
        one.frame: dict(
            zip(POINTS, map(tuple, apply_transform(inverse(one.aligned_from_plate), template).tolist()), strict=True)
        )
        for one in jittery
    }
    for before, after in zip(jittery, guided_track(jittery, ArtistTracks("", points)).alignments, strict=True):
        back = compose(after.aligned_from_plate, inverse(before.aligned_from_plate))
        np.testing.assert_allclose(back, [[1, 0, 0], [0, 1, 0]], atol=1e-9)
