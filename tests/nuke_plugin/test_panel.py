"""The training panel: what it reads, where its lines lie, and, where PySide6 is installed, what it shows."""

from __future__ import annotations

import json
import math
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.nuke_plugin.stand_in import Group, Host
from understudy.sheet import write_png


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model that has trained 40 iterations."""
    folder = tmp_path / "film" / "models" / "hero"
    folder.mkdir(parents=True)
    for iteration in range(10, 50, 10):
        report(folder, iteration, 1.0 / iteration)
    write_png(folder / "preview.png", np.full((20, 30, 3), 90, np.uint8))
    return folder


def report(folder: Path, iteration: int, loss: float) -> None:
    values = {"iteration": iteration, "loss": loss, "loss_target": loss, "loss_source": loss, "seconds": iteration / 5}
    with (folder / "log.jsonl").open("a") as file:
        file.write(json.dumps(values) + "\n")


@pytest.mark.parametrize(
    "low,high,is_log", [(0.0, 1.0, False), (0.011, 0.3, True), (0.19, 0.2, True), (-3, 7000, False)]
)
def test_ticks_are_round_and_on_the_axis(host: Host, plugin: Path, low: float, high: float, is_log: bool) -> None:
    from understudy_nuke.curves import Axis

    axis = Axis(low, high, is_log)
    ticks = axis.ticks()
    assert len(ticks) <= 7
    assert all(low <= tick <= high and 0 <= axis.share(tick) <= 1 for tick in ticks)
    assert ticks == sorted(set(ticks))
    if high / max(low, 1e-9) > 10:
        assert len(ticks) >= 2


def test_lines_part_where_a_value_is_missing(host: Host, plugin: Path) -> None:
    from understudy_nuke.curves import Axis, axis_over, lines

    x, y = [0.0, 1.0, 2.0, 3.0, 4.0], [1.0, 0.1, None, 0.01, -1.0]
    found = lines(x, y, Axis(0, 4), Axis(0.01, 1.0, True), 400, 100)
    assert [len(line) for line in found] == [2, 1]
    np.testing.assert_allclose(found[0], [(0, 0), (100, 50)], atol=1e-9)
    np.testing.assert_allclose(found[1], [(300, 100)], atol=1e-9)
    for values in ([], [None], [5.0], [math.nan, 0.0]):
        for is_log in (False, True):
            axis = axis_over(values, is_log)
            assert axis.low < axis.high


def test_a_model_is_seen_as_it_grows_with_its_last_two_previews(host: Host, plugin: Path, model: Path) -> None:
    from understudy_nuke.watched_model import Seen, WatchedModel, model_names

    watched = WatchedModel()
    assert watched.look() == Seen()
    watched.watch(model)
    first = watched.look()
    assert (first.model, first.columns["iteration"], first.before) == ("hero", [10, 20, 30, 40], b"")
    assert watched.look() is first
    report(model, 50, 0.02)
    write_png(model / "preview.png", np.full((20, 30, 3), 200, np.uint8))
    second = watched.look()
    assert second.columns["iteration"][-1] == 50
    assert second.before == first.now != second.now
    other = model.parents[2] / "other" / "models" / "hero"
    other.mkdir(parents=True)
    watched.watch(other)
    assert (watched.look().now, list(watched.look().columns["iteration"])) == (b"", [])
    assert model_names(model.parents[1]) == ["hero"]


def test_the_thread_that_reads_ends_when_it_is_told(host: Host, plugin: Path, model: Path) -> None:
    import threading

    from understudy_nuke.watched_model import WatchedModel

    watched = WatchedModel()
    watched.watch(model)
    watched.start()
    end = time.monotonic() + 5
    while not watched.seen.model and time.monotonic() < end:
        time.sleep(0.01)
    assert watched.seen.model == "hero"
    watched.stop()
    assert [thread for thread in threading.enumerate() if thread.name == "understudy-panel" and not thread.daemon] == []


@pytest.fixture
def panel(host: Host, plugin: Path, node: Group, model: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The panel over the node, drawn nowhere."""
    pytest.importorskip("PySide6.QtWidgets", reason="PySide6 is not installed")
    monkeypatch.setitem(os.environ, "QT_QPA_PLATFORM", "offscreen")
    from PySide6 import QtWidgets
    from understudy_nuke.panel import TrainingPanel

    application = QtWidgets.QApplication.instance() or QtWidgets.QApplication([])
    node["project"].setValue(str(model.parents[1]))
    node["model"].setValue("hero")
    node.selectOnly()
    made = TrainingPanel()
    made._model.look()
    made.refresh()
    yield made
    made.deleteLater()
    application.processEvents()


def colors_of(widget: Any) -> set[str]:
    picture = widget.grab().toImage()
    return {picture.pixelColor(x, y).name() for x in range(picture.width()) for y in range(picture.height())}


def test_the_panel_shows_preview_and_curves(panel: Any) -> None:
    panel._preview.resize(240, 160)
    panel._curves.resize(300, 120)
    assert "#5a5a5a" in colors_of(panel._preview)
    assert {"#1e1e1e", "#3a3a3a"} < colors_of(panel._curves)
    assert panel._models.currentText() == "hero"


def test_the_wipe_shows_the_preview_before_left_of_its_line(panel: Any, model: Path) -> None:
    write_png(model / "preview.png", np.full((20, 30, 3), 200, np.uint8))
    panel._model.look()
    panel.refresh()
    panel._preview.resize(240, 160)
    panel._preview.set_wipe(True)
    picture = panel._preview.grab().toImage()
    middle = picture.width() // 2
    assert [picture.pixelColor(middle + x, 80).red() for x in (-20, 20)] == [90, 200]


def test_the_panel_s_buttons_are_the_node_s(panel: Any, node: Group) -> None:
    node["project"].setValue("")
    panel._press("train")
    assert "fill in 'Project folder'" in node["label"].value()
