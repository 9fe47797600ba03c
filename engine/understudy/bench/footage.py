"""A small project for measurements: a synthetic performer at 1920x1080 and a model that has hardly learnt anything.

What a swap costs does not depend on what the model knows.
"""

from __future__ import annotations

from pathlib import Path

from understudy.color import ColorConfig
from understudy.jobs.extract import run_extract
from understudy.jobs.train import run_train
from understudy.progress import OnProgress
from understudy.settings.preset import load_preset
from understudy.settings.project import ProjectFolder, create_project
from understudy.synthetic.benchmark import write_shot
from understudy.synthetic.render import COLOR_SPACE

__all__ = ["MODEL", "SHOT", "make_project"]

SHOT, MODEL = "bench", "bench"
_SIZE = (1920, 1080)
_FILL = 0.22
_PRESET = "u128"


def make_project(folder: Path, frames: int, on_progress: OnProgress) -> ProjectFolder | None:
    """A project with shot `SHOT`, both identities and model `MODEL`; None when it was stopped.

    Args:
        folder: Where to.
        frames: Of the shot, from 1001 on.
        on_progress: Called often; False stops it.
    """
    written = write_shot(
        folder / "plate",
        identity_seed=6,
        performance_seed=1,
        lighting_seed=1,
        frames=frames,
        size=_SIZE,
        fill=_FILL,
        occluder=False,
        on_progress=on_progress,
    )
    if not written.completed:
        return None
    project = create_project(folder / "project", ColorConfig.load(None).name)
    plate = {"plate": "../plate/plate.####.exr", "colorspace": COLOR_SPACE}
    project = project.save(project.with_shot(SHOT, plate))
    preset = load_preset(_PRESET, [])
    for identity, role in (("target_performer", "target"), ("source_performer", "source")):
        project = project.save(project.with_identity(identity, {"role": role, "synthetic": True}))
        if not run_extract(project, SHOT, identity, preset, on_progress=on_progress).completed:
            return None
    trained = run_train(project, MODEL, preset, iterations=2, on_progress=on_progress)
    return project if trained is not None and trained.completed else None
