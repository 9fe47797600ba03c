from __future__ import annotations

from collections.abc import Callable

import numpy as np

from understudy.faces.face import Face, FoundFrame
from understudy.faces.track import Track, link_tracks, main_track


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
