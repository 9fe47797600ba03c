"""Teaches a matte network what an artist painted: few frames, many changes to each."""

from __future__ import annotations

import copy
import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from understudy.errors import ModelFileError, TrainingError
from understudy.model.matte_net import MatteNet
from understudy.training.codes import relit

__all__ = ["MatteSamples", "MatteTrainer"]

_BATCH = 4
_RATE = 4e-3
_WARM_UP = 20
_AVERAGED = 0.99
_TURN_DEGREES, _ZOOM, _SHIFT = 6.0, 0.06, 0.03
_EXPOSURE_STOPS, _TINT_STOPS, _FALLOFF_STOPS, _NOISE = 0.3, 0.05, 0.25, 0.012
_DRAWN_SHIFT, _DRAWN_ZOOM = 0.012, 0.02
_PASTED = 0.5
_COVERED = 0.5
_MOST_OFTEN = 4.0


@dataclass(frozen=True, eq=False)
class MatteSamples:
    """What the artist painted, as the network is to see it.

    Attributes:
        codes: (N, 3, S, S) float32 RGB, training space: crops with a margin round the network's square.
        drawn: (N, 1, S, S) float32 0..1: the matte that the landmarks draw there.
        painted: (N, 1, S, S) float32 0..1: the matte that the artist painted there.
        size: Side of the network's square, in pixels; at most S.
    """

    codes: Tensor
    drawn: Tensor
    painted: Tensor
    size: int

    def __post_init__(self) -> None:
        count, side = self.codes.shape[0], self.codes.shape[-1]
        if self.codes.shape != (count, 3, side, side) or not self.drawn.shape == self.painted.shape == (
            count,
            1,
            side,
            side,
        ):
            raise ValueError("codes, drawn and painted mattes are of the same squares")
        if count == 0 or self.size > side:
            raise ValueError("there is a sample, and it holds the network's square")


class MatteTrainer:
    """A matte network that is learning, its running average, and its optimiser.

    Every draw is keyed by seed and iteration, so that a run that was resumed is the run that was not interrupted.
    """

    def __init__(self, samples: MatteSamples, seed: int, device: torch.device) -> None:
        self._samples, self._seed, self._device = samples, seed, device
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self._net = MatteNet().to(device)
        self._average = copy.deepcopy(self._net).requires_grad_(False).eval()
        self._optimizer = torch.optim.AdamW(self._net.parameters(), lr=_RATE, betas=(0.9, 0.99), weight_decay=1e-2)
        self._weights = _weights(samples)
        self.iteration = 0

    def step(self) -> float:
        """One iteration; returns its loss.

        Raises:
            TrainingError: The loss is no number; the weights are as they were.
        """
        codes, drawn, painted = self._batch()
        for group in self._optimizer.param_groups:
            group["lr"] = _RATE * min(1.0, (self.iteration + 1) / _WARM_UP)
        logits = self._net(codes, drawn)
        loss = _loss(logits, painted)
        if not math.isfinite(loss.item()):
            raise TrainingError("The matte's loss is no longer a number. Look for painted frames that are not mattes.")
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        self.iteration += 1
        share = min(_AVERAGED, self.iteration / (self.iteration + 9))
        with torch.no_grad():
            for mean, now in zip(self._average.parameters(), self._net.parameters(), strict=True):
                mean.lerp_(now, 1 - share)
        return loss.item()

    def learned(self) -> MatteNet:
        """The running average so far, on the trainer's device, in evaluation mode."""
        return copy.deepcopy(self._average)

    def tensors(self) -> dict[str, Tensor]:
        """All that `resume` needs beside the iteration, by name."""
        tensors = {f"net/{name}": value for name, value in self._net.state_dict().items()}
        tensors |= {f"average/{name}": value for name, value in self._average.state_dict().items()}
        for name, parameter in self._net.named_parameters():
            memory: Mapping[str, Tensor] = self._optimizer.state.get(parameter, {})
            tensors |= {f"optimizer/{key}/{name}": value for key, value in memory.items()}
        return tensors

    def resume(self, tensors: Mapping[str, Tensor], iteration: int) -> None:
        """Goes on where `tensors` were taken.

        Raises:
            ModelFileError: They are of another network.
        """
        try:
            for part, net in (("net/", self._net), ("average/", self._average)):
                net.load_state_dict({name: tensors[f"{part}{name}"] for name in net.state_dict()})
            memory = {
                number: {key: tensors[f"optimizer/{key}/{name}"] for key in ("step", "exp_avg", "exp_avg_sq")}
                for number, (name, _) in enumerate(self._net.named_parameters())
            }
        except (KeyError, RuntimeError) as error:
            raise ModelFileError("What was saved of the matte's training is of another network.") from error
        groups = self._optimizer.state_dict()["param_groups"]
        self._optimizer.load_state_dict({"state": memory, "param_groups": groups})
        self.iteration = iteration

    def _batch(self) -> tuple[Tensor, Tensor, Tensor]:
        """Codes (B, 3, size, size), drawn and painted mattes (B, 1, size, size) of one iteration."""
        draws = _generator(self._seed, self.iteration)
        samples = self._samples
        indices = torch.multinomial(self._weights, _BATCH, replacement=True, generator=draws)
        grid = _grid(_placing(draws, samples), samples.size)
        whole = torch.cat([samples.codes, samples.painted, samples.drawn], dim=1)
        picture = _sampled(whole[indices], grid)
        codes, painted, drawn = picture[:, :3], picture[:, 3:4], picture[:, 4:]
        # a part of the face that the artist left out is laid over another frame: hands come in places not painted
        others = torch.randint(samples.codes.shape[0], (_BATCH,), generator=draws)
        cover = _sampled(whole[others], _grid(_placing(draws, samples, 2.0), samples.size))
        is_pasted = (torch.rand(_BATCH, 1, 1, 1, generator=draws) < _PASTED).float()
        covering = is_pasted * (cover[:, 4:] > _COVERED) * (1 - cover[:, 3:4]).clamp(0, 1)
        codes = codes + covering * (cover[:, :3] - codes)
        painted = painted * (1 - covering)
        codes = relit(codes, _light(draws, samples.size))
        codes = codes + _NOISE * torch.rand(_BATCH, 1, 1, 1, generator=draws) * torch.randn(
            codes.shape, generator=draws
        )
        drawn = _sampled(drawn, _grid(_drawn_placing(draws), samples.size))
        return codes.to(self._device), drawn.to(self._device), painted.clamp(0, 1).to(self._device)


def _loss(logits: Tensor, painted: Tensor) -> Tensor:
    """Cross entropy at each pixel, and 1 - soft overlap of each picture.

    The overlap is that of Milletari et al., "V-Net", 2016: a few pixels of a finger count although the face has many.
    """
    entropy = functional.binary_cross_entropy_with_logits(logits, painted)
    seen = torch.sigmoid(logits)
    shared = (seen * painted).sum(dim=(1, 2, 3))
    both = (seen * seen).sum(dim=(1, 2, 3)) + (painted * painted).sum(dim=(1, 2, 3))
    return entropy + (1 - (2 * shared + 1) / (both + 1)).mean()


def _weights(samples: MatteSamples) -> Tensor:
    """(N,): how often each frame is drawn: the more, the more of its face is covered, up to five times as often."""
    drawn, painted = samples.drawn.double(), samples.painted.double()
    covered = (drawn * (1 - painted)).sum(dim=(1, 2, 3)) / drawn.sum(dim=(1, 2, 3)).clamp_min(1.0)
    return 1 + _MOST_OFTEN * covered.clamp(0, 1)


def _generator(seed: int, iteration: int) -> torch.Generator:
    key = hashlib.blake2b(f"matte {seed} {iteration}".encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(key, "big") >> 1)


def _uniform(draws: torch.Generator, most: float) -> Tensor:
    return (torch.rand(_BATCH, generator=draws) * 2 - 1) * most


def _placing(draws: torch.Generator, samples: MatteSamples, strength: float = 1.0) -> Tensor:
    """(B, 2, 3): the crop's places of the square's, both -1..1: turned, zoomed, shifted."""
    share = samples.size / samples.codes.shape[-1]
    turn = torch.deg2rad(_uniform(draws, _TURN_DEGREES * strength))
    zoom = torch.exp(_uniform(draws, _ZOOM * strength)) * share
    shift = torch.stack([_uniform(draws, 2 * _SHIFT * strength), _uniform(draws, 2 * _SHIFT * strength)], dim=1) * share
    cosine, sine = torch.cos(turn) * zoom, torch.sin(turn) * zoom
    rows = [torch.stack([cosine, -sine], dim=1), torch.stack([sine, cosine], dim=1)]
    return torch.cat([torch.stack(rows, dim=1), shift[:, :, None]], dim=2)


def _drawn_placing(draws: torch.Generator) -> Tensor:
    """(B, 2, 3): a hair's breadth, as landmarks err from frame to frame."""
    zoom = torch.exp(_uniform(draws, _DRAWN_ZOOM))
    shift = torch.stack([_uniform(draws, 2 * _DRAWN_SHIFT), _uniform(draws, 2 * _DRAWN_SHIFT)], dim=1)
    return torch.cat([torch.eye(2) * zoom[:, None, None], shift[:, :, None]], dim=2)


def _grid(placing: Tensor, size: int) -> Tensor:
    return functional.affine_grid(placing, [placing.shape[0], 1, size, size], align_corners=False)


def _sampled(pictures: Tensor, grid: Tensor) -> Tensor:
    return functional.grid_sample(pictures, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _light(draws: torch.Generator, size: int) -> Tensor:
    """(B, 3, size, size) stops: exposure, tint, and light that falls off over the face."""
    exposure = _uniform(draws, _EXPOSURE_STOPS)[:, None, None, None]
    tint = torch.randn(_BATCH, 3, 1, 1, generator=draws) * _TINT_STOPS
    falloff = torch.randn(_BATCH, 1, 3, 3, generator=draws) * _FALLOFF_STOPS
    spread = functional.interpolate(falloff, size=(size, size), mode="bicubic", align_corners=True)
    return exposure + tint + spread
