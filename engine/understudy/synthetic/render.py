"""Renders performers: pictures with everything that is true of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from understudy.synthetic.camera import Camera
from understudy.synthetic.falloff import smoothstep
from understudy.synthetic.figure import Attribute, Part, pose_figure
from understudy.synthetic.head import head_topology
from understudy.synthetic.lighting import LightRig, light_rig, set_background
from understudy.synthetic.materials import dress_samples
from understudy.synthetic.performance import SHORTEST_PERFORMANCE, Moment, Worn, between, perform
from understudy.synthetic.performer import Performer
from understudy.synthetic.sampling import Samples, sample_figure
from understudy.synthetic.shading import radiance
from understudy.synthetic.shadows import lit_share

__all__ = ["COLOR_SPACE", "SyntheticFrame", "Take", "render_frame", "render_shot"]

COLOR_SPACE = "lin_rec709_scene"
"""Scene-linear with Rec.709 primaries: what every rendered pixel is in."""

_Picture = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Take:
    """How a performance is staged and shot.

    Attributes:
        performance_seed: What is played; an even seed is crossed by a bar, an odd one by a hand.
        lighting_seed: In which light and before which background.
        size: Width and height of the picture.
        camera: None frames the head at 0.6 of the height.
        occluder: False leaves out what crosses the face.
        worn: What the performer has before the face all the time, if anything.
        length: Frames of the whole performance; other lengths of a seed are other performances.
        fps: Frames per second.
        motion_blur: Renders per frame that are averaged; 1 is none.
        shutter: Share of a frame's time that the shutter is open.
        grain: Standard deviation of noise at radiance 1, as photon noise.
        light_gain: Factor on the key light.
        wetness: 0 dry to 1 sweating; chosen by the lighting seed when None.
    """

    performance_seed: int
    lighting_seed: int = 0
    size: tuple[int, int] = (1024, 1024)
    camera: Camera | None = None
    occluder: bool = True
    worn: Worn | None = None
    length: int = SHORTEST_PERFORMANCE
    fps: float = 24.0
    motion_blur: int = 1
    shutter: float = 0.5
    grain: float = 0.0
    light_gain: float = 1.0
    wetness: float | None = None


@dataclass(frozen=True, eq=False)
class SyntheticFrame:
    """One rendered picture and its truth.

    Attributes:
        number: Frame of the performance, from 0.
        pixels: (H, W, 3) float32 RGB, scene-linear Rec.709, 0 and above, unbounded.
        matte: (H, W) float32 0..1: the face, antialiased, without hair and without what crosses it.
        soft_matte: (H, W) float32 0..1: share of the source identity in an ideal swap.
        alpha: (H, W) float32 0..1: the figure and what crosses it.
        occluder: (H, W) float32 0..1: what crosses the face, and what is worn.
        landmarks_plate: (478, 2) float32 plate points, x y, pixels, y down, the first pixel's centre (0.5, 0.5).
        landmark_depth: (478,) float32: pixels in front of the origin, at the scale a pixel has there.
        visible: (478,) bool: in the picture, and nothing in front.
        moment: Pose and expression.
        head_rotation: (3, 3) float64.
        camera: The camera used.
    """

    number: int
    pixels: _Picture
    matte: _Picture
    soft_matte: _Picture
    alpha: _Picture
    occluder: _Picture
    landmarks_plate: npt.NDArray[np.float32]
    landmark_depth: npt.NDArray[np.float32]
    visible: npt.NDArray[np.bool_]
    moment: Moment
    head_rotation: npt.NDArray[np.float64]
    camera: Camera

    @property
    def pose(self) -> tuple[float, float, float]:
        """Yaw, pitch and roll in degrees."""
        return self.moment.yaw, self.moment.pitch, self.moment.roll


_PICTURES = ("pixels", "matte", "soft_matte", "alpha", "occluder")


def render_shot(performer: Performer, take: Take, frames: Sequence[int]) -> Iterator[SyntheticFrame]:
    """Renders frames of a take, one at a time.

    Args:
        performer: Whose head, and whose face.
        take: What is played, and how it is shot.
        frames: Frames of the performance, from 0; each less than `take.length`.
    """
    performance = perform(take.performance_seed, take.length, take.fps)
    for number in frames:
        rig = light_rig(take.lighting_seed, number / take.fps, take.light_gain, take.wetness)
        moments = _open_shutter(performance, number, take)
        frame = _averaged([render_frame(performer, moment, rig, take, number) for moment in moments])
        yield _with_grain(frame, take) if take.grain else frame


def render_frame(performer: Performer, moment: Moment, rig: LightRig, take: Take, number: int = 0) -> SyntheticFrame:
    """Renders one instant, without motion blur and grain."""
    camera = take.camera or Camera.framing(take.size)
    figure = pose_figure(performer, moment)
    samples = sample_figure(figure, camera, take.size)
    surface = dress_samples(performer, figure, samples)
    lit_shares = [
        lit_share(figure, light, surface.position, surface.smooth_normal) if light.casts_shadow else None
        for light in rig.lights
    ]
    rgb = radiance(surface, rig, lit_shares, camera.distance)
    resolved = samples.resolve(np.column_stack([rgb, *_coverages(samples)]))
    alpha, matte, soft_matte, occluder = np.moveaxis(resolved[..., 3:], 2, 0)
    background = set_background(rig.seed, *take.size)
    landmarks, depth = camera.plate_from_world(figure.landmarks)
    return SyntheticFrame(
        number=number,
        pixels=resolved[..., :3] + background * (1 - alpha)[..., None],
        matte=matte,
        soft_matte=soft_matte,
        alpha=alpha,
        occluder=occluder,
        landmarks_plate=landmarks.astype(np.float32),
        landmark_depth=camera.depth_px(depth).astype(np.float32),
        visible=samples.sees(landmarks, depth),
        moment=moment,
        head_rotation=np.asarray(figure.head_rotation, np.float64),
        camera=camera,
    )


def _coverages(samples: Samples) -> tuple[_Picture, ...]:
    """(N,) each: figure, face without hair, share of the source identity, and what crosses the face."""
    part = samples.part
    is_skin = part == Part.SKIN
    is_face_part = is_skin | np.isin(part, (Part.EYE, Part.TEETH, Part.TONGUE))
    share = np.where(is_face_part, samples.attributes[:, Attribute.FACE], 0)
    bare = np.where(is_skin, 1 - samples.attributes[:, Attribute.LOCAL], 1)
    inside_oval = head_topology().triangle_in_face
    skin_inside = inside_oval[np.minimum(samples.triangle, len(inside_oval) - 1)] & (bare > 0.5)
    hard = np.where(is_skin, skin_inside, share > 0)
    soft = smoothstep(0.1, 0.75, share) * smoothstep(0.3, 0.7, bare)
    crossing = part == Part.OCCLUDER
    return tuple(layer.astype(np.float32) for layer in (np.ones(len(part)), hard, soft, crossing))


def _open_shutter(performance: Sequence[Moment], number: int, take: Take) -> list[Moment]:
    """The moments that one frame averages."""
    crossing = performance[number].crossing if take.occluder else None
    moment = replace(performance[number], crossing=crossing, worn=take.worn)
    if take.motion_blur == 1:
        return [moment]
    before, after = performance[max(number - 1, 0)], performance[min(number + 1, len(performance) - 1)]
    shares = [i / (take.motion_blur - 1) - 0.5 for i in range(take.motion_blur)]
    return [between(moment, before, after, take.shutter * share) for share in shares]


def _averaged(renders: Sequence[SyntheticFrame]) -> SyntheticFrame:
    """The mean of the pictures, with the truth of the middle one."""
    if len(renders) == 1:
        return renders[0]
    means = {name: sum(getattr(render, name) / len(renders) for render in renders) for name in _PICTURES}
    return replace(renders[len(renders) // 2], **means)


def _with_grain(frame: SyntheticFrame, take: Take) -> SyntheticFrame:
    rng = np.random.RandomState(frame.number + 977 * take.lighting_seed)
    deviation = take.grain * np.sqrt(np.maximum(frame.pixels, 0) + 0.01)
    noise = (rng.randn(*frame.pixels.shape) * deviation).astype(np.float32)
    return replace(frame, pixels=frame.pixels + noise)
