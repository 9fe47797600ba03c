"""Several processes that train together."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.training.conftest import Run
from understudy.errors import SettingsError, TrainingError
from understudy.model.swap_model import build_model
from understudy.settings.preset import Preset
from understudy.training.ranks import ALONE, Ranks, ranks_of_environment

ROOT = Path(__file__).parents[2]

_SCRIPT = """
import sys
from pathlib import Path
import torch
from tests.training.conftest import LOOK, disc_faces
from understudy.settings.preset import preset_from_json
from understudy.training.ranks import ranks_of_environment
from understudy.training.trainer import train
torch.set_num_threads(1)
preset, ranks = preset_from_json(sys.argv[1], "the test"), ranks_of_environment()
with ranks.together(torch.device("cpu")):
    faces = disc_faces(4, 0.4, preset), disc_faces(6, 0.5, preset)
    train(Path(sys.argv[2]), preset, *faces, {}, iterations=4, device="cpu", ranks=ranks, look=LOOK)
"""


def _weights(folder: Path) -> torch.Tensor:
    """All weights of the snapshot of iteration 4, by name."""
    loaded = load_file(folder / "snapshots" / "iteration-000000004.safetensors")
    return torch.cat([weight.flatten() for _, weight in sorted(loaded.items())])


def test_two_processes_learn_what_one_does_with_the_same_batch(run: Run, preset: Preset, tmp_path: Path) -> None:
    three = preset.model_copy(update={"training": preset.training.model_copy(update={"batch": 3})})
    (tmp_path / "script.py").write_text(_SCRIPT)
    started = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "engine")))}
    asked = [str(tmp_path / "script.py"), three.to_json(), str(tmp_path / "two")]
    done = subprocess.run([*started, *asked], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    run("one", preset=three, until=4)
    one, two = (_weights(tmp_path / name) for name in ("one", "two"))
    torch.manual_seed(three.training.seed)
    start = torch.cat([weight.detach().flatten() for _, weight in sorted(build_model(three.model).named_parameters())])
    # rounding differs, and Adam makes much of it where a gradient is nearly nothing
    assert (two - one).norm() < 1e-3 * (one - start).norm()
    lines = ((tmp_path / name / "log.jsonl").read_text().splitlines() for name in ("one", "two"))
    assert len(set(map(len, lines))) == 1  # the first process alone has written


_DIES_ONCE = """
import os, signal, sys
from pathlib import Path
import torch
from understudy.training.ranks import ranks_of_environment
ranks = ranks_of_environment()
with ranks.together(torch.device("cpu")):
    ranks.mean(torch.ones(1), 0.5)
    attempt = os.environ["TORCHELASTIC_RESTART_COUNT"]
    if ranks.rank == 1 and attempt == "0":
        os.kill(os.getpid(), signal.SIGKILL)
    total = ranks.mean(torch.ones(1), 0.5)
    if ranks.is_first and total == 1:
        Path(sys.argv[1]).write_text(attempt)
"""


def test_processes_that_torchrun_starts_again_find_each_other(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(_DIES_ONCE)
    started = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "engine"), "OMP_NUM_THREADS": "1"}
    asked = ["--max-restarts", "1", str(tmp_path / "script.py"), str(tmp_path / "out")]
    done = subprocess.run([*started, *asked], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out").read_text() == "1"


def test_a_process_that_lost_the_others_says_so_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.distributed, "init_process_group", lambda *_, **__: None)
    monkeypatch.setattr(torch.distributed, "destroy_process_group", lambda: None)
    lost = pytest.raises(TrainingError, match="Another process of this training ended")
    with lost, Ranks(0, 2).together(torch.device("cpu")):
        raise RuntimeError("[gloo/transport/tcp/pair.cc:547] Connection closed by peer [127.0.0.1]:9")
    with pytest.raises(RuntimeError, match="shape"), Ranks(0, 2).together(torch.device("cpu")):
        raise RuntimeError("another shape")


@pytest.mark.parametrize(("batch", "count"), [(8, 2), (3, 2), (7, 4)])
def test_the_shares_of_all_processes_are_the_batch(batch: int, count: int) -> None:
    faces = [face for rank in range(count) for face in range(batch)[Ranks(rank, count).share(batch)]]
    assert faces == list(range(batch))


def test_a_batch_that_is_too_small_to_share_is_refused() -> None:
    with pytest.raises(SettingsError, match="batch of 2 cannot be shared by 3"):
        Ranks(0, 3).share(2)


def test_without_torchrun_a_process_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert ranks_of_environment() is ALONE


@pytest.mark.parametrize("variables", [{"WORLD_SIZE": "2"}, {"WORLD_SIZE": "2", "RANK": "x"}])
def test_half_an_environment_is_refused(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    monkeypatch.delenv("RANK", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match="torchrun"):
        ranks_of_environment()
