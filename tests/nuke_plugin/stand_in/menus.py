"""Menus and toolbars: what was added to them, and what the artist picks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.nuke_plugin.stand_in.strict import fail, strict

__all__ = ["Menu", "MenuBar", "MenuItem", "ToolBar"]


@strict
class MenuItem:
    """An entry."""

    def __init__(self, name: str, command: str | Callable[[], Any] | None = None, icon: str = "") -> None:
        self._name, self._command, self._icon, self._is_enabled = name, command, icon, True

    def name(self) -> str:
        return self._name

    def icon(self) -> str:
        return self._icon

    def script(self) -> str:
        return self._command if isinstance(self._command, str) else ""

    def setEnabled(self, enabled: bool, recursive: bool) -> None:
        self._is_enabled = enabled

    def invoke(self) -> Any:
        if isinstance(self._command, str):
            import sys

            return exec(compile(self._command, self._name, "exec"), {"nuke": sys.modules["nuke"]})
        return self._command() if self._command else None


@strict
class _Entries:
    """What menus, menu bars and toolbars share; a name with slashes leads into menus."""

    _items: list[MenuItem]

    def _at(self, path: str) -> MenuItem | None:
        first, _, rest = path.partition("/")
        item = next((one for one in self._items if one._name == first), None)
        return item._at(rest) if rest and isinstance(item, Menu) else item

    def addMenu(self, name: str, icon: str = "", tooltip: str = "", index: int = -1) -> Menu:
        first, _, rest = name.partition("/")
        menu = self._at(first)
        if not isinstance(menu, Menu):
            menu = Menu(first, icon)
            self._items.append(menu)
        return menu.addMenu(rest, icon, tooltip, index) if rest else menu

    def addCommand(
        self,
        name: str,
        command: str | Callable[[], Any] = "",
        shortcut: str = "",
        icon: str = "",
        tooltip: str = "",
        index: int = -1,
        readonly: bool = False,
        shortcutContext: int = 0,
    ) -> MenuItem:
        if not callable(command) and not isinstance(command, str):
            fail(f"addCommand('{name}') takes a function or Python text, not {command!r}")
        menu, _, last = name.rpartition("/")
        if menu:
            return self.addMenu(menu).addCommand(last, command, shortcut, icon)
        item = MenuItem(name, command, icon)
        self._items = [one for one in self._items if one._name != name] + [item]
        return item

    def addSeparator(self, index: int = -1) -> MenuItem:
        self._items.append(MenuItem("-"))
        return self._items[-1]

    def findItem(self, name: str) -> MenuItem | None:
        return self._at(name)

    def menu(self, name: str) -> Menu | None:
        item = self._at(name)
        return item if isinstance(item, Menu) else None

    def items(self) -> list[MenuItem]:
        return list(self._items)

    def removeItem(self, name: str) -> None:
        self._items = [one for one in self._items if one._name != name]

    def clearMenu(self) -> None:
        self._items = []


@strict
class Menu(_Entries, MenuItem):
    """A menu of entries and menus."""

    def __init__(self, name: str, icon: str = "") -> None:
        super().__init__(name, None, icon)
        self._items = []


@strict
class MenuBar(_Entries):
    """One of Nuke's menus by name."""

    def __init__(self, name: str) -> None:
        self._name, self._items = name, []

    def name(self) -> str:
        return self._name


@strict
class ToolBar(_Entries):
    """One of Nuke's toolbars by name."""

    def __init__(self, name: str) -> None:
        self._name, self._items = name, []

    def name(self) -> str:
        return self._name
