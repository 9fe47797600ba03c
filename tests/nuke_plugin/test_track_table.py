"""The tracks of a Tracker4, out of the text that Nuke and our own deliverer write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.nuke_plugin.stand_in import Host
from understudy.geometry import Box
from understudy.host_files import PatchMove, tracker_text

COLUMNS = "{ 5 1 20 enable e 1 } \n{ 3 1 75 name name 1 } \n{ 2 1 58 track_x track_x 1 } \n{ 2 1 58 track_y track_y 1 }"


def table(*rows: str) -> str:
    lines = "\n".join(f" {{ {row} }} " for row in rows)
    return f"{{ 1 4 {len(rows)} }} \n{{ {COLUMNS} \n}} \n{{ \n{lines}\n}} \n"


def read(text: str) -> Any:
    from understudy_nuke.track_table import read_tracks

    return read_tracks(text)


def at(cell: str, *frames: int) -> list[float | None]:
    from understudy_nuke.track_table import read_curve

    return [read_curve(cell).at(frame) for frame in frames]


@pytest.mark.parametrize(
    ("cell", "values"),
    [
        ("curve x1001 5 x1002 6 x1003 8", [None, 5, 6, 8, None]),
        ("curve i x1001 5 6 8", [None, 5, 6, 8, None]),
        ("curve x1000 4 x1001 5 7 8 9", [4, 5, 7, 8, 9]),
        ("curve x1001 5 s0.5 t0.5 x1003 8 u1 v2", [None, 5, None, 8, None]),
        ("curve L x1001 5 x1003 8", [None, 5, 6.5, 8, None]),
        ("curve K x1001 5 x1003 8", [None, 5, 5, 8, None]),
        ("curve x1001 -5.5e1 L x1002 0 x1004 1", [None, -55, 0, 0.5, 1]),
        ("12.5", [12.5] * 5),
    ],
)
def test_a_curve_is_known_at_its_keys_and_where_its_course_is(plugin: Path, cell: str, values: list[Any]) -> None:
    assert at(cell, 1000, 1001, 1002, 1003, 1004) == values


@pytest.mark.parametrize(
    "cell", ["parent.Tracker2.tracks.1.track_x", "curve", "curve x1 nan", "curve x1 1e999", "", "x"]
)
def test_a_cell_without_numbers_is_refused(plugin: Path, cell: str) -> None:
    with pytest.raises(ValueError, match=r"no number|no keys"):
        at(cell, 1)


def test_rows_have_names_places_and_a_switch(plugin: Path) -> None:
    eye, nose = read(
        table(
            r'{curve K x1001 1 x1003 0} "eye \[left\] \{" {curve x1001 10 11 12} {curve x1001 20 21 22}',
            '{curve K x1001 1} "" {curve x1001 30 x1003 32} 40',
        )
    )
    assert (eye.name, nose.name) == ("eye [left] {", "track 2")
    assert [eye.at(frame) for frame in (1000, 1001, 1002, 1003)] == [None, (10, 20), (11, 21), None]
    assert [nose.at(frame) for frame in (1001, 1002)] == [(30, 40), None]
    assert nose.moves


def test_a_point_that_was_placed_but_never_tracked_does_not_move(plugin: Path) -> None:
    (placed,) = read(table('{curve K x1 1} "t" {curve x1 960} {curve x1 540}'))
    assert not placed.moves


def test_what_deliver_writes_is_read_as_it_was_meant(host: Host, plugin: Path) -> None:
    """Through the stand-in's own reading of the script, as a node that was pasted."""
    turned = {frame: np.array([[1.0, 0.01 * frame, frame], [-0.01 * frame, 1.0, 3.0]]) for frame in (7, 8, 9)}
    move = PatchMove("sh010", 64, Box(-10, 20, 190, 180), 2.0, turned)
    (pasted,) = host.read(tracker_text(move))
    found = read(pasted["tracks"].toScript())
    assert found == read("{" + pasted["tracks"].toScript() + "}")
    for frame, points in move.tracks_plate().items():
        places = np.array([track.at(frame) for track in found])
        np.testing.assert_allclose(places, np.column_stack([points[:, 0] + 10, 180 - points[:, 1]]), rtol=1e-9)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "no table"),
        ("{ 1 31 0 }", "no table"),
        ("{ 1 31 0 } { { 5 1 20 enable e 1 } } { { 1 } }", "no table"),
        (table("1 t {curve x1 5}"), "row 1 of the table is too short"),
        ("{ 1 31 0 } { {", "a brace stays open"),
        ('{ 1 4 1 } { "', "a brace stays open"),
        (table('1 "t" {curve x1 5} "oh'), "a quote stays open"),
        (table('1 "t" {{parent.a.x}} {curve x1 5}'), "'t' has no keys of its own"),
    ],
)
def test_what_is_no_table_is_refused_in_words(plugin: Path, text: str, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        read(text)


def test_an_empty_table_has_no_tracks(plugin: Path) -> None:
    assert read(table()) == []


def test_a_long_table_is_read_at_once(plugin: Path) -> None:
    """Nuke's window waits for it: 60 tracks of 2000 frames."""
    curve = "{curve x1001 " + " ".join(f"{value / 7:.5f}" for value in range(2000)) + "}"
    tracks = read(table(*[f'{{curve K x1001 1}} "track {number}" {curve} {curve}' for number in range(60)]))
    assert tracks[59].at(3000) == (pytest.approx(1999 / 7, abs=1e-5),) * 2
