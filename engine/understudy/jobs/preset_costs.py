"""What the networks of presets cost, counted once on a machine and kept: counting takes ten seconds or more."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.metadata
import json
import logging
from pathlib import Path
from typing import Any

import understudy.settings
from understudy.durable import user_cache_folder, write_text
from understudy.errors import WriteError
from understudy.settings.network import ModelSettings

__all__ = ["KnownCosts"]

_LOGGER = logging.getLogger(__name__)
_SCHEMA = "preset-costs-1"


class KnownCosts:
    """Costs as `model.cost.ModelCost.to_json` says them, from a file where they stand there, else counted.

    What was counted by other code of the model, or with another PyTorch, is counted anew.

    Args:
        path: The file; the cache folder's when None. One that cannot be read or written only costs the time.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or user_cache_folder() / "preset-costs.json"
        self._known = self._read()
        self._has_new = False

    def of(self, settings: ModelSettings) -> dict[str, Any]:
        """The cost of the network that these settings describe."""
        key = hashlib.sha256(settings.model_dump_json().encode()).hexdigest()[:16]
        if key not in self._known:
            from understudy.model.cost import model_cost  # loads torch, which reading does not need

            self._known[key] = model_cost(settings).to_json()
            self._has_new = True
        return dict(self._known[key])

    def keep(self) -> None:
        """Writes down what was counted since."""
        if not self._has_new:
            return
        values = {"schema": _SCHEMA, "counted_by": _counted_by(), "costs": self._known}
        try:
            write_text(self._path, json.dumps(values) + "\n")
        except WriteError as error:
            _LOGGER.info("costs are not kept: %s", error.message)

    def _read(self) -> dict[str, dict[str, Any]]:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            values = json.loads(self._path.read_text(encoding="utf-8"))
            if (values["schema"], values["counted_by"]) == (_SCHEMA, _counted_by()):
                return {str(key): dict(cost) for key, cost in values["costs"].items()}
        return {}


@functools.cache
def _counted_by() -> str:
    """The code that decides what a network is, and PyTorch's version."""
    package = Path(understudy.settings.__file__).parent.parent
    files = sorted([*(package / "model").glob("*.py"), *(package / "settings").glob("*.py")])
    content = b"".join(file.read_bytes() for file in files)
    return f"{hashlib.sha256(content).hexdigest()[:16]} torch {importlib.metadata.version('torch')}"
