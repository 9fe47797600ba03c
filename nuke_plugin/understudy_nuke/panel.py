"""The panel Understudy Training: preview, curves, start and stop, for the model of one Understudy node."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nuke

from understudy_nuke.panel_views import CurveView, PreviewView
from understudy_nuke.qt import QtCore, QtWidgets
from understudy_nuke.watched_model import WatchedModel, model_names

__all__ = ["TrainingPanel"]

_REFRESH_MS = 500
_NO_NODE = "Select an Understudy node and press 'Use selected node'."


class TrainingPanel(QtWidgets.QWidget):
    """What Nuke docks. It shows the model of a node, and presses that node's buttons."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._node_name = ""
        self._project = Path()
        self._model = WatchedModel()
        self._shown: tuple[object, ...] = ()
        self._build()
        self._timer = QtCore.QTimer(self)
        self._timer.setInterval(_REFRESH_MS)
        self._timer.timeout.connect(self.refresh)
        self.use_selected()

    def updateValue(self) -> None:  # noqa: N802  # Nuke's name
        """Nuke calls this for every widget in a panel; files say what is new here."""

    def showEvent(self, event: Any) -> None:  # noqa: N802  # Qt's name
        """Reads files only while the panel is seen."""
        super().showEvent(event)
        self._model.start()
        self._timer.start()

    def hideEvent(self, event: Any) -> None:  # noqa: N802  # Qt's name
        """Stops reading files."""
        super().hideEvent(event)
        self._model.stop()
        self._timer.stop()

    def use_selected(self) -> None:
        """Takes project and model of the Understudy node that is selected; of the only one when none is."""
        nodes = [node for node in nuke.selectedNodes("Group") if node.knob("understudy_version") is not None]
        if len(nodes) != 1:
            self._line.setText((self._node_name and self._line.text()) or _NO_NODE)
            return
        node = nodes[0]
        self._node_name = node.fullName()
        self._node_label.setText(self._node_name)
        self._project = Path(str(node["project"].getEvaluatedValue() or ""))
        self._fill_models(str(node["model"].value() or ""))

    def refresh(self) -> None:
        """Shows what has been read since."""
        node = nuke.toNode(self._node_name) if self._node_name else None
        if node is not None:
            self._line.setText(str(node["train_line"].value() or ""))
            model = str(node["model"].value() or "")
            if model and self._models.findText(model) < 0:
                self._fill_models(model)
        elif self._node_name:
            self._line.setText(f"The node {self._node_name} is gone. {_NO_NODE}")
            self._node_name = ""
        seen = self._model.seen
        if seen.stamp != self._shown:
            self._shown = seen.stamp
            self._preview.show_pictures(seen.now, seen.before)
            self._curves.show_columns(seen.columns)

    def _fill_models(self, chosen: str) -> None:
        names = model_names(self._project) if self._project.name else []
        if chosen and chosen not in names:
            names.append(chosen)
        self._models.blockSignals(True)
        self._models.clear()
        self._models.addItems(names)
        self._models.setCurrentIndex(names.index(chosen) if chosen in names else 0)
        self._models.blockSignals(False)
        self._choose_model()

    def _choose_model(self) -> None:
        name = str(self._models.currentText())
        if name:
            self._model.watch(self._project / "models" / name)

    def _press(self, button: str) -> None:
        from understudy_nuke.node import press

        node = nuke.toNode(self._node_name) if self._node_name else None
        if node is None:
            self._line.setText(_NO_NODE)
        else:
            press(button, node)

    def _build(self) -> None:
        """Lays the widgets out."""
        self._node_label = QtWidgets.QLabel("no node")
        self._models = QtWidgets.QComboBox()
        self._models.currentIndexChanged.connect(lambda _: self._choose_model())
        self._line = QtWidgets.QLabel("")
        self._line.setWordWrap(True)
        self._preview = PreviewView()
        self._curves = CurveView()
        wipe = QtWidgets.QCheckBox("Wipe to the preview before")
        wipe.toggled.connect(self._preview.set_wipe)
        logarithmic = QtWidgets.QCheckBox("Logarithmic")
        logarithmic.setChecked(True)
        logarithmic.toggled.connect(self._curves.set_logarithmic)
        top, middle = QtWidgets.QHBoxLayout(), QtWidgets.QHBoxLayout()
        top.addWidget(_button("Use selected node", self.use_selected))
        top.addWidget(self._node_label)
        top.addWidget(self._models, 1)
        top.addWidget(_button("Train / go on", lambda: self._press("train")))
        top.addWidget(_button("Stop", lambda: self._press("stop_training")))
        middle.addWidget(wipe)
        middle.addWidget(_button("Fit", self._preview.fit))
        middle.addWidget(_button("1:1", self._preview.one_to_one))
        middle.addStretch(1)
        middle.addWidget(logarithmic)
        splitter = QtWidgets.QSplitter(QtCore.Qt.Vertical)
        splitter.addWidget(self._preview)
        splitter.addWidget(self._curves)
        splitter.setStretchFactor(0, 3)
        splitter.setStretchFactor(1, 1)
        layout = QtWidgets.QVBoxLayout(self)
        layout.addLayout(top)
        layout.addWidget(self._line)
        layout.addLayout(middle)
        layout.addWidget(splitter, 1)


def _button(label: str, call: Any) -> QtWidgets.QPushButton:
    button = QtWidgets.QPushButton(label)
    button.clicked.connect(lambda *_: call())
    return button
