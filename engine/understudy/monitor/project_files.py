"""The files of a project that the monitor may read, and no others."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from understudy.errors import ProjectError, UnknownNameError
from understudy.settings.project import check_name

__all__ = ["ProjectFiles", "chosen_project", "named_projects"]


_LOG, _PREVIEW, _PRESET, _PAIR = "log.jsonl", "preview.png", "preset.json", "model.json"
"""As `training.trainer` calls them; PyTorch is too heavy to be loaded for names."""


@dataclass(frozen=True)
class ProjectFiles:
    """Where the known kinds of files of one project lie.

    Every method answers with a real path inside the project's real folder, or refuses: a link that leads out of the
    project leads nowhere.

    Attributes:
        id: Stands for the project in addresses.
        root: The project folder, as jobs name it.
    """

    id: str
    root: Path

    def models(self) -> list[str]:
        """Names of the models that have begun to train."""
        return self._names("models", _LOG)

    def shots(self) -> list[str]:
        """Names of the shots in which faces were searched for."""
        return self._names("shots", "faces.jsonl")

    def facesets(self) -> list[str]:
        """Names of the identities with crops."""
        return self._names("facesets", "crops.jsonl")

    def log(self, model: str) -> Path:
        """A model's training log."""
        return self._file("models", model, _LOG)

    def preset(self, model: str) -> Path:
        """A model's preset."""
        return self._file("models", model, _PRESET)

    def pair(self, model: str) -> Path:
        """Whose faces a model swaps."""
        return self._file("models", model, _PAIR)

    def preview(self, model: str) -> Path:
        """A model's preview sheet."""
        return self._file("models", model, _PREVIEW)

    def faces(self, shot: str) -> Path:
        """The faces found in a shot."""
        return self._file("shots", shot, "faces.jsonl")

    def assignments(self, shot: str) -> Path:
        """Whose the faces of a shot are."""
        return self._file("shots", shot, "assignments.json")

    def crops(self, identity: str) -> Path:
        """The index of a faceset."""
        return self._file("facesets", identity, "crops.jsonl")

    def faceset(self, identity: str) -> Path:
        """What a faceset says of itself."""
        return self._file("facesets", identity, "faceset.json")

    def report(self, identity: str) -> Path:
        """The report on a faceset."""
        return self._file("facesets", identity, "report.html")

    def frame_picture(self, path: str) -> Path:
        """The picture that a preview job made, by the path in its results."""
        place = Path(path)
        if place.suffix != ".png" or place.parent.name != "preview" or place.parent.parent.parent.name != "swaps":
            raise ProjectError("This is no picture of a preview.")
        return self._inside(place)

    def _names(self, folder: str, file: str) -> list[str]:
        found = []
        for entry in sorted(self.root.joinpath(folder).glob(f"*/{file}")):
            try:
                found.append(check_name("folder", entry.parent.name))
                self._inside(entry)
            except ProjectError:
                found = [name for name in found if name != entry.parent.name]
        return found

    def _file(self, folder: str, name: str, file: str) -> Path:
        return self._inside(self.root / folder / check_name("folder", name) / file)

    def _inside(self, path: Path) -> Path:
        real = path.resolve()
        if not real.is_relative_to(self.root.resolve()):
            raise ProjectError("This file lies outside its project.")
        if real.exists() and not real.is_file():
            raise ProjectError("This is no file.")
        return real


def named_projects(folders: Iterable[str]) -> dict[str, ProjectFiles]:
    """The projects in these folders, by id; folders that are gone are left out."""
    known: dict[str, ProjectFiles] = {}
    for folder in folders:
        root = Path(folder)
        if not folder or not root.is_absolute() or not (root / "understudy.yaml").is_file():
            continue
        project_id = hashlib.sha256(folder.encode("utf-8", "surrogatepass")).hexdigest()[:12]
        known[project_id] = ProjectFiles(project_id, root)
    return known


def chosen_project(projects: dict[str, ProjectFiles], project_id: str) -> ProjectFiles:
    """One of these projects.

    Raises:
        UnknownNameError: No job names it.
    """
    if project_id not in projects:
        raise UnknownNameError("project", project_id, projects, "the engine's jobs")
    return projects[project_id]
