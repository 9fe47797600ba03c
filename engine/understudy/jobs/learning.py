"""What every training begins with: facesets that suit the project, their faces, and what its snapshots say of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from understudy import __version__
from understudy.color import ColorConfig, TrainingSpace, pinned_name
from understudy.durable import sweep
from understudy.faces.alignment import template
from understudy.faces.faceset import Faceset
from understudy.jobs.asked import keep_record
from understudy.jobs.shot import check_free_space
from understudy.progress import OnProgress
from understudy.provenance import person_in
from understudy.settings.preset import Preset
from understudy.settings.project import ProjectFolder
from understudy.training.batches import FaceCodes
from understudy.training.checkpoint import expect_network
from understudy.training.loading import expect_loadable, load_face_codes
from understudy.training.phases import expect_trainable
from understudy.training.preview import Look
from understudy.training.ranks import Ranks
from understudy.training.trainer import CHECKPOINTS, SNAPSHOTS

__all__ = ["LearnedFaces", "expect_learnable", "look_of", "open_facesets", "prepared_faces", "shared_facts"]


@dataclass(frozen=True, eq=False)
class LearnedFaces:
    """What a training sees.

    Attributes:
        learned: What it learns from, by identity.
        held_out: What it is measured on, by identity; of those whose faceset holds some out, where that was asked for.
    """

    learned: Mapping[str, FaceCodes]
    held_out: Mapping[str, FaceCodes]


def open_facesets(folder: ProjectFolder, identities: Sequence[str]) -> dict[str, Faceset]:
    """The facesets of these identities, by name.

    Raises:
        FacesetError: One is missing or damaged, or was made with another OCIO config.
    """
    facesets = {identity: Faceset.open(folder.faceset(identity)) for identity in identities}
    for faceset in facesets.values():
        faceset.expect_config(pinned_name(folder.project.ocio))
    return facesets


def expect_learnable(folder: ProjectFolder, model_name: str, facesets: Mapping[str, Faceset], preset: Preset) -> None:
    """Returns when a model can be trained so, as far as that is known before a face is read and anything is written.

    Raises:
        SettingsError: The preset's network cannot be trained as its phases and losses say, is not the one that the
            model was begun with, or needs larger crops.
        FacesetError: A faceset has no faces to learn from.
    """
    if preset.model.kind != "identity":
        expect_trainable(preset)
        expect_network(folder.model(model_name) / CHECKPOINTS, preset)
    for faceset in facesets.values():
        expect_loadable(faceset, preset)


def prepared_faces(
    folder: ProjectFolder,
    model_name: str,
    facesets: Mapping[str, Faceset],
    color: ColorConfig,
    preset: Preset,
    record: Mapping[str, Any],
    ranks: Ranks,
    on_progress: OnProgress,
    with_held_out: bool = True,
) -> LearnedFaces | None:
    """The faces of a training, when its model's folder is in order and says what it is trained on; None when stopped.

    Of several processes the first goes ahead: it makes the caches that the others then find.

    Args:
        folder: The project.
        model_name: The model.
        facesets: As `open_facesets` returns them.
        color: The project's config.
        preset: Gives size and margin.
        record: As `asked.keep_record` takes it.
        ranks: Which of how many processes this is.
        on_progress: Called for each crop; False stops.
        with_held_out: Load what facesets hold out as well.

    Raises:
        UnderstudyError: As `expect_learnable`; or the disk is nearly full, or a crop is broken.
    """
    path = folder.model(model_name)
    expect_learnable(folder, model_name, facesets, preset)
    check_free_space(folder.path)
    with ranks.first_goes_ahead():
        if ranks.is_first:
            sweep(path, path / CHECKPOINTS, path / SNAPSHOTS)
        faces = _loaded(facesets, color, preset, on_progress, with_held_out)
        if faces is not None and ranks.is_first:
            keep_record(folder, model_name, record)
    return faces if ranks.all_agree(faces is not None) else None


def _loaded(
    facesets: Mapping[str, Faceset], color: ColorConfig, preset: Preset, on_progress: OnProgress, with_held_out: bool
) -> LearnedFaces | None:
    loaded: dict[bool, dict[str, FaceCodes]] = {False: {}, True: {}}
    for held_out in (False, True) if with_held_out else (False,):
        for identity, faceset in facesets.items():
            if held_out and not faceset.held_out:
                continue
            codes = load_face_codes(faceset, color, preset, on_progress, held_out)
            if codes is None:
                return None
            loaded[held_out][identity] = codes
    return LearnedFaces(loaded[False], loaded[True])


def shared_facts(
    folder: ProjectFolder,
    facesets: Mapping[str, Faceset],
    faces: LearnedFaces,
    lineage: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """What the snapshots of a pair and of many identities alike say of themselves besides weights and preset.

    Args:
        folder: The project.
        facesets: Of everybody that is learned from, by name.
        faces: Theirs.
        lineage: What the model was begun from.
    """
    return {
        "software": f"understudy {__version__}",
        "ocio": pinned_name(folder.project.ocio),
        "trained_on": [person_in(folder, name, len(codes)) for name, codes in faces.learned.items()],
        "lineage": list(lineage),
        "alignment_template": np.round(template(), 6).tolist(),
        "training_spaces": {
            identity: {name: shot.training.to_json() for name, shot in faceset.shots.items()}
            for identity, faceset in facesets.items()
        },
    }


def look_of(color: ColorConfig) -> Look:
    """How codes are looked at: as of a shot that needs no gains, in the project's working space."""
    neutral = TrainingSpace()

    def light(codes: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return color.working_from_ap1(neutral.decode(codes))

    def picture(codes: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
        return color.display(light(codes), color.working)

    return Look(picture, light, color.attributes(color.working))
