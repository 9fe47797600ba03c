"""Fixtures of the plug-in as `understudy install nuke` puts it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service.conftest import runtime
from understudy.install import install, make_plan

__all__ = ["plugin", "plugin_folder", "runtime"]


@pytest.fixture(scope="session")
def plugin_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation, made once: it takes half a second."""
    base = tmp_path_factory.mktemp("nuke")
    install(make_plan("nuke", base))
    return base / "understudy"


@pytest.fixture
def plugin(plugin_folder: Path, runtime: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The installation on Python's path; no engine runs, and nothing of it stays loaded."""
    monkeypatch.syspath_prepend(str(plugin_folder))
    monkeypatch.delenv("OCIO", raising=False)
    yield plugin_folder
    for name in [name for name in sys.modules if name.split(".")[0] == "understudy_nuke"]:
        del sys.modules[name]
