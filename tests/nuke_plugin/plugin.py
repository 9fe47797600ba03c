"""The plug-in as `understudy install nuke` puts it: what tests of it import as a pytest plug-in of fixtures."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from understudy.install import install, make_plan


@pytest.fixture(scope="session")
def plugin_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation, made once: it takes half a second."""
    base = tmp_path_factory.mktemp("nuke")
    install(make_plan("nuke", base))
    return base / "understudy"


@pytest.fixture
def plugin(plugin_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The installation on Python's path; no engine runs, and nothing of it stays loaded."""
    monkeypatch.syspath_prepend(str(plugin_folder))
    monkeypatch.setenv("UNDERSTUDY_RUNTIME", str(tmp_path / "run"))
    monkeypatch.delenv("OCIO", raising=False)
    yield plugin_folder
    for name in [name for name in sys.modules if name.split(".")[0] == "understudy_nuke"]:
        del sys.modules[name]
