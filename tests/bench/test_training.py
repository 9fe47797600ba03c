"""What training costs, measured in processes of their own."""

from __future__ import annotations

import json

import pytest
import torch

from understudy.bench.training import machine_peak, measure_training
from understudy.cli import main
from understudy.settings.preset import load_preset


def test_presets_are_compared_and_predictions_hold(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--preset", "u64", "--batch", "1", "--rounds", "1", "--iterations", "2"]
    assert main(["bench", "train", *options, "--json"]) == 0
    (figures,) = json.loads(capsys.readouterr().out)
    assert (figures["preset"], figures["batch"], figures["fault"]) == ("u64", 1, "")
    assert 1 <= figures["iterations"] <= 2 and figures["seconds"] > 0 and figures["cpu_seconds"] > 0
    assert figures["images_per_second"] == pytest.approx(2 / figures["seconds"])
    assert figures["predicted"] == pytest.approx(figures["peak"], rel=0.1)
    assert figures["resident"] > figures["peak"]
    assert 0 < figures["share"] < 1.5


def test_measuring_is_stopped() -> None:
    assert measure_training([load_preset("u64")], on_progress=lambda _: False) is None


def test_a_machine_has_a_peak() -> None:
    peak = machine_peak(torch.device("cpu"), half=False)
    assert 0.1 < peak.gflops < 1e5 and 0.1 < peak.gflops_cpu < 1e4
