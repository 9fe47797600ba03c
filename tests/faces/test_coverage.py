from __future__ import annotations

import numpy as np

from understudy.faces.coverage import PITCHES, YAWS, PoseCell, cell_of, out_of_reach, pose_grid


def test_a_pose_lies_in_the_cell_whose_middle_is_nearest() -> None:
    assert cell_of((7.4, -7.4, 80.0)) == PoseCell(0, 0)
    assert cell_of((7.6, 22.0, 0.0)) == PoseCell(15, 15)
    assert cell_of((-130.0, 80.0, 0.0)) == PoseCell(-75, 45)


def test_the_grid_has_every_cell_and_every_pose_once() -> None:
    poses = [(float(yaw), float(pitch), 0.0) for yaw in range(-90, 91, 9) for pitch in range(-60, 61, 8)]
    grid = pose_grid(poses)
    assert list(grid) == [PoseCell(yaw, pitch) for pitch in PITCHES for yaw in YAWS]
    assert sorted(index for own in grid.values() for index in own) == list(range(len(poses)))


def test_what_is_out_of_reach_has_no_neighbour_within_it() -> None:
    owned, wanted = np.array([[0.0, 0.0], [40.0, 0.0]]), np.array([[10.0, 10.0], [20.0, 0.0], [55.1, 0.0]])
    assert out_of_reach(wanted, owned, 15.0).tolist() == [1, 2]
    assert out_of_reach(wanted, np.zeros((0, 2)), 15.0).tolist() == [0, 1, 2]
