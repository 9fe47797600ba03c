"""Names for the landmark indices of the face: 468 points of the FaceMesh topology, then 5 + 5 for the irises.

Right and left are the subject's. Rows run from the outer to the inner corner of an eye, and from the subject's right
to the left across the lips.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "BROW_CENTRE",
    "CHIN",
    "EYES",
    "FACE_LANDMARKS",
    "FACE_OVAL",
    "FOREHEAD_TOP",
    "INNER_LIPS",
    "INNER_LOWER_LIP",
    "INNER_UPPER_LIP",
    "LANDMARKS",
    "LEFT_EYE",
    "LIP_CENTRES",
    "LOWER_LIP",
    "LOWER_LIP_ROWS",
    "NOSE_TIP",
    "OUTER_LIPS",
    "RIGHT_EYE",
    "UPPER_LIP",
    "UPPER_LIP_ROWS",
    "EyeLandmarks",
]

FACE_LANDMARKS = 468
"""Landmarks on the skin of the face; they are the first vertices of every mesh here."""

LANDMARKS = 478
"""All landmarks: the face, then centre and rim of the right iris, then of the left."""

FOREHEAD_TOP = 10
CHIN = 152
NOSE_TIP = 4
BROW_CENTRE = 9

FACE_OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152,
    148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
"""The outline of the face, from the top of the forehead down the subject's left side and up the right."""


@dataclass(frozen=True)
class EyeLandmarks:
    """The landmarks around one eye.

    Attributes:
        side: -1 for the subject's right (x < 0), +1 for the left.
        ring: The 16 points of the lid edge, lower lid first.
        upper_lid: Upper lid edge without the corners.
        lower_lid: Lower lid edge without the corners, partner by partner of `upper_lid`.
        crease: The row above the upper lid.
        above_crease: The row above `crease`.
        below_lower: The row under the lower lid.
        brow_upper: Upper edge of the brow, tail first.
        brow_lower: Lower edge of the brow, tail first.
        outer_corner: The corner beside the temple.
        inner_corner: The corner beside the nose.
        iris_centre: The landmark of the iris centre; its rim follows.
    """

    side: int
    ring: tuple[int, ...]
    upper_lid: tuple[int, ...]
    lower_lid: tuple[int, ...]
    crease: tuple[int, ...]
    above_crease: tuple[int, ...]
    below_lower: tuple[int, ...]
    brow_upper: tuple[int, ...]
    brow_lower: tuple[int, ...]
    outer_corner: int
    inner_corner: int
    iris_centre: int


RIGHT_EYE = EyeLandmarks(
    side=-1,
    ring=(33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246),
    upper_lid=(246, 161, 160, 159, 158, 157, 173),
    lower_lid=(7, 163, 144, 145, 153, 154, 155),
    crease=(247, 30, 29, 27, 28, 56, 190),
    above_crease=(113, 225, 224, 223, 222, 221, 189),
    below_lower=(25, 110, 24, 23, 22, 26, 112),
    brow_upper=(70, 63, 105, 66, 107),
    brow_lower=(46, 53, 52, 65, 55),
    outer_corner=33,
    inner_corner=133,
    iris_centre=468,
)

LEFT_EYE = EyeLandmarks(
    side=1,
    ring=(263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466),
    upper_lid=(466, 388, 387, 386, 385, 384, 398),
    lower_lid=(249, 390, 373, 374, 380, 381, 382),
    crease=(467, 260, 259, 257, 258, 286, 414),
    above_crease=(342, 445, 444, 443, 442, 441, 413),
    below_lower=(255, 339, 254, 253, 252, 256, 341),
    brow_upper=(300, 293, 334, 296, 336),
    brow_lower=(276, 283, 282, 295, 285),
    outer_corner=263,
    inner_corner=362,
    iris_centre=473,
)

EYES = (RIGHT_EYE, LEFT_EYE)

INNER_LIPS = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191)
"""The ring where the lips meet: right corner, lower lip to the left corner, upper lip back."""

INNER_LOWER_LIP = (95, 88, 178, 87, 14, 317, 402, 318, 324)
INNER_UPPER_LIP = (191, 80, 81, 82, 13, 312, 311, 310, 415)
LIP_CENTRES = (13, 14)

OUTER_LIPS = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
"""The ring where the lips end in skin."""

LOWER_LIP_ROWS = (
    (146, 91, 181, 84, 17, 314, 405, 321, 375),
    (77, 90, 180, 85, 16, 315, 404, 320, 307),
    (96, 89, 179, 86, 15, 316, 403, 319, 325),
)
"""Rows of the lower lip from the skin inwards, without the inner edge."""

UPPER_LIP_ROWS = (
    (185, 40, 39, 37, 0, 267, 269, 270, 409),
    (184, 74, 73, 72, 11, 302, 303, 304, 408),
    (183, 42, 41, 38, 12, 268, 271, 272, 407),
)
"""Rows of the upper lip from the skin inwards, without the inner edge."""

LOWER_LIP = tuple(index for row in (*LOWER_LIP_ROWS, INNER_LOWER_LIP) for index in row)
UPPER_LIP = tuple(index for row in (*UPPER_LIP_ROWS, INNER_UPPER_LIP) for index in row)
