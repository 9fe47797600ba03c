"""The two views of the training panel: the preview sheet, and the curves of the log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from understudy_nuke.curves import Axis, axis_over, lines
from understudy_nuke.qt import QtCore, QtGui, QtWidgets, place_of

__all__ = ["CurveView", "PreviewView"]

_BACK = "#1e1e1e"
_TEXT = "#b0b0b0"
_GRID = "#3a3a3a"
_CURVES = {"loss": "#f0f0f0", "target": "#e69f00", "source": "#56b4e9"}
_LEFT, _BOTTOM, _TOP = 52, 20, 18
_STEP, _LEAST, _MOST = 1.2, 0.05, 32.0


class PreviewView(QtWidgets.QWidget):
    """The preview sheet. The wheel zooms about the pointer, dragging moves; with the wipe on, dragging its line wipes.

    Left of the line is the preview before, right of it the present one.
    """

    def __init__(self) -> None:
        super().__init__()
        self._now = self._before = QtGui.QPixmap()
        self._zoom, self._left, self._top = 1.0, 0.0, 0.0
        self._is_fitted, self._has_wipe, self._wipe = True, False, 0.5
        self._held: tuple[str, float, float] | None = None
        self.setMinimumSize(240, 160)
        self.setFocusPolicy(QtCore.Qt.StrongFocus)

    def show_pictures(self, now: bytes, before: bytes) -> None:
        """Shows other previews, at the same zoom.

        Args:
            now: A PNG, or nothing.
            before: A PNG, or nothing.
        """
        self._now, self._before = _pixmap(now), _pixmap(before)
        self.update()

    def set_wipe(self, is_on: bool) -> None:
        """Turns the wipe on or off."""
        self._has_wipe = bool(is_on)
        self.update()

    def fit(self) -> None:
        """Shows the whole sheet, now and when the panel changes its size."""
        self._is_fitted = True
        self.update()

    def one_to_one(self) -> None:
        """One pixel of the sheet for one of the screen, the middle in the middle."""
        self._is_fitted, self._zoom = False, 1.0
        self._left = (self.width() - self._now.width()) / 2
        self._top = (self.height() - self._now.height()) / 2
        self.update()

    def wheelEvent(self, event: Any) -> None:  # noqa: N802  # Qt's name
        """Zooms about the pointer."""
        x, y = place_of(event)
        zoom = min(max(self._zoom * _STEP ** (event.angleDelta().y() / 120.0), _LEAST), _MOST)
        self._left = x - (x - self._left) * zoom / self._zoom
        self._top = y - (y - self._top) * zoom / self._zoom
        self._zoom, self._is_fitted = zoom, False
        self.update()

    def mousePressEvent(self, event: Any) -> None:  # noqa: N802  # Qt's name
        """Takes hold of the wipe's line, or of the sheet."""
        x, y = place_of(event)
        is_line = self._has_wipe and abs(x - self._wipe * self.width()) < 8
        self._held = ("line" if is_line else "sheet", x, y)

    def mouseMoveEvent(self, event: Any) -> None:  # noqa: N802  # Qt's name
        """Moves what is held."""
        if self._held is None:
            return
        x, y = place_of(event)
        what, before_x, before_y = self._held
        if what == "line":
            self._wipe = min(max(x / max(self.width(), 1), 0.0), 1.0)
        else:
            self._left, self._top = self._left + x - before_x, self._top + y - before_y
            self._is_fitted = False
        self._held = (what, x, y)
        self.update()

    def mouseReleaseEvent(self, event: Any) -> None:  # noqa: N802  # Qt's name
        """Lets go."""
        del event
        self._held = None

    def paintEvent(self, event: Any) -> None:  # noqa: N802  # Qt's name
        """Draws."""
        del event
        painter = QtGui.QPainter(self)
        painter.fillRect(self.rect(), QtGui.QColor(_BACK))
        if self._now.isNull():
            painter.setPen(QtGui.QColor(_TEXT))
            painter.drawText(self.rect(), QtCore.Qt.AlignCenter, "no preview yet")
        else:
            self._fit_if_asked()
            self._draw_sheets(painter)
        painter.end()

    def _fit_if_asked(self) -> None:
        if self._is_fitted:
            self._zoom = min(self.width() / self._now.width(), self.height() / self._now.height())
            self._left = (self.width() - self._now.width() * self._zoom) / 2
            self._top = (self.height() - self._now.height() * self._zoom) / 2

    def _draw_sheets(self, painter: Any) -> None:
        painter.setRenderHint(QtGui.QPainter.SmoothPixmapTransform, self._zoom < 1.0)
        place = QtCore.QRectF(self._left, self._top, self._now.width() * self._zoom, self._now.height() * self._zoom)
        painter.drawPixmap(place, self._now, QtCore.QRectF(self._now.rect()))
        if not self._has_wipe or self._before.isNull():
            return
        line = self._wipe * self.width()
        painter.save()
        painter.setClipRect(QtCore.QRectF(0, 0, line, self.height()))
        painter.fillRect(self.rect(), QtGui.QColor(_BACK))
        painter.drawPixmap(place, self._before, QtCore.QRectF(self._before.rect()))
        painter.restore()
        painter.setPen(QtGui.QColor(_CURVES["target"]))
        painter.drawLine(QtCore.QPointF(line, 0), QtCore.QPointF(line, self.height()))


class CurveView(QtWidgets.QWidget):
    """The losses over the iterations."""

    def __init__(self) -> None:
        super().__init__()
        self._columns: Mapping[str, Sequence[float | None]] = {}
        self._is_log = True
        self.setMinimumSize(240, 90)

    def show_columns(self, columns: Mapping[str, Sequence[float | None]]) -> None:
        """Shows another log."""
        self._columns = columns
        self.update()

    def set_logarithmic(self, is_on: bool) -> None:
        """Chooses the axis of the losses."""
        self._is_log = bool(is_on)
        self.update()

    def paintEvent(self, event: Any) -> None:  # noqa: N802  # Qt's name
        """Draws."""
        del event
        painter = QtGui.QPainter(self)
        painter.fillRect(self.rect(), QtGui.QColor(_BACK))
        iterations = self._columns.get("iteration", ())
        if len(iterations) < 2:
            painter.setPen(QtGui.QColor(_TEXT))
            painter.drawText(self.rect(), QtCore.Qt.AlignCenter, "no curve yet")
        else:
            losses = [value for name in _CURVES for value in self._columns[name]]
            self._draw(painter, axis_over(iterations), axis_over(losses, self._is_log))
        painter.end()

    def _draw(self, painter: Any, x_axis: Axis, y_axis: Axis) -> None:
        width, height = self.width() - _LEFT - 8, self.height() - _TOP - _BOTTOM
        for value in y_axis.ticks(max(height // 28, 2)):
            y = _TOP + (1.0 - y_axis.share(value)) * height
            painter.setPen(QtGui.QColor(_GRID))
            painter.drawLine(QtCore.QPointF(_LEFT, y), QtCore.QPointF(_LEFT + width, y))
            painter.setPen(QtGui.QColor(_TEXT))
            box = QtCore.QRectF(0, y - 8, _LEFT - 6, 16)
            painter.drawText(box, QtCore.Qt.AlignRight | QtCore.Qt.AlignVCenter, f"{value:.3g}")
        for value in x_axis.ticks(max(width // 90, 2)):
            box = QtCore.QRectF(_LEFT + x_axis.share(value) * width - 40, _TOP + height + 2, 80, 16)
            painter.drawText(box, QtCore.Qt.AlignCenter, f"{value:g}")
        painter.setRenderHint(QtGui.QPainter.Antialiasing, True)
        for index, (name, tint) in enumerate(_CURVES.items()):
            painter.setPen(QtGui.QPen(QtGui.QColor(tint), 1.4))
            painter.drawText(QtCore.QRectF(_LEFT + 70 * index, 0, 70, _TOP), QtCore.Qt.AlignVCenter, name)
            for line in lines(self._columns["iteration"], self._columns[name], x_axis, y_axis, width, height):
                points = [QtCore.QPointF(_LEFT + x, _TOP + y) for x, y in line]
                painter.drawPolyline(QtGui.QPolygonF(points))


def _pixmap(data: bytes) -> Any:
    picture = QtGui.QPixmap()
    if data:
        picture.loadFromData(data)
    return picture
