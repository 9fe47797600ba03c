from __future__ import annotations

from collections.abc import Callable

import numpy as np

from understudy.faces.alignment import align_face
from understudy.faces.face import Face, FoundFrame
from understudy.faces.track import Track, aligned_track, link_tracks, main_track, stabilise
from understudy.geometry import apply_transform, inverse


def found(*faces: Face) -> dict[int, FoundFrame]:
    frames = sorted({face.frame for face in faces})
    return {number: FoundFrame(number, tuple(face for face in faces if face.frame == number), "") for number in frames}


def middle(transform: np.ndarray) -> np.ndarray:
    return apply_transform(inverse(transform), [[0.5, 0.5]])[0]


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


def test_a_shot_without_face_has_no_track() -> None:
    assert main_track(link_tracks({1: FoundFrame(1, (), "")})) is None


def test_noise_is_taken_out(face_at: Callable[..., Face]) -> None:
    frames = range(40)
    track = main_track(link_tracks(found(*(face_at(n, 400 + 3 * n, 300, 200, noise=0.004) for n in frames))))
    assert track is not None
    truth = np.array([[400 + 3 * n, 300] for n in frames])
    raw = np.array([middle(align_face(face).aligned_from_plate) for face in track.faces])
    steady = np.array([middle(item.aligned_from_plate) for item in aligned_track(track)])
    offset = (raw - truth).mean(axis=0)
    jitter = [float(np.abs(np.diff(course - truth - offset, axis=0)).mean()) for course in (raw, steady)]
    assert jitter[1] < 0.5 * jitter[0]


def test_a_real_jump_is_kept(face_at: Callable[..., Face]) -> None:
    alignments = [align_face(face_at(n, 400 if n < 10 else 460, 300, 200)) for n in range(20)]
    for before, after in zip(alignments, stabilise(alignments), strict=True):
        np.testing.assert_allclose(middle(after.aligned_from_plate), middle(before.aligned_from_plate), atol=1.0)


def test_steady_frames_of_one_or_two_stay_as_they_are(face_at: Callable[..., Face]) -> None:
    alignments = [align_face(face_at(n, 400, 300, 200)) for n in (1, 2, 9)]
    assert all(
        np.array_equal(before.aligned_from_plate, after.aligned_from_plate)
        for before, after in zip(alignments, stabilise(alignments), strict=True)
    )


def test_an_anamorphic_alignment_stays_anamorphic(face_at: Callable[..., Face]) -> None:
    alignments = [align_face(face_at(n, 400 + n, 300, 200), pixel_aspect=2.0) for n in range(9)]
    for item in stabilise(alignments):
        columns = np.linalg.norm(item.aligned_from_plate[:, :2], axis=0)
        assert abs(columns[0] / columns[1] - 2.0) < 1e-6
