from __future__ import annotations

import numpy as np
import pytest
import torch

from understudy.errors import ModelFileError, TrainingError
from understudy.model.matte_net import MatteNet
from understudy.training.matte_trainer import MatteSamples, MatteTrainer

CPU = torch.device("cpu")


def samples(count: int = 4, side: int = 48, size: int = 32) -> MatteSamples:
    """Grey faces with a bright bar across, which the artist has left out."""
    codes = torch.full((count, 3, side, side), 0.4)
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    drawn = (((x - side / 2) ** 2 + (y - side / 2) ** 2) < (0.36 * side) ** 2).float().expand(count, 1, -1, -1).clone()
    painted = drawn.clone()
    for index in range(count):
        left = 10 + 6 * index
        codes[index, :, :, left : left + 7] = 0.7
        painted[index, :, :, left : left + 7] = 0
    return MatteSamples(codes, drawn, painted, size)


def test_a_network_that_has_learned_nothing_gives_the_drawn_matte_back() -> None:
    drawn = (torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(1)) > 0.5).float()
    seen = torch.sigmoid(MatteNet()(torch.full((2, 3, 64, 64), 0.4), drawn))
    assert ((seen - drawn).abs() < 0.02).all()


def test_what_covers_the_face_is_learned() -> None:
    trainer = MatteTrainer(samples(), 0, CPU)
    for _ in range(40):
        trainer.step()
    shown = samples(2)
    codes, drawn, painted = (one[..., 8:40, 8:40] for one in (shown.codes, shown.drawn, shown.painted))
    with torch.inference_mode():
        seen = torch.sigmoid(trainer.learned()(codes, drawn)) > 0.5
    wanted = painted > 0.5
    assert _overlap(drawn > 0.5, wanted) < 0.82
    assert _overlap(seen, wanted) > 0.9


def _overlap(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one & other).sum() / (one | other).sum())


def test_a_resumed_trainer_is_the_one_that_went_on() -> None:
    whole, first = MatteTrainer(samples(), 5, CPU), MatteTrainer(samples(), 5, CPU)
    losses = [whole.step() for _ in range(4)]
    assert [first.step() for _ in range(2)] == losses[:2]
    second = MatteTrainer(samples(), 5, CPU)
    second.resume({name: value.clone() for name, value in first.tensors().items()}, 2)
    assert [second.step() for _ in range(2)] == losses[2:]
    for one, other in zip(whole.learned().parameters(), second.learned().parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_another_seed_learns_otherwise() -> None:
    assert MatteTrainer(samples(), 0, CPU).step() != MatteTrainer(samples(), 1, CPU).step()


def test_a_foreign_state_is_refused() -> None:
    with pytest.raises(ModelFileError, match="another network"):
        MatteTrainer(samples(), 0, CPU).resume({"net/first": torch.zeros(1)}, 3)


def test_a_loss_that_is_no_number_changes_nothing() -> None:
    broken = samples()
    broken.codes[:] = np.nan
    trainer = MatteTrainer(broken, 0, CPU)
    with pytest.raises(TrainingError):
        trainer.step()
    assert trainer.iteration == 0 and all(value.isfinite().all() for value in trainer.learned().parameters())
