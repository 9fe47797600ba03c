from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest

from understudy.faces.appearance import UNLIKE, alike
from understudy.faces.face import Face, FoundFrame
from understudy.faces.track import Track, cut_frames, link_tracks, main_track
from understudy.faces.view import VIEW_SIDE, FaceView


def found(*faces: Face) -> dict[int, FoundFrame]:
    frames = sorted({face.frame for face in faces})
    return {number: FoundFrame(number, tuple(face for face in faces if face.frame == number), "") for number in frames}


def test_two_people_become_two_tracks(face_at: Callable[..., Face]) -> None:
    near = [face_at(frame, 300 + 5 * frame, 300, 200) for frame in range(10)]
    far = [face_at(frame, 900 - 5 * frame, 300, 100) for frame in range(10)]
    tracks = link_tracks(found(*near, *far))
    assert [track.frames for track in tracks] == [tuple(range(10))] * 2
    assert tracks[0].height_px > tracks[1].height_px


def middles(tracks: tuple[Track, ...]) -> list[list[float]]:
    return [[round((face.box[0] + face.box[2]) / 2) for face in track.faces] for track in tracks]


def test_a_face_that_passes_behind_another_comes_out_as_itself(face_at: Callable[..., Face]) -> None:
    still = [face_at(frame, 600, 300, 240) for frame in range(24)]
    passing = [face_at(frame, 300 + 26 * frame, 300, 200) for frame in range(24) if not 9 <= frame <= 14]
    tracks = link_tracks(found(*still, *passing))
    assert [track.frames for track in tracks] == [tuple(range(24)), tuple(face.frame for face in passing)]


def test_a_fast_face_is_followed_and_one_that_stops_too(face_at: Callable[..., Face]) -> None:
    places = [300, 350, 420, 510, 620, 740, 860, 860, 860, 860]
    (track,) = link_tracks(found(*(face_at(frame, x, 300, 200) for frame, x in enumerate(places))))
    assert len(track.frames) == len(places)


def test_faces_that_meet_keep_their_ways(face_at: Callable[..., Face]) -> None:
    right = [face_at(frame, 300 + 30 * frame, 300, 200) for frame in range(21)]
    left = [face_at(frame, 900 - 30 * frame, 310, 190) for frame in range(21)]
    tracks = link_tracks(found(*right, *left))
    assert len(tracks) == 2
    for course in middles(tracks):
        steps = np.diff(course)
        assert (steps > 0).all() or (steps < 0).all()


def test_a_cut_splits_a_track_even_where_the_face_stays(face_at: Callable[..., Face]) -> None:
    def shot(looks: tuple[tuple[float, ...], ...]) -> dict[int, FoundFrame]:
        return {n: FoundFrame(n, (face_at(n, 300, 300, 200),), "", looks[n // 5]) for n in range(12)}

    looks = ((0.0, -3.0) * 24, (-3.0, 0.0) * 24, (-3.0, 0.0) * 24)
    assert [track.frames for track in link_tracks(shot(looks))] == [(5, 6, 7, 8, 9, 10, 11), (0, 1, 2, 3, 4)]
    assert len(link_tracks(shot((looks[0],) * 3))) == 1
    assert len(link_tracks(shot(((),) * 3))) == 1


def test_the_main_person_stays_the_same_when_another_comes_in(face_at: Callable[..., Face]) -> None:
    near = [face_at(frame, 300, 300, 200) for frame in range(8)]
    far = [face_at(frame, 900, 300, 150) for frame in range(4, 8)]
    track = main_track(link_tracks(found(*near, *far)))
    assert track is not None
    assert {tuple(face.box) for face in track.faces} == {near[0].box}


def test_a_head_that_jumps_is_still_the_main_person(face_at: Callable[..., Face]) -> None:
    faces = [face_at(frame, 200 + 700 * (frame // 5), 300, 200) for frame in range(10)]
    track = main_track(link_tracks(found(*faces)))
    assert track is not None and track.frames == tuple(range(10))
    assert track.starts == {5}


def test_a_shot_without_face_has_no_track() -> None:
    assert main_track(link_tracks({1: FoundFrame(1, (), "")})) is None


def seen_as(face: Face, person: int) -> Face:
    """The face with skin of somebody's own: a pattern of spots that moves with its landmarks."""
    spots = np.random.default_rng(person).standard_normal((VIEW_SIDE, VIEW_SIDE)).astype(np.float32)
    smooth = cv2.GaussianBlur(spots, (0, 0), 2.0)
    pixels = np.clip(128 + 40 * smooth / smooth.std(), 0, 255).astype(np.uint8)
    low, high = face.landmarks_plate.min(axis=0), face.landmarks_plate.max(axis=0)
    scale = VIEW_SIDE / (high - low)
    view = FaceView(pixels, np.array([[scale[0], 0.0, -low[0] * scale[0]], [0.0, scale[1], -low[1] * scale[1]]]))
    return replace(face, view=view)


def test_one_persons_skin_is_alike_and_anothers_is_not(face_at: Callable[..., Face]) -> None:
    one, moved, other = face_at(1, 300, 300, 200), face_at(2, 340, 310, 210), face_at(2, 300, 300, 200)
    assert alike(one, moved) is None
    same, different = alike(seen_as(one, 1), seen_as(moved, 1)), alike(seen_as(one, 1), seen_as(other, 2))
    assert same is not None and different is not None
    assert different < UNLIKE < 0.9 < same


def test_people_who_meet_and_turn_back_are_told_apart_by_their_looks(face_at: Callable[..., Face]) -> None:
    left = [seen_as(face_at(frame, 440 - 25 * abs(frame - 6), 300, 200), 1) for frame in range(13)]
    right = [seen_as(face_at(frame, 460 + 25 * abs(frame - 6), 300, 195), 2) for frame in range(13)]
    tracks = link_tracks(found(*left, *right))
    assert [set(map(id, track.faces)) for track in tracks] == [set(map(id, left)), set(map(id, right))]
    blind = [replace(face, view=None) for face in (*left, *right)]
    assert all(abs(course[-1] - course[0]) > 250 for course in middles(link_tracks(found(*blind))))


@pytest.mark.parametrize(("people", "stops", "cuts"), [((2, 1), 0.4, (5,)), ((1, 2), 0.4, ()), ((2, 1), 0.1, ())])
def test_other_people_in_the_same_places_after_a_sudden_change_are_a_cut(
    face_at: Callable[..., Face], people: tuple[int, int], stops: float, cuts: tuple[int, ...]
) -> None:
    shot = {}
    for frame in range(10):
        persons = (1, 2) if frame < 5 else people
        faces = [seen_as(face_at(frame, x, 300, 200), person) for x, person in zip((300, 700), persons, strict=True)]
        shot[frame] = FoundFrame(frame, tuple(faces), "", (-3.0, -3.0 + stops * (frame >= 5)) * 24)
    assert cut_frames(shot) == cuts
    assert len(link_tracks(shot)) == (4 if cuts else 2)
    assert cut_frames(shot, {5: True}) == (5,) and cut_frames(shot, {5: False}) == ()
    far_apart = {3 * number: replace(one, frame=3 * number) for number, one in shot.items()}
    assert cut_frames(far_apart) == ()


def test_a_lamp_in_a_plate_whose_grain_hides_the_skin_is_no_cut(face_at: Callable[..., Face]) -> None:
    shot = {
        frame: FoundFrame(frame, (seen_as(face_at(frame, 300, 300, 200), frame),), "", (-3.0, -3.0 + (frame >= 5)) * 24)
        for frame in range(10)
    }
    assert cut_frames(shot) == ()


def test_a_hand_that_changes_picture_and_face_for_a_while_is_no_cut(face_at: Callable[..., Face]) -> None:
    steps = [0.0, 0.15, 0.3, 0.45, 0.45]
    shot = {
        frame: FoundFrame(frame, (seen_as(face_at(frame, 300, 300, 200), frame),), "", (-3.0, -3.0 + 3 * step) * 24)
        for frame, step in enumerate(steps)
    }
    assert cut_frames(shot) == () and len(link_tracks(shot)) == 1
