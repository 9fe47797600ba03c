"""Models kept loaded between previews, so that the second one of a shot is quick."""

from __future__ import annotations

import logging
from collections import OrderedDict
from pathlib import Path

from understudy.jobs.swap import Swapper, open_swapper
from understudy.model.snapshot import chosen_snapshot
from understudy.provenance import check_consent, json_hash
from understudy.settings.project import ProjectFolder

__all__ = ["WarmSwappers"]

_LOGGER = logging.getLogger(__name__)


class WarmSwappers:
    """The swappers that were used last. One is used again only while nothing that it was made from has changed.

    Args:
        device: Where models are loaded to.
        most: How many are kept.
    """

    def __init__(self, device: str, most: int = 3) -> None:
        self._device = device
        self._most = most
        self._kept: OrderedDict[tuple[str, str, str], tuple[str, Swapper]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def swapper(self, folder: ProjectFolder, shot: str, model: str) -> Swapper:
        """A shot and a model, checked for each other: kept warm, or opened.

        Raises:
            UnderstudyError: As `open_swapper`.
        """
        key = (str(folder.path), shot, model)
        made_from = _identity(folder, shot, model)
        before, kept = self._kept.pop(key, ("", None))
        if kept is None or before != made_from:
            del kept  # its memory is free before the next one is loaded
            kept = open_swapper(folder, shot, model, self._device)
        else:
            check_consent(folder, kept.consent["identity"], shot)
            _LOGGER.info(
                "Still loaded: shot %s, colour space %s; snapshot %s, on %s",
                shot,
                kept.shot.space.name,
                kept.snapshot.hash,
                kept.device,
            )
        self._kept[key] = (made_from, kept)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return kept


def _identity(folder: ProjectFolder, shot: str, model: str) -> str:
    """What stands for everything a swapper is made from: its settings, and size and time of every file."""
    snapshot = chosen_snapshot(folder.model(model), folder.project.swap.snapshot)
    facesets = [folder.faceset(name) for name in sorted(folder.project.identities)]
    consents = [folder.path / entry.consent for entry in folder.project.identities.values() if entry.consent]
    files = [
        snapshot,
        folder.path / "understudy.yaml",
        folder.path / folder.project.ocio,
        folder.faces_file(shot),
        folder.assignments_file(shot),
        folder.plate_pattern(shot).parent,
        *(faceset / name for faceset in facesets for name in ("faceset.json", "crops.jsonl")),
        *(folder.learned_matte(shot, name) for name in sorted(folder.project.identities)),
        *consents,
    ]
    return json_hash({"settings": folder.project.model_dump(mode="json"), "files": [_stamp(path) for path in files]})


def _stamp(path: Path) -> str:
    try:
        status = path.stat()
    except OSError:
        return f"{path}:none"
    return f"{path}:{status.st_ino}:{status.st_size}:{status.st_mtime_ns}"
