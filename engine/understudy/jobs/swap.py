"""The swap job: writes the results of a shot, frame by frame, and says in a manifest how each was made."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from understudy import __version__
from understudy.color import TrainingSpace
from understudy.composite import (
    composite_face,
    crop_picture,
    crypto_layers,
    empty_layers,
    layers_of,
    place_face,
)
from understudy.durable import append_line, show, sweep, unfinished
from understudy.errors import FacesetError, ModelFileError, NoFaceError
from understudy.faces.alignment import is_template, template
from understudy.faces.crop import SwappedFace, crop_face, crop_region
from understudy.faces.face import Alignment
from understudy.faces.faceset import Faceset
from understudy.geometry import Box
from understudy.jobs.asked import pair_of_snapshot
from understudy.jobs.found_tracks import read_found_tracks, warn_of_choice, warn_of_filled
from understudy.jobs.pipeline import frames_in_order
from understudy.jobs.shot import OpenedShot, check_free_space, open_shot
from understudy.jobs.shot_mattes import ShotMattes, open_mattes
from understudy.jobs.transfer import check_carried_consent
from understudy.model.device import chosen_device
from understudy.model.snapshot import Snapshot, chosen_snapshot, read_snapshot
from understudy.model.swap_model import SwapModel
from understudy.plates import Frame, format_frames, write_frame
from understudy.progress import OnProgress, Progress, ignore_progress
from understudy.provenance import OUTPUT_SCHEMA, attributes_of, check_consent, file_hash, json_hash, lineage_of
from understudy.settings.project import Compression, ProjectFolder, SwapSettings
from understudy.swap import swap_face

__all__ = ["Swapped", "Swapper", "face_scale_of", "open_swapper", "read_manifest", "run_swap"]

_LOGGER = logging.getLogger(__name__)
_EXACT_FLOAT = ("none", "rle", "zip", "zips", "piz", "htj2k256", "htj2k32")
_EXACT_HALF = (*_EXACT_FLOAT, "pxr24")


@dataclass(frozen=True)
class Swapped:
    """What a swap job made.

    Attributes:
        folder: Where.
        space: The scene-linear colour space that the results are in.
        patterns: The sequences in it, as patterns with `####`.
        written: Frames that this run wrote.
        kept: Frames that were there already and still hold.
        without_face: Frames without a face, whose result is empty.
        completed: False when it was stopped.
    """

    folder: Path
    space: str
    patterns: tuple[str, ...]
    written: tuple[int, ...]
    kept: tuple[int, ...]
    without_face: tuple[int, ...]
    completed: bool


@dataclass(frozen=True, eq=False)
class Swapper:
    """Everything that swapping a frame of one shot needs, checked and loaded.

    Attributes:
        shot: The shot.
        model: On `device`, in evaluation mode.
        snapshot: Where the model came from.
        snapshot_sha256: SHA-256 of the snapshot's file.
        training: The training space of the shot's target identity.
        target: The target identity.
        alignments: Of its face, by frame.
        searched: The frames in which faces were searched for.
        consent: Of the source identity, plain values.
        settings: What to write.
        device: Where the model is.
        mattes: How the mattes of its face come about.
        face_scale: How large the painted face is drawn.
        turn: Held by the frame that is in the model: others are read and written meanwhile.
    """

    shot: OpenedShot
    model: SwapModel
    snapshot: Snapshot
    snapshot_sha256: str
    training: TrainingSpace
    target: str
    alignments: Mapping[int, Alignment]
    searched: frozenset[int]
    consent: Mapping[str, str]
    settings: SwapSettings
    device: torch.device
    mattes: ShotMattes
    face_scale: float = 1.0
    turn: threading.Lock = field(default_factory=threading.Lock)

    def recipe(self, number: int) -> str:
        """SHA-256 of everything that decides the pixels of a frame's results."""
        alignment = self.alignments.get(number)
        placed = (
            [
                np.round(alignment.aligned_from_plate, 7).tolist(),
                np.round(alignment.landmarks_plate, 2).tolist(),
                round(alignment.confidence, 3),
            ]
            if alignment
            else None
        )
        return json_hash(
            {
                "model": self.snapshot_sha256,
                "plate": self.shot.stamp(number),
                "alignment": placed,
                "training": self.training.to_json(),
                "ocio": self.shot.color.name,
                "consent": dict(self.consent),
                "settings": self.settings.model_dump(mode="json"),
                "mattes": self.mattes.stamp(number) if alignment else None,
                "face_scale": round(self.face_scale, 6),
                "output": OUTPUT_SCHEMA,
                "software": __version__,
            }
        )

    def swap(self, number: int, frame: Frame) -> SwappedFace | None:
        """The swapped face of a frame; None when the frame holds no face."""
        alignment = self.alignments.get(number)
        if alignment is None:
            return None
        size = self.snapshot.preset.model.size
        crop = crop_face(frame, self.shot.space.name, self.shot.color, alignment, size, 0.0, self.shot.layer)
        with self.turn:
            return swap_face(self.model, crop, self.training, self.device, self.face_scale)

    def region(self, number: int) -> Box | None:
        """The plate's pixels that decide a frame's results, the composite apart; None for all of them."""
        alignment = self.alignments.get(number)
        beyond = max(0.0, self.face_scale - 1.0) / 2
        if alignment is None:
            return None
        return self.mattes.region(alignment, crop_region(alignment, self.snapshot.preset.model.size, beyond))

    @property
    def result_space(self) -> str:
        """The scene-linear space that the results are in."""
        return self.shot.color.result_space(self.shot.space.name)

    def results(self, number: int, frame: Frame, with_comp: bool) -> dict[str, Frame]:
        """The pictures of a frame, by the name of their sequence: "face"; on request "comp", "crop" and "crypto"."""
        swapped = self.swap(number, frame)
        placed = None
        if swapped:
            with self.turn:
                rule = self.mattes.rule(self.shot, frame, swapped.alignment)
            placed = place_face(swapped, frame, rule)
        color, space = self.shot.color, self.shot.space.name
        attributes: dict[str, Any] = attributes_of(
            self.consent,
            self.snapshot_sha256,
            self.recipe(number),
            self.shot.source_hash(number),
        )
        attributes["understudy/frame"] = number
        with_st = self.settings.st_map
        layers = (
            layers_of(placed, frame, space, color, attributes, with_st)
            if placed
            else empty_layers(frame, space, color, attributes, with_st)
        )
        pictures = {"face": layers}
        if with_comp:
            pictures["comp"] = composite_face(layers, frame, space, color, attributes, self.shot.layer)
        if self.settings.crops and swapped:
            pictures["crop"] = crop_picture(swapped, frame, space, color, attributes)
        if self.settings.cryptomatte:
            pictures["crypto"] = crypto_layers(layers, frame, self.consent["identity"], attributes)
        return pictures


def open_swapper(folder: ProjectFolder, shot_name: str, model_name: str, device: str = "auto") -> Swapper:
    """A shot and a model, checked for each other.

    Args:
        folder: The project.
        shot_name: The shot.
        model_name: The model; the snapshot that the project's settings choose swaps.
        device: "auto", or a device of PyTorch such as "cpu" or "cuda:1".

    Raises:
        ConsentError: The source identity may not be put into this shot.
        ModelFileError: The model has no usable snapshot.
        FacesetError: The shot was not extracted for the model's target identity.
    """
    shot = open_shot(folder, shot_name)
    snapshot_path = chosen_snapshot(folder.model(model_name), folder.project.swap.snapshot)
    snapshot = read_snapshot(snapshot_path)
    if not is_template(snapshot.facts.get("alignment_template", template().tolist())):
        raise ModelFileError(
            f"{snapshot_path} learned faces that an earlier version aligned otherwise: its swaps would not fit. "
            f"Train it anew under another name: understudy train NAME",
            path=str(snapshot_path),
        )
    pair = pair_of_snapshot(snapshot.facts, folder.model(model_name))
    consent, target = check_consent(folder, pair.source, shot_name), pair.target
    check_carried_consent(folder, lineage_of(snapshot.facts), shot_name)
    path = folder.faceset(target)
    shots = Faceset.open(path).shots if Faceset.exists(path) else {}
    if shot_name not in shots:
        raise FacesetError(
            f"Shot '{shot_name}' has no faces of '{target}' yet. "
            f"Run: understudy extract {shot_name} --identity {target}",
            shot=shot_name,
        )
    tracks = read_found_tracks(folder, shot)
    warn_of_choice(tracks, target)
    alignments = tracks.alignments(target)
    warn_of_filled(shot_name, alignments.values())
    place = chosen_device(device)
    _LOGGER.info("Snapshot %s, %s, on %s", snapshot_path, snapshot.hash, place)
    return Swapper(
        shot=shot,
        model=snapshot.build().to(place).eval(),
        snapshot=snapshot,
        snapshot_sha256=file_hash(snapshot_path),
        training=shots[shot_name].training,
        target=target,
        alignments=alignments,
        searched=frozenset(tracks.found),
        consent=consent.to_json(),
        settings=folder.project.swap,
        device=place,
        mattes=open_mattes(folder, shot, target, place),
        face_scale=face_scale_of(folder, snapshot),
    )


def face_scale_of(folder: ProjectFolder, snapshot: Snapshot) -> float:
    """How large a snapshot's painted face is drawn: as the project says, else as was measured when it was trained."""
    if snapshot.preset.model.kind == "identity":
        return 1.0
    said = folder.project.swap.face_scale
    return float(snapshot.facts.get("face_scale", 1.0)) if said is None else said


def run_swap(
    folder: ProjectFolder,
    shot_name: str,
    model_name: str,
    frames: str | None = None,
    with_comp: bool = False,
    skip_existing: bool = False,
    out: Path | None = None,
    on_progress: OnProgress = ignore_progress,
    device: str = "auto",
) -> Swapped:
    """Writes the results of a shot; frames whose result is there and was made just so are kept.

    Args:
        folder: The project.
        shot_name: The shot.
        model_name: The model; its newest snapshot swaps.
        frames: Frames to do, such as 1001-1010; all when None.
        with_comp: Also write the full-frame composite.
        skip_existing: Keep every result that is there, however it was made.
        out: Folder for the results; `swaps/SHOT` when None.
        on_progress: Called after each frame; False stops after it.
        device: As `open_swapper`.

    Raises:
        UnderstudyError: What is wrong, before anything is written if it can be known then.
    """
    swapper = open_swapper(folder, shot_name, model_name, device)
    chosen = swapper.shot.choose(frames)
    _check_searched(swapper, chosen)
    swapper.mattes.check_frames(shot_name, [number for number in chosen if number in swapper.alignments])
    target = out or folder.swaps(shot_name)
    check_free_space(target)
    sweep(*{path.parent for path in _paths(target, shot_name, 0).values()})
    manifest = target / "manifest.jsonl"
    known = read_manifest(manifest)
    recipes = {number: swapper.recipe(number) for number in chosen}
    names = _sequences(swapper.settings, with_comp)
    kept = tuple(
        number
        for number in chosen
        if _is_done(target, shot_name, number, names, swapper.alignments)
        and (skip_existing or known.get(number, {}).get("recipe") == recipes[number])
    )
    missing = sorted(set(chosen) - set(kept))
    _warn_of_inexact(swapper.settings.compression, with_comp)
    _LOGGER.info(
        "Swap of %s with %s in %s: %d frames to write, %d kept",
        shot_name,
        swapper.snapshot_sha256[:12],
        swapper.result_space,
        len(missing),
        len(kept),
    )
    written = []
    with closing(_written_results(target, swapper, missing, with_comp)) as results:
        for number, files in results:
            _append_to_manifest(manifest, number, recipes[number], files)
            written.append(number)
            done = len(kept) + len(written)
            if not on_progress(Progress("swapping", done, len(chosen), f"frame {number}")) and done < len(chosen):
                break
    return Swapped(
        folder=target,
        space=swapper.result_space,
        patterns=tuple(_pattern(target, shot_name, name) for name in names),
        written=tuple(written),
        kept=kept,
        without_face=tuple(number for number in chosen if number not in swapper.alignments),
        completed=len(written) == len(missing),
    )


def read_manifest(path: Path) -> dict[int, dict[str, Any]]:
    """The manifest's lines by frame, the last of each; a line cut short by a kill does not count."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    known: dict[int, dict[str, Any]] = {}
    for line in lines:
        try:
            values = json.loads(line)
            known[int(values["frame"])] = {"recipe": str(values["recipe"]), "files": dict(values["files"])}
        except (ValueError, KeyError, TypeError):
            continue
    return dict(sorted(known.items()))


def _written_results(
    folder: Path, swapper: Swapper, numbers: Sequence[int], with_comp: bool
) -> Generator[tuple[int, dict[str, str]], None, None]:
    """Writes results, several frames at once; gives each frame, in order, with the SHA-256 of its files by their paths.

    A frame's files get their final names when its turn comes: no result stands after a frame that failed, or after the
    last one of a swap that was stopped.
    """

    def write(number: int) -> dict[str, str]:
        files: dict[str, str] = {}
        frame = swapper.shot.read(number, None if with_comp else swapper.region(number))
        for name, picture in swapper.results(number, frame, with_comp).items():
            path = _paths(hidden, swapper.shot.name, number)[name]
            write_frame(path, picture, _compression(name, swapper.settings))
            files[str(path.relative_to(hidden))] = file_hash(path)
        return files

    with unfinished(folder) as hidden, closing(frames_in_order(numbers, write)) as finished:
        for number, files in finished:
            for file in files:
                show(hidden / file, folder / file)
            yield number, files


def _append_to_manifest(manifest: Path, number: int, recipe: str, files: Mapping[str, str]) -> None:
    line = {"schema": "manifest-1", "frame": number, "recipe": recipe, "files": files}
    append_line(manifest, json.dumps(line, separators=(",", ":")))


def _warn_of_inexact(compression: Compression, with_comp: bool) -> None:
    if with_comp and compression not in _EXACT_HALF:
        _LOGGER.warning(
            "Compression %s changes pixels: outside the matte the composites will only look like the plate, and the "
            "layers over the plate will not give them exactly. Set swap.compression=zips for that.",
            compression,
        )


def _compression(name: str, settings: SwapSettings) -> Compression:
    """As the settings say; a Cryptomatte's numbers must come back bit for bit, so it falls back to zips."""
    return settings.compression if name != "crypto" or settings.compression in _EXACT_FLOAT else "zips"


def _sequences(settings: SwapSettings, with_comp: bool) -> tuple[str, ...]:
    """Names of the sequences that a swap writes."""
    asked = {"face": True, "comp": with_comp, "crop": settings.crops, "crypto": settings.cryptomatte}
    return tuple(name for name, is_asked in asked.items() if is_asked)


def _paths(folder: Path, shot: str, number: int) -> dict[str, Path]:
    return {
        "face": folder / f"{shot}.{number:04d}.exr",
        "comp": folder / "comp" / f"{shot}_comp.{number:04d}.exr",
        "crop": folder / "crop" / f"{shot}_crop.{number:04d}.exr",
        "crypto": folder / "crypto" / f"{shot}_crypto.{number:04d}.exr",
    }


def _pattern(folder: Path, shot: str, name: str) -> str:
    path = _paths(folder, shot, 0)[name]
    return str(path.with_name(path.name.replace(".0000.", ".####.")))


def _is_done(folder: Path, shot: str, number: int, names: tuple[str, ...], alignments: Mapping[int, Alignment]) -> bool:
    """True when every picture of a frame is there; a frame without a face has no crop."""
    paths = _paths(folder, shot, number)
    return all(paths[name].is_file() for name in names if name != "crop" or number in alignments)


def _check_searched(swapper: Swapper, frames: tuple[int, ...]) -> None:
    """Raises when some frames were never searched for faces: an empty result would pass for "no face"."""
    missing, shot_name = tuple(number for number in frames if number not in swapper.searched), swapper.shot.name
    if missing:
        raise NoFaceError(
            f"Frame {format_frames(missing)} of shot '{shot_name}' was not searched for faces yet. "
            f"Run: understudy extract {shot_name} --identity NAME",
            shot=shot_name,
            frames=missing,
        )
