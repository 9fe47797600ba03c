"""Qt as this Nuke has it: PySide6 from 16 on, PySide2 before. Loaded when the panel is opened."""

from __future__ import annotations

from typing import Any

try:
    from PySide6 import QtCore, QtGui, QtWidgets
except ImportError:
    from PySide2 import QtCore, QtGui, QtWidgets

__all__ = ["QtCore", "QtGui", "QtWidgets", "place_of"]


def place_of(event: Any) -> tuple[float, float]:
    """Where a mouse or wheel event happened, in pixels of the widget: Qt 5 and 6 name it differently."""
    place = event.position() if hasattr(event, "position") else event.pos()
    return float(place.x()), float(place.y())
