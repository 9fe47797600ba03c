"""Nuke for the tests of its plug-in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.nuke_plugin.plugin import plugin, plugin_folder, runtime

if TYPE_CHECKING:
    from tests.nuke_plugin.stand_in import Group, Host

__all__ = ["host", "node", "plugin", "plugin_folder", "runtime"]

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def host() -> Iterator[Host]:
    """Nuke 15 with a window and the gizmos on its path; fails at the end for what was caught on the way."""
    from tests.nuke_plugin.stand_in import LEDGER, Host, installed  # needs Tcl, without which the tests skip themselves

    nuke = Host(plugin_paths=[REPOSITORY / "gizmos"])
    with installed(nuke):
        yield nuke
        nuke.pump()
    assert LEDGER.violations == []


@pytest.fixture
def node(host: Host) -> Group:
    """A fresh Understudy node, connected to nothing."""
    made: Any = host.create("Understudy")
    return made
