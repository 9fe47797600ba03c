"""How the network counts: training-space codes, moved to about zero and to a spread of about one."""

from __future__ import annotations

from torch import Tensor

__all__ = ["CENTRE", "SPREAD", "centred_from_codes", "codes_from_centred"]

CENTRE = 0.4
"""Code of a middle grey, about which the codes of exposure-normalised faces lie."""

SPREAD = 0.2
"""Standard deviation of the codes of a face, roughly."""


def centred_from_codes(codes: Tensor) -> Tensor:
    """(code - centre) / spread."""
    return (codes - CENTRE) / SPREAD


def codes_from_centred(centred: Tensor) -> Tensor:
    """The inverse of `centred_from_codes`."""
    return centred * SPREAD + CENTRE
