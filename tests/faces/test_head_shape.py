from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from understudy.faces.head_shape import head_poses
from understudy.synthetic.template import load_template


def head(nose_cm: float = 0.0) -> np.ndarray:
    """(478, 3) in centimetres, x right, y up, z forward: the template's face, with its nose drawn out."""
    points = np.zeros((478, 3))
    points[:468] = load_template().vertices[:468]
    near = np.exp(-((points[:, :2] / (1.5, 2.0)) ** 2).sum(axis=1))
    points[:, 2] += nose_cm * near
    points[:, 1] += 0.5 * nose_cm * near
    return points


def seen(points: np.ndarray, poses: list[tuple[float, float, float]]) -> tuple[np.ndarray, np.ndarray]:
    """Landmarks in pixels, y down, and depths of a head that is turned by yaw, pitch and roll in degrees."""
    turned = [
        points @ Rotation.from_euler("YXZ", (yaw, -pitch, -roll), degrees=True).as_matrix().T
        for yaw, pitch, roll in poses
    ]
    stacked = np.array(turned) * 30
    return stacked[..., :2] * (1, -1) + (400, 300), stacked[..., 2]


POSES = [(0.0, 0.0, 0.0), (25.0, 5.0, -10.0), (-30.0, -12.0, 20.0), (10.0, 15.0, 3.0)]


def test_turns_are_measured_exactly() -> None:
    measured = head_poses(*seen(head(), POSES), np.ones(4))
    np.testing.assert_allclose(measured - measured[0], np.array(POSES), atol=1.0)
    yaws = head_poses(*seen(head(), [(0, 0, 0), (20, 0, 0), (-20, 0, 0)]), np.ones(3))[:, 0]
    np.testing.assert_allclose(yaws - yaws[0], [0, 20, -20], atol=0.5)


def test_a_long_nose_is_no_raised_head() -> None:
    short, long = (head_poses(*seen(head(nose), POSES), np.ones(4)) for nose in (0.0, 1.5))
    np.testing.assert_allclose(long, short, atol=0.5)


def test_frames_without_certainty_do_not_bend_the_shape() -> None:
    points, depths = seen(head(), POSES)
    points[3, :200] += 80
    with_wrong = head_poses(points, depths, np.array([1.0, 1.0, 1.0, 0.0]))[:3]
    np.testing.assert_allclose(with_wrong, head_poses(points[:3], depths[:3], np.ones(3)), atol=1e-6)


def test_a_flat_head_has_a_pose_too() -> None:
    points, depths = seen(head(), POSES[:1])
    assert np.isfinite(head_poses(points, depths * 0, np.ones(1))).all()
    assert head_poses(points, depths, np.ones(1))[0] == pytest.approx([0, 0, 0], abs=6)
