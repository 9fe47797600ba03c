"""A performer: everything about one head that does not change from frame to frame."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from understudy.synthetic.canvas import TEXTURE_SIZE, uv_from_head
from understudy.synthetic.falloff import Floats, smoothstep
from understudy.synthetic.head import head_topology
from understudy.synthetic.identity import NeutralHead, draw_traits, ideal_swap_head, neutral_head
from understudy.synthetic.textures import FaceTextures, load_textures

__all__ = ["Performer", "PerformerSkin", "make_performer"]


@dataclass(frozen=True, eq=False)
class PerformerSkin:
    """One identity's textures, laid on the fine mesh.

    Attributes:
        textures: The layers.
        corner_uv: (T, 3, 2) float32: texture coordinates of each triangle's corners; u goes past 1 at the back.
    """

    textures: FaceTextures
    corner_uv: npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Performer:
    """One head that can be posed and rendered.

    Attributes:
        identity_seed: Whose head it is.
        face_seed: Whose face it wears; differs from `identity_seed` in an ideal swap.
        neutral: Its shape at rest.
        own: The skin of the head.
        swapped_in: The skin of the face put in, or None.
        swapped_in_gain: (3,) what the albedo put in is multiplied by, to match the tone of the head.
        hair: (fine,) 0..1: coverage of each vertex by hair.
        hair_lift: (fine,) cm: how far hair raises the scalp.
        cloth_color: (3,) linear RGB.
    """

    identity_seed: int
    face_seed: int
    neutral: NeutralHead
    own: PerformerSkin
    swapped_in: PerformerSkin | None
    swapped_in_gain: Floats
    hair: Floats
    hair_lift: Floats
    cloth_color: Floats

    @property
    def face(self) -> FaceTextures:
        """The textures of the face it wears: these decide iris and eyelids."""
        return (self.swapped_in or self.own).textures


@lru_cache(maxsize=4)
def make_performer(
    identity_seed: int,
    face_seed: int | None = None,
    tone_match: float = 0.0,
    cache_folder: Path | None = None,
) -> Performer:
    """A performer.

    Args:
        identity_seed: Whose head.
        face_seed: Whose face; None for the identity's own. Another one gives the ideal swap.
        tone_match: 0 keeps the tone of the face put in, 1 scales it to the mean tone of the head, so that the edge
            of the face does not show.
        cache_folder: Where baked textures are kept; see `load_textures`.
    """
    head = neutral_head(identity_seed)
    own = _laid_on(head, load_textures(identity_seed, cache_folder))
    hair, hair_lift = _hair(identity_seed, head, own.textures)
    neutral, swapped_in, gain = head, None, np.ones(3)
    if face_seed is not None and face_seed != identity_seed:
        source = neutral_head(face_seed)
        neutral = ideal_swap_head(head, source)
        swapped_in = _laid_on(source, load_textures(face_seed, cache_folder))
        gain = (own.textures.tone / swapped_in.textures.tone) ** tone_match
    return Performer(
        identity_seed=identity_seed,
        face_seed=identity_seed if face_seed is None else face_seed,
        neutral=neutral,
        own=own,
        swapped_in=swapped_in,
        swapped_in_gain=gain,
        hair=hair,
        hair_lift=hair_lift,
        cloth_color=np.random.RandomState(60 + identity_seed).uniform(0.03, 0.35, 3),
    )


def _laid_on(head: NeutralHead, textures: FaceTextures) -> PerformerSkin:
    topology = head_topology()
    uv = uv_from_head(topology.fine_from_cage @ head.vertices)[topology.triangles]
    u = uv[..., 0]
    across_back = (u.max(axis=1) - u.min(axis=1)) > 0.5
    u[across_back] += u[across_back] < 0.5
    return PerformerSkin(textures, uv.astype(np.float32))


def _hair(seed: int, head: NeutralHead, textures: FaceTextures) -> tuple[Floats, Floats]:
    """Coverage by hair and lift of the scalp (fine,): thicker on top, and lumpy."""
    topology = head_topology()
    points = topology.fine_from_cage @ head.vertices
    texels = (uv_from_head(points) * TEXTURE_SIZE).astype(np.float32)
    soft = cv2.GaussianBlur(textures.hair_thickness, (0, 0), 14)
    thickness = cv2.remap(soft, texels[None, :, 0] % TEXTURE_SIZE, texels[None, :, 1], cv2.INTER_LINEAR)[0]
    rng = np.random.RandomState(seed)
    lumps = 1 + 0.18 * np.sin(points @ rng.randn(3, 3) * 0.5 + rng.rand(3) * 6).mean(axis=1)
    on_top = smoothstep(-3, 9, points[:, 1]) * 0.75 + 0.25
    grows = (topology.cloth < 0.01) * (0 if textures.is_bald else 1)
    lift = smoothstep(0.3, 1.0, thickness) * draw_traits(seed).hair_thickness * 1.25 * on_top * lumps * grows
    return thickness * grows, lift
