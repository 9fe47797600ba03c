"""A benchmark set that is rendered once, and the folder in which its two identities are painted once."""

from __future__ import annotations

from pathlib import Path

import pytest

from understudy.synthetic.benchmark import Written, write_set

TARGET, SOURCE = 7, 4


@pytest.fixture(scope="session")
def benchmark_set(tmp_path_factory: pytest.TempPathFactory, cache_folder: Path) -> Written:
    """A small set, rendered by two processes."""
    return write_set(
        tmp_path_factory.mktemp("set") / "small",
        target_seed=TARGET,
        source_seed=SOURCE,
        frames=2,
        train_frames=3,
        size=(96, 80),
        train_size=(64, 64),
        workers=2,
        cache_folder=cache_folder,
    )
