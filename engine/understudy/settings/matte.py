"""Settings of the mattes: of all shots, and what one shot changes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from understudy.settings.validation import Settings

__all__ = ["ArtistMatte", "MatteSettings", "ShotMatte"]

_Offset = Annotated[float, Field(ge=-15.0, le=15.0)]
_Feather = Annotated[float, Field(ge=0.1, le=15.0)]
_Source = Literal["landmarks", "model", "both"]


class MatteSettings(Settings):
    """How mattes are drawn. Distances are per cent of the model's square: one look at any size of face and plate."""

    grow: _Offset = 0.0
    """How far the outline moves outwards all round; below 0 it shrinks."""

    forehead: _Offset = 0.0
    """How much higher the outline goes at the forehead, fading out towards the temples."""

    jaw: _Offset = 0.0
    """How much further the outline goes at chin and jaw, fading out towards the cheeks."""

    feather_in: _Feather = 3.0
    """From the outline, where the matte is a half, inwards to where it is 1."""

    feather_out: _Feather = 3.0
    """From the outline outwards to where the matte is 0."""

    taken_from: _Source = "landmarks"
    """`landmarks`: drawn, or what the shot has learned; `model`: the model's own matte instead; `both`: the product."""

    learned: bool = True
    """Take the matte that `understudy matte` has learned from painted frames, where the shot has one."""


class ShotMatte(Settings):
    """What one shot draws otherwise; what is left out is as the project says."""

    grow: _Offset | None = None
    """As `MatteSettings.grow`."""

    forehead: _Offset | None = None
    """As `MatteSettings.forehead`."""

    jaw: _Offset | None = None
    """As `MatteSettings.jaw`."""

    feather_in: _Feather | None = None
    """As `MatteSettings.feather_in`."""

    feather_out: _Feather | None = None
    """As `MatteSettings.feather_out`."""

    taken_from: _Source | None = None
    """As `MatteSettings.taken_from`."""

    learned: bool | None = None
    """As `MatteSettings.learned`."""

    def over(self, project: MatteSettings) -> MatteSettings:
        """The shot's settings: its own over the project's."""
        return project.model_copy(update=self.model_dump(exclude_none=True))


class ArtistMatte(Settings):
    """A matte that an artist made of a shot, which is multiplied into the face's."""

    path: str
    """Path pattern with #### or %04d, or one picture, in the plate's geometry; relative ones start at the project."""

    channel: str | None = None
    """Channel, such as A, R or roto.A; A when left out, else the only one, else R."""

    shows_occluder: bool = False
    """True for an occlusion matte: 1 where something covers the face. False for a roto: 1 where the face may go."""

    missing: Literal["error", "hold"] = "error"
    """Frames that are not on disk: stop, or take the nearest earlier one instead."""
