from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from understudy.errors import FaceError, SettingsError, UnknownNameError
from understudy.faces.assignment import (
    NOTHING_SAID,
    Assignments,
    Mark,
    read_assignments,
    tracks_of,
    write_assignments,
)
from understudy.faces.face import Face, FoundFrame
from understudy.faces.track import Track, link_tracks
from understudy.settings.project import NOBODY


def linked(*faces: Face) -> tuple[Track, ...]:
    frames = {face.frame for face in faces}
    return link_tracks({n: FoundFrame(n, tuple(one for one in faces if one.frame == n), "") for n in frames})


@pytest.fixture
def three(face_at: Callable[..., Face]) -> tuple[Track, ...]:
    """Track 1 at the left and 2 at the right in frames 0 to 9; 3 at the left in 30 to 34."""
    return linked(
        *(face_at(frame, 300 + frame, 300, 200) for frame in range(10)),
        *(face_at(frame, 900 - frame, 300, 150) for frame in range(10)),
        *(face_at(frame, 300, 300, 180) for frame in range(30, 35)),
    )


def whose(assignments: Assignments, tracks: tuple[Track, ...]) -> list[str]:
    return [assignments.identity_of(track) for track in tracks]


def test_nothing_said_leaves_the_main_person(three: tuple[Track, ...]) -> None:
    assert whose(NOTHING_SAID, three) == ["", "", ""]
    (main,) = tracks_of("ben", three, NOTHING_SAID)
    assert main.frames == (*range(10), *range(30, 35))


def test_an_identity_has_its_tracks_and_others_what_is_left(three: tuple[Track, ...]) -> None:
    said = NOTHING_SAID.with_assigned(three, {1: "ben", 3: "ben"})
    assert whose(said, three) == ["ben", "", "ben"]
    assert tracks_of("ben", three, said) == (three[0], three[2])
    assert [track.frames for track in tracks_of("anna", three, said)] == [three[1].frames]
    assert tracks_of("anna", three, said.with_assigned(three, {2: NOBODY})) == ()
    assert whose(said.with_assigned(three, {1: ""}), three) == ["", "", "ben"]


def test_a_name_moves_to_another_track_of_the_same_frames_and_stays_in_others(three: tuple[Track, ...]) -> None:
    said = NOTHING_SAID.with_assigned(three, {1: "ben", 3: "ben"}).with_assigned(three, {2: "ben"})
    assert whose(said, three) == ["", "ben", "ben"]
    swapped = said.with_assigned(three, {1: "anna"}).with_assigned(three, {1: "ben", 2: "anna"})
    assert whose(swapped, three) == ["ben", "anna", "ben"]
    both_nobody = swapped.with_assigned(three, {1: NOBODY, 2: NOBODY})
    assert whose(both_nobody, three) == [NOBODY, NOBODY, "ben"]


def test_two_tracks_of_one_frame_are_not_one_identity(three: tuple[Track, ...]) -> None:
    with pytest.raises(SettingsError, match="Tracks 1 and 2 are both in frame 0, and 'ben' has one face there"):
        NOTHING_SAID.with_assigned(three, {1: "ben", 2: "ben"})
    with pytest.raises(UnknownNameError, match=r"No track is called '7' in the shot. There is: 1, 2, 3"):
        NOTHING_SAID.with_assigned(three, {7: "ben"})


def test_assignments_stay_with_their_faces_when_numbers_change(
    three: tuple[Track, ...], face_at: Callable[..., Face]
) -> None:
    said = NOTHING_SAID.with_assigned(three, {1: "ben", 2: "anna"})
    found_later = [face_at(frame, 891 + frame - 10, 300, 150) for frame in range(10, 60)]
    moved_a_little = [face_at(frame, 304 + frame, 297, 202) for frame in range(10)]
    tracks = linked(*found_later, *three[1].faces, *moved_a_little)
    assert [track.frames for track in tracks] == [tuple(range(60)), tuple(range(10))]
    assert whose(said, tracks) == ["anna", "ben"]


def test_a_track_is_whose_most_of_its_marks_say(face_at: Callable[..., Face]) -> None:
    parts = linked(
        *(face_at(frame, 300, 300, 200) for frame in range(10)), *(face_at(frame, 300, 300, 200) for frame in (30, 31))
    )
    said = NOTHING_SAID.with_assigned(parts, {1: "ben", 2: "anna"})
    assert whose(said, linked(*(face_at(frame, 300, 300, 200) for frame in range(32)))) == ["ben"]


def test_another_head_beside_a_mark_is_not_meant(face_at: Callable[..., Face]) -> None:
    said = NOTHING_SAID.with_assigned(linked(face_at(1, 300, 300, 200)), {1: "ben"})
    assert whose(said, linked(face_at(1, 300 + 150, 300, 200))) == [""]


def test_what_is_written_is_read(tmp_path: Path, three: tuple[Track, ...]) -> None:
    path = tmp_path / "shots" / "assignments.json"
    assert read_assignments(path) == NOTHING_SAID
    said = NOTHING_SAID.with_assigned(three, {1: "ben", 2: NOBODY})
    write_assignments(path, said)
    assert read_assignments(path) == said and [path.name for path in path.parent.iterdir()] == [path.name]
    write_assignments(path, said.with_assigned(three, {1: "", 2: ""}))
    assert read_assignments(path) == NOTHING_SAID


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"schema": "assignments-2", "identities": {}}',
        '{"schema": "assignments-1", "identities": {"ben": [[1, NaN, 2]]}}',
        '{"schema": "assignments-1", "identities": {"ben": [[1, 2]]}}',
        '{"schema": "assignments-1", "identities": {"ben": 3}}',
        "[" * 100_000,
    ],
)
def test_a_damaged_file_gets_one_sentence(tmp_path: Path, text: str) -> None:
    path = tmp_path / "assignments.json"
    path.write_text(text)
    with pytest.raises(FaceError, match=r"assignments\.json is damaged .*Delete it and assign the tracks again"):
        read_assignments(path)


def test_the_file_has_a_line_for_each_identity(tmp_path: Path) -> None:
    path = tmp_path / "assignments.json"
    write_assignments(path, Assignments({"ben": (Mark(1001, 10.5, 20.0),), "-": (Mark(1001, 90.0, 20.0),)}))
    assert path.read_text().splitlines()[1:3] == ['  "-": [[1001, 90.0, 20.0]],', '  "ben": [[1001, 10.5, 20.0]]']
    assert json.loads(path.read_text())["schema"] == "assignments-1"
