"""Facesets: all crops of one identity, on disk.

    facesets/NAME/faceset.json          identity, size, margin, template, and each shot with its training space
    facesets/NAME/crops.jsonl           one line for each crop: alignment, landmarks, pose, size in the plate
    facesets/NAME/crops/SHOT.####.exr   the crop: RGB scene-linear in the working space, face.A, alignment in the header
    facesets/NAME.curation.json         what somebody decided about its crops (see `curation`)

Everything but the last is made from plates and can be made again. Several processes may write to one faceset, such as
a farm's: what rewrites a file holds the faceset's lock and begins with what is on disk.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from understudy.color import ColorConfig, TrainingSpace
from understudy.durable import append_line, write_text
from understudy.errors import FacesetError, PlateError, WriteError
from understudy.faces.alignment import is_template, native_px, template
from understudy.faces.crop import FaceCrop
from understudy.faces.curation import NOTHING_DECIDED, CropKey, Curation, read_curation
from understudy.faces.face import Alignment
from understudy.faces.quality import Measures, exposure_stops, measure_crop
from understudy.lock import ProcessLock
from understudy.plates import Frame, read_frame, write_frame

__all__ = ["CropRecord", "Faceset", "LoadedCrop", "Normalisation", "ShotOfFaceset"]

_SCHEMA = "faceset-1"
_CHANNELS = ("R", "G", "B", "face.A")
_MOST_WAIT_S = 60.0


@dataclass(frozen=True, eq=False)
class CropRecord:
    """One crop, without its pixels.

    Attributes:
        shot: Which shot it was taken from.
        alignment: Frame, alignment, landmarks, confidence and pose.
        native_px: Plate pixels that the model's square spans there.
        face_rgb: Median colour inside the core matte: AP1, scene-linear.
        stamp: What it was made from and how; another stamp means that it must be made again.
        measures: Sharpness and look; None for a crop from before they were kept, which the next extract makes again.
        file_bytes: Of the picture: another size is another, or a broken, file. 0 where it was not kept yet.
    """

    shot: str
    alignment: Alignment
    native_px: float
    face_rgb: tuple[float, float, float]
    stamp: str
    measures: Measures | None = None
    file_bytes: int = 0

    @property
    def frame(self) -> int:
        """The frame's number."""
        return self.alignment.frame

    @property
    def key(self) -> CropKey:
        """Shot and frame: a faceset holds one crop of each."""
        return self.shot, self.frame

    @property
    def exposure(self) -> float:
        """Stops of the face's median above middle grey, in the plate's light."""
        return exposure_stops(self.face_rgb)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "shot": self.shot,
            "frame": self.frame,
            "aligned_from_plate": self.alignment.aligned_from_plate.tolist(),
            "landmarks": np.round(self.alignment.landmarks_plate, 3).tolist(),
            "confidence": round(self.alignment.confidence, 4),
            "pose": [round(angle, 2) for angle in self.alignment.pose],
            "native_px": round(self.native_px, 1),
            "face_rgb": list(self.face_rgb),
            "stamp": self.stamp,
            "file_bytes": self.file_bytes,
            **(self.measures.to_json() if self.measures else {}),
        }

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> CropRecord:
        """The record that `to_json` wrote."""
        transform = np.asarray(values["aligned_from_plate"], np.float64)
        landmarks = np.asarray(values["landmarks"], np.float64)
        if transform.shape != (2, 3) or landmarks.shape != (478, 2):
            raise ValueError("an alignment is 2x3 and a face has 478 landmarks")
        yaw, pitch, roll = (float(angle) for angle in values["pose"])
        red, green, blue = (float(value) for value in values["face_rgb"])
        alignment = Alignment(
            int(values["frame"]), transform, landmarks, float(values["confidence"]), (yaw, pitch, roll)
        )
        return CropRecord(
            str(values["shot"]),
            alignment,
            float(values["native_px"]),
            (red, green, blue),
            str(values["stamp"]),
            Measures.from_json(values),
            int(values.get("file_bytes", 0)),
        )


@dataclass(frozen=True, eq=False)
class LoadedCrop:
    """A crop read back.

    Attributes:
        pixels: (S, S, 3) float32 RGB, scene-linear AP1, unbounded.
        matte: (S, S) float32 0..1, soft.
    """

    pixels: npt.NDArray[np.float32]
    matte: npt.NDArray[np.float32]


@dataclass(frozen=True)
class ShotOfFaceset:
    """What all crops of one shot share.

    Attributes:
        space: The plate's colour space, in the project's config.
        training: The training space whose gains bring this shot's faces to grey.
        normalised: Where the gains come from, in words.
    """

    space: str
    training: TrainingSpace
    normalised: str = "measured on the faces"


@dataclass(frozen=True)
class Normalisation:
    """How a shot's faces are brought to grey.

    Attributes:
        white_balance: Measure and normalise each channel, not luminance alone, where `balance` is not given.
        exposure: Stops by hand; measured when None.
        balance: Gains of R, G and B by hand, before the exposure.
    """

    white_balance: bool
    exposure: float | None = None
    balance: tuple[float, float, float] | None = None

    @property
    def words(self) -> str:
        """Where the gains come from."""
        exposure = "exposure measured on the faces" if self.exposure is None else f"exposure {self.exposure:+g} by hand"
        if self.balance is not None:
            return f"{exposure}, white balance by hand"
        return f"{exposure}, white balance {'measured on the faces' if self.white_balance else 'left alone'}"

    def space_of(self, face_rgb: tuple[float, float, float]) -> TrainingSpace:
        """The training space of a shot whose faces have this median colour, AP1 scene-linear.

        Raises:
            ColorError: The colour is not positive where it must be measured.
        """
        return TrainingSpace.normalising(face_rgb, self.white_balance, self.exposure, self.balance)


@dataclass(frozen=True)
class Faceset:
    """All crops of one identity.

    Attributes:
        folder: Where it lies.
        identity: Whose face.
        size: Side of the model's square in pixels of the crop.
        margin: What crops show beyond it on each side, as a share of `size`.
        config: Name of the OCIO config whose working space the crops are in.
        shots: By name.
        records: By shot and frame: all crops, whatever was decided about them.
        curation: What somebody decided about them.
    """

    folder: Path
    identity: str
    size: int
    margin: float
    config: str
    shots: Mapping[str, ShotOfFaceset] = field(default_factory=dict)
    records: Mapping[CropKey, CropRecord] = field(default_factory=dict, repr=False)
    curation: Curation = field(default=NOTHING_DECIDED, repr=False)

    @property
    def learned(self) -> dict[CropKey, CropRecord]:
        """The crops that training sees: of finished shots, neither left out nor held out."""
        held_out = self.curation.held_out
        return {key: record for key, record in self._usable().items() if key not in held_out}

    @property
    def held_out(self) -> dict[CropKey, CropRecord]:
        """The crops that training does not see and is measured on: of finished shots, held out and not left out."""
        held_out = self.curation.held_out
        return {key: record for key, record in self._usable().items() if key in held_out}

    def _usable(self) -> dict[CropKey, CropRecord]:
        """A shot whose extraction was stopped has no training space yet."""
        left_out = self.curation.left_out
        return {key: one for key, one in self.records.items() if key[0] in self.shots and key not in left_out}

    @staticmethod
    def exists(folder: Path) -> bool:
        """True when a faceset was finished there."""
        return (folder / "faceset.json").is_file()

    @staticmethod
    def open(folder: Path) -> Faceset:
        """A faceset on disk.

        Raises:
            FacesetError: There is none, or its files are damaged.
        """
        if not Faceset.exists(folder):
            raise FacesetError(
                f"There is no faceset in {folder}. Make it with: understudy extract SHOT --identity {folder.name}",
                path=str(folder),
            )
        try:
            values = json.loads((folder / "faceset.json").read_text(encoding="utf-8"))
            if values["schema"] != _SCHEMA:
                raise ValueError(f"its schema is {values['schema']}, and this version reads {_SCHEMA}")
            shots = {name: _shot_from_json(shot) for name, shot in values["shots"].items()}
            faceset = Faceset(
                folder,
                str(values["identity"]),
                int(values["size"]),
                float(values["margin"]),
                str(values["ocio"]),
                shots,
            )
            is_aligned_alike = is_template(values["template"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise FacesetError(
                f"{folder / 'faceset.json'} is damaged ({error}). Delete {folder} and run extract again.",
                path=str(folder),
            ) from error
        if not is_aligned_alike:
            raise FacesetError(
                f"The faces of faceset '{faceset.identity}' were aligned by an earlier version, unlike new ones. "
                f"Delete {folder} and run extract again; it is made from the plates.",
                path=str(folder),
            )
        return faceset.with_records_on_disk()

    def on_disk(self) -> Faceset:
        """This faceset as it is on disk now; what other processes have added is in it."""
        return Faceset.open(self.folder) if Faceset.exists(self.folder) else self.with_records_on_disk()

    def with_records_on_disk(self) -> Faceset:
        """This faceset with the lines of its `crops.jsonl`, and what was decided about them.

        A line cut short by a kill is left out.

        Raises:
            FacesetError: The file of decisions is damaged.
        """
        path = self.folder / "crops.jsonl"
        records: dict[CropKey, CropRecord] = {}
        for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
            with contextlib.suppress(ValueError, KeyError, TypeError):
                record = CropRecord.from_json(json.loads(line))
                records[record.key] = record
        return replace(self, records=dict(sorted(records.items())), curation=read_curation(self.folder))

    def expect_config(self, name: str) -> None:
        """Returns when the crops are in the working space of this OCIO config.

        Raises:
            FacesetError: They were made with another one.
        """
        if self.config != name:
            raise FacesetError(
                f"Faceset '{self.identity}' was made with OCIO config '{self.config}', and the project names "
                f"'{name}'. Delete {self.folder} and extract again.",
                path=str(self.folder),
            )

    def crop_path(self, shot: str, frame: int) -> Path:
        """Where a crop lies."""
        return self.folder / "crops" / f"{shot}.{frame:04d}.exr"

    def holds(self, shot: str, frame: int, stamp: str) -> bool:
        """True when this crop is there, whole, was made just so, and was measured."""
        record, path = self.records.get((shot, frame)), self.crop_path(shot, frame)
        if record is None or record.stamp != stamp or record.measures is None or not path.is_file():
            return False
        return not record.file_bytes or path.stat().st_size == record.file_bytes

    def write_crop(self, shot: str, crop: FaceCrop, stamp: str, color: ColorConfig) -> None:
        """Writes a crop and then its line.

        Raises:
            WriteError: A file cannot be written.
        """
        alignment, soft = crop.alignment, crop.mattes.soft
        record = CropRecord(
            shot,
            alignment,
            native_px(alignment.aligned_from_plate),
            crop.face_rgb,
            stamp,
            measure_crop(crop.pixels, soft, crop.margin),
        )
        pixels = np.dstack([color.working_from_ap1(crop.pixels), soft])
        frame = Frame.of(pixels, _CHANNELS, self._attributes(record, crop, color))
        path = self.crop_path(shot, alignment.frame)
        write_frame(path, frame)
        self.add_record(replace(record, file_bytes=path.stat().st_size))

    def add_record(self, record: CropRecord) -> None:
        """Adds the line of a crop whose picture is there.

        Raises:
            WriteError: The file cannot be written.
            FacesetError: Another process holds the faceset and does not let go.
        """
        line = json.dumps(record.to_json(), separators=(",", ":"))
        with self.sole_writer():
            append_line(self.folder / "crops.jsonl", line)

    def _attributes(self, record: CropRecord, crop: FaceCrop, color: ColorConfig) -> dict[str, str | int | float]:
        """What a crop's header says: enough to know it, and to put it back, when it is found alone."""
        return {
            "understudy/schema": "crop-1",
            "understudy/identity": self.identity,
            "understudy/shot": record.shot,
            "understudy/frame": record.frame,
            "understudy/cropFromPlate": " ".join(f"{value:.12g}" for value in crop.crop_from_plate.ravel()),
            "understudy/pose": " ".join(f"{angle:.2f}" for angle in record.alignment.pose),
            "understudy/confidence": round(record.alignment.confidence, 4),
            "understudy/nativePx": round(record.native_px, 1),
            "understudy/modelSize": crop.size,
            "understudy/margin": crop.margin,
            "understudy/colorspace": color.working,
            "understudy/ocioConfig": color.name,
        }

    def read_crop(self, record: CropRecord, color: ColorConfig) -> LoadedCrop:
        """A crop's pixels.

        Raises:
            FacesetError: The file is missing or broken.
        """
        path = self.crop_path(record.shot, record.frame)
        try:
            frame = read_frame(path)
        except PlateError as error:
            raise FacesetError(
                f"Crop {path} is missing or broken. Delete it if it is there, and make it again with: "
                f"understudy extract {record.shot} --identity {self.identity}",
                path=str(path),
            ) from error
        return LoadedCrop(color.ap1_from_working(frame.rgb()), frame.channel("face.A"))

    def finished_shot(
        self, shot: str, space: str, frames: frozenset[int], normalisation: Normalisation, stamps: Mapping[int, str]
    ) -> Faceset:
        """This faceset on disk with one shot in order: its training space, and no crops that are no longer wanted.

        Args:
            shot: The shot that was extracted.
            space: Its plate's colour space.
            frames: The frames that were asked for; crops of the shot's other frames stay.
            normalisation: How the shot's faces are brought to grey.
            stamps: Stamp of each crop that belongs to these frames.

        Raises:
            FacesetError: No crop of the shot is left.
            WriteError: A file cannot be written.
        """
        with self.sole_writer():
            now = self.on_disk()
            unwanted = {
                key
                for key, record in now.records.items()
                if key[0] == shot and key[1] in frames and stamps.get(key[1]) != record.stamp
            }
            records = {key: record for key, record in now.records.items() if key not in unwanted}
            own = [record.face_rgb for key, record in records.items() if key[0] == shot]
            if not own:
                raise FacesetError(f"No face of shot '{shot}' is left for faceset '{self.identity}'.", shot=shot)
            red, green, blue = np.median(np.array(own), axis=0).tolist()
            entry = ShotOfFaceset(space, normalisation.space_of((red, green, blue)), normalisation.words)
            return now._replaced_by(replace(now, shots={**now.shots, shot: entry}, records=records))

    def without_crops(self, shot: str, frames: frozenset[int]) -> Faceset:
        """This faceset on disk without the crops of some frames of a shot, and without a shot that has none left.

        Nothing is written where there are none.

        Raises:
            WriteError: A file cannot be written.
        """
        with self.sole_writer():
            now = self.on_disk()
            records = {key: record for key, record in now.records.items() if key[0] != shot or key[1] not in frames}
            if len(records) == len(now.records):
                return now
            is_left = any(name == shot for name, _ in records)
            shots = {name: entry for name, entry in now.shots.items() if name != shot or is_left}
            return now._replaced_by(replace(now, shots=shots, records=records))

    def with_shots(self, shots: Mapping[str, ShotOfFaceset]) -> Faceset:
        """This faceset on disk with more shots, whose crops are still to come.

        Raises:
            WriteError: A file cannot be written.
        """
        with self.sole_writer():
            now = self.on_disk()
            return now._replaced_by(replace(now, shots={**now.shots, **shots}))

    @contextlib.contextmanager
    def sole_writer(self) -> Iterator[None]:
        """No other process writes to this faceset's records inside; where the disk knows no locks, nobody keeps watch.

        Raises:
            FacesetError: Another one does for more than a minute.
            WriteError: The folder cannot be written.
        """
        lock = ProcessLock(self.folder / ".lock")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            is_held = lock.take(_MOST_WAIT_S)
        except OSError as error:
            raise WriteError(f"{self.folder} cannot be written: {error.strerror or error}.") from error
        if not is_held and not lock.fault:
            raise FacesetError(
                f"Process {lock.said()} has been writing to {self.folder} for a minute. Wait for it, or end it.",
                path=str(self.folder),
            )
        try:
            yield
        finally:
            lock.release()

    def _replaced_by(self, other: Faceset) -> Faceset:
        """The other faceset, on disk; crops that it does not hold are deleted."""
        other.save()
        for key in set(self.records) - set(other.records):
            with contextlib.suppress(OSError):
                self.crop_path(*key).unlink(missing_ok=True)
        return other

    def save(self) -> None:
        """Writes `crops.jsonl` in order, and `faceset.json`.

        Raises:
            WriteError: A file cannot be written.
        """
        lines = [json.dumps(record.to_json(), separators=(",", ":")) for _, record in sorted(self.records.items())]
        write_text(self.folder / "crops.jsonl", "".join(f"{line}\n" for line in lines))
        shots = {
            name: {
                "space": shot.space,
                "training_space": shot.training.to_json(),
                "exposure": round(shot.training.exposure, 3),
                "normalised": shot.normalised,
            }
            for name, shot in self.shots.items()
        }
        values = {
            "schema": _SCHEMA,
            "identity": self.identity,
            "size": self.size,
            "margin": self.margin,
            "ocio": self.config,
            "template": np.round(template(), 6).tolist(),
            "shots": shots,
        }
        write_text(self.folder / "faceset.json", json.dumps(values, indent=1) + "\n")


def _shot_from_json(values: Mapping[str, Any]) -> ShotOfFaceset:
    """What `Faceset.save` wrote of a shot; early facesets do not say where their gains come from."""
    training = TrainingSpace.from_json(values["training_space"])
    return ShotOfFaceset(str(values["space"]), training, str(values.get("normalised", ShotOfFaceset.normalised)))
