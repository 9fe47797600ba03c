from __future__ import annotations

import numpy as np
import pytest

from understudy.bench import filters
from understudy.bench.filters import compare_filters


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables of noise of 96 pixels a side, in place of a face that takes a while to render."""
    monkeypatch.setattr(filters, "_SIDE", 96)
    noise = {name: filters._band(np.random.default_rng(1), 0.5) for name in ("face", "noise")}
    monkeypatch.setattr(filters, "_contents", lambda: noise)


@pytest.mark.usefixtures("small")
def test_what_is_in_use_is_the_quintic_spline_and_the_better_choice() -> None:
    tables = compare_filters()
    assert tables is not None
    column = "noise 1"
    kernels = {name: row[column] for name, row in tables.kernels.items()}
    assert kernels["as in use"] == pytest.approx(kernels["quintic spline"], abs=1)
    assert kernels["as in use"] > kernels["cubic spline"] + 3
    assert kernels["as in use"] > kernels["cubic convolution, PyTorch"] + 10
    assert tables.shrinking["as in use"]["1.4 2"] < tables.shrinking["none"]["1.4 2"] - 9
    assert tables.shrinking["as in use"]["lamp 3"] == pytest.approx(1, abs=0.05)


@pytest.mark.usefixtures("small")
def test_comparing_is_stopped_between_rows() -> None:
    assert compare_filters(lambda _: False) is None
