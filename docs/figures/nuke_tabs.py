"""Draws each tab of the Understudy node from gizmos/Understudy.gizmo, and says on each that it is a drawing.

python docs/figures/nuke_tabs.py     writes docs/images/nuke_shot.svg and so on, one for each tab
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests.nuke_script import ScriptNode, UserKnob, read_script, words  # noqa: E402

IMAGES = ROOT / "docs" / "images"
GIZMO = ROOT / "gizmos" / "Understudy.gizmo"

WIDTH, LEFT, ROW, MARGIN = 620, 130, 30, 14
INK, FAINT, PANEL, BOX, EDGE, ACCENT = "#d8d8d8", "#9a9a9a", "#323232", "#262626", "#1a1a1a", "#7a5ca8"
LINES = 7
"""Height of a multi-line box, in rows of text."""


@dataclass
class Tab:
    """A tab and the rows of knobs in it."""

    name: str
    label: str
    rows: list[list[UserKnob]] = field(default_factory=list)


def tabs_of(group: ScriptNode) -> list[Tab]:
    """The tabs of a group; a knob begins a row as it does in Nuke, where a button goes on after what is before it."""
    tabs: list[Tab] = []
    for knob in group.user_knobs:
        if knob.kind == 20:
            tabs.append(Tab(knob.name, knob.options["l"]))
        elif "+INVISIBLE" not in knob.flags:
            goes_on = "-STARTLINE" in knob.flags or (knob.kind == 22 and "+STARTLINE" not in knob.flags)
            if goes_on and tabs[-1].rows:
                tabs[-1].rows[-1].append(knob)
            else:
                tabs[-1].rows.append([knob])
    return tabs


class Drawing:
    """An SVG that grows downwards."""

    def __init__(self, values: dict[str, str]) -> None:
        self.values = values
        self.parts: list[str] = []
        self.y = MARGIN

    def box(self, x: float, y: float, width: float, height: float, fill: str, radius: int = 2) -> None:
        """A rectangle."""
        self.parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="{radius}" '
            f'fill="{fill}" stroke="{EDGE}"/>'
        )

    def text(self, x: float, y: float, words_: str, fill: str = INK, anchor: str = "start", size: int = 12) -> None:
        """A line of text on its base line."""
        self.parts.append(
            f'<text x="{x:g}" y="{y:g}" fill="{fill}" text-anchor="{anchor}" font-size="{size}">{escape(words_)}</text>'
        )

    def bar(self, tabs: Sequence[Tab], current: Tab) -> None:
        """The tabs, one of them in front."""
        x = float(MARGIN)
        for tab in tabs:
            width = 9.0 * len(tab.label) + 24
            self.box(x, self.y, width, 24, PANEL if tab is current else BOX, 4)
            if tab is current:
                self.parts.append(f'<rect x="{x:g}" y="{self.y}" width="{width:g}" height="3" fill="{ACCENT}"/>')
            self.text(x + width / 2, self.y + 17, tab.label, INK if tab is current else FAINT, "middle")
            x += width + 4
        self.y += 24 + MARGIN

    def row(self, knobs: Sequence[UserKnob]) -> None:
        """Knobs side by side."""
        first = knobs[0]
        label = first.options.get("l", first.name)
        if first.kind == 26:
            self.text(MARGIN, self.y + 18, label, FAINT)
            self.parts.append(f'<path d="M{LEFT} {self.y + 14}H{WIDTH - MARGIN}" stroke="{FAINT}" stroke-width=".6"/>')
            self.y += ROW
            return
        if first.kind not in {6, 22}:
            self.text(LEFT - 10, self.y + 16, label, INK, "end")
        buttons = sum(self._button_width(knob) + 8 for knob in knobs if knob.kind == 22)
        x, height = float(LEFT), ROW
        for knob in knobs:
            room = WIDTH - MARGIN - x - (buttons if knob is first and knob.kind != 22 else 0)
            width, tall = self._widget(knob, x, room)
            x, height = x + width + 8, max(height, tall)
        self.y += height

    @staticmethod
    def _button_width(knob: UserKnob) -> float:
        return 7.2 * len(knob.options.get("l", knob.name)) + 22

    def _widget(self, knob: UserKnob, x: float, room: float) -> tuple[float, int]:
        """Draws one knob; gives its width and its row's height."""
        value = self.values.get(knob.name, "")
        if knob.kind == 22:
            width = self._button_width(knob)
            self.box(x, self.y, width, 22, "#4a4a4a", 4)
            self.text(x + width / 2, self.y + 15, knob.options.get("l", knob.name), INK, "middle")
            return width, ROW
        if knob.kind == 6:
            self.box(x, self.y + 4, 14, 14, BOX)
            self.text(x + 22, self.y + 16, knob.options.get("l", knob.name))
            return 22 + 7.2 * len(knob.options.get("l", knob.name)), ROW
        if knob.kind in {28, 43}:
            self.box(x, self.y, room, LINES * 16, BOX)
            return room, LINES * 16 + 8
        if knob.kind == 4:
            width = 9.0 * max(len(word) for word in words(knob.options["M"])) + 40
            self.box(x, self.y, width, 22, "#4a4a4a", 4)
            self.text(x + 10, self.y + 15, value)
            self.text(x + width - 16, self.y + 15, "▾", FAINT)
            return width, ROW
        if knob.kind in {3, 7, 41}:
            return self._number(knob, x, room, value or ("1" if knob.kind == 41 else "0"))
        self.box(x, self.y, room, 22, PANEL if "+DISABLED" in knob.flags else BOX)
        if knob.kind == 2:
            self.box(x + room - 24, self.y, 24, 22, "#4a4a4a")
            self.text(x + room - 12, self.y + 15, "…", INK, "middle")
        if value:
            self.text(x + 8, self.y + 15, value)
        return room, ROW

    def _number(self, knob: UserKnob, x: float, room: float, value: str) -> tuple[float, int]:
        self.box(x, self.y, 64, 22, BOX)
        self.text(x + 8, self.y + 15, value)
        if knob.kind == 3:
            return 64, ROW
        low, high = (float(word) for word in knob.options.get("R", "0 4").split())
        begin, end = x + 80, x + room - 10
        at = begin + (end - begin) * (float(value) - low) / (high - low)
        self.parts.append(f'<path d="M{begin:g} {self.y + 11}H{end:g}" stroke="{FAINT}"/>')
        self.box(at - 4, self.y + 3, 8, 16, "#6a6a6a")
        return room, ROW

    def svg(self) -> str:
        """The whole picture, with the sentence that says what it is."""
        self.text(
            WIDTH / 2, self.y + 16, "A drawing from gizmos/Understudy.gizmo, not a screenshot", FAINT, "middle", 11
        )
        height = self.y + 30
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
            f'font-family="Verdana, DejaVu Sans, sans-serif">'
        )
        return "\n".join([head, f'<rect width="{WIDTH}" height="{height}" fill="{PANEL}"/>', *self.parts, "</svg>\n"])


def drawings() -> dict[str, str]:
    """SVG by name of file, in the order of the tabs."""
    (group,) = read_script(GIZMO.read_text()).children
    tabs, made = tabs_of(group), {}
    for tab in tabs:
        drawing = Drawing(group.knobs)
        drawing.bar(tabs, tab)
        for row in tab.rows:
            drawing.row(row)
        made[f"nuke_{tab.name.removesuffix('_tab')}.svg"] = drawing.svg()
    return made


def main() -> None:
    """Writes them."""
    for name, svg in drawings().items():
        (IMAGES / name).write_text(svg)


if __name__ == "__main__":
    main()
