"""A project with four people and a small faceset of each, without a plate: what training and export need, quickly."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import yaml

from tests.faces.conftest import made_up_landmarks
from understudy.color import DEFAULT_CONFIG, ColorConfig
from understudy.faces.alignment import align_face
from understudy.faces.crop import crop_face
from understudy.faces.face import Face
from understudy.faces.faceset import Faceset, Normalisation
from understudy.plates import Frame
from understudy.settings.network import DecoderSettings, EncoderSettings, InterSettings, ModelSettings
from understudy.settings.preset import Preset
from understudy.settings.project import ProjectFolder, create_project
from understudy.settings.training import TrainingSettings

TINY = Preset(
    name="tiny",
    description="For tests.",
    model=ModelSettings(
        size=64,
        underpainting=4,
        encoder=EncoderSettings(stem=4, widths=(8, 16)),
        inter=InterSettings(kind="convolutional", code=8, width=16),
        decoder=DecoderSettings(widths=(16, 8), head=4),
    ),
    training=TrainingSettings(batch=2, learning_rate=3e-3, warm_up=2, iterations=2, cool_down=0.0),
)
"""A network that learns in milliseconds."""

FACES = {"ben": 2, "dora": 2, "ann": 3, "cas": 4}
"""How many each has: ben and dora are targets, ann a source with a consent record, cas a synthetic source."""


def consent_record(folder: Path, name: str, **changes: object) -> Path:
    """A consent record that holds, with its document beside it."""
    document = folder / f"{name}.pdf"
    document.write_bytes(b"signed by " + name.encode())
    today = datetime.date.today()
    values = {
        "schema": "consent-1",
        "status": "active",
        "person": name,
        "granted_by": name,
        "production": "The Understudy",
        "shots": ["*"],
        "use": "tests",
        "document": document.name,
        "document_sha256": hashlib.sha256(document.read_bytes()).hexdigest(),
        "granted": today,
        "valid_until": today.replace(year=today.year + 1, day=1),
        **changes,
    }
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def people_project(folder: Path, color: ColorConfig, names: Sequence[str] = tuple(FACES)) -> ProjectFolder:
    """A project with some of the four people."""
    made = create_project(folder, DEFAULT_CONFIG)
    entries = {
        "ben": {"role": "target"},
        "dora": {"role": "target", "synthetic": True},
        "ann": {"role": "source", "consent": str(consent_record(folder, "ann"))},
        "cas": {"role": "source", "synthetic": True},
    }
    for seed, name in enumerate(names):
        made = made.save(made.with_identity(name, entries[name]))
        _small_faceset(made.faceset(name), name, FACES[name], seed, color)
    return made


def _small_faceset(folder: Path, name: str, count: int, seed: int, color: ColorConfig) -> None:
    faceset = Faceset(folder, name, 64, 0.125, DEFAULT_CONFIG)
    random = np.random.default_rng(seed)
    stamps = {}
    for frame in range(1, count + 1):
        face = Face(frame, (made_up_landmarks() - 0.5) * 80 + (75, 75), np.zeros(478, np.float32), 0.9)
        plate = Frame.of(random.uniform(0.2, 0.8, (150, 150, 3)).astype(np.float32))
        faceset.write_crop("s", crop_face(plate, "ACEScg", color, align_face(face), 64, 0.125), "x", color)
        stamps[frame] = "x"
    faceset.with_records_on_disk().finished_shot(
        "s", "ACEScg", frozenset(stamps), Normalisation(white_balance=True), stamps
    )
