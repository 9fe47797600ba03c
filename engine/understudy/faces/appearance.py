"""Whether two faces are one person's, as far as their skin tells."""

from __future__ import annotations

from understudy.faces.face import Face
from understudy.faces.skin import SKIN_LANDMARKS, skin_likeness
from understudy.faces.view import FaceView
from understudy.geometry import Points, apply_transform

__all__ = ["UNLIKE", "alike"]

UNLIKE = 0.62
"""Likeness below which two faces that follow each other are probably two people's: nine pairs in ten of different
people with skin that shows detail are below 0.6, and of one person's in two frames in a row one in a thousand, unless
the head moves very fast or a hand comes in between (docs/decisions/0011-whose-face-it-is.md)."""


def alike(one: Face, other: Face) -> float | None:
    """How alike the skin of two faces is, 0..1, as `skin_likeness` says; None where a face was kept without a view."""
    if one.view is None or other.view is None:
        return None
    return skin_likeness(one.view, _on_skin(one, one.view), other.view, _on_skin(other, other.view))


def _on_skin(face: Face, view: FaceView) -> Points:
    """(468, 2): the landmarks on the skin, in pixels of the face's own view."""
    return apply_transform(view.view_from_plate, face.landmarks_plate[:SKIN_LANDMARKS])
