"""What a file or folder is: a plate, a project, a faceset, a model file, a folder of results, a preset."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from understudy.color import MIDDLE_GREY, ColorConfig
from understudy.errors import UnderstudyError
from understudy.faces.faceset import Faceset
from understudy.jobs.faceset_summary import CropSummary
from understudy.jobs.overview import describe_project
from understudy.plates import (
    Frame,
    Pixels,
    find_sequence,
    format_frames,
    read_frame,
    repaired,
    stored_as,
    timecode_text,
)
from understudy.settings.preset import load_preset, preset_names
from understudy.settings.project import ProjectFolder

__all__ = ["describe", "describe_faceset"]

_MOST_LOOKED_AT = 2_000_000
_MOST_FRAMES = 1_000_000


def describe(path: str) -> dict[str, Any]:
    """What lies at a path, as plain values; "kind" says which of the things it is.

    Raises:
        UnderstudyError: Nothing is there, or it is none of these.
    """
    place = Path(path)
    if path in preset_names() or place.suffix in (".yaml", ".yml"):
        return {"kind": "preset", **load_preset(path).model_dump(mode="json")}
    if place.suffix == ".safetensors":
        return _describe_model_file(place)
    if place.suffix in (".pt", ".onnx"):
        from understudy.model.inference import read_metadata

        return {**read_metadata(place), "kind": "exported network"}
    if place.is_dir():
        if ProjectFolder.is_at(place):
            return {"kind": "project", **describe_project(place)}
        if Faceset.exists(place):
            return {"kind": "faceset", **describe_faceset(place)}
        if (place / "snapshots").is_dir():
            from understudy.model.snapshot import newest_snapshot

            return _describe_model_file(newest_snapshot(place))
        if (place / "manifest.jsonl").is_file():
            from understudy.jobs.swap import read_manifest  # loads torch: two seconds that a plate need not wait

            known = read_manifest(place / "manifest.jsonl")
            files = sum(len(line["files"]) for line in known.values())
            return {"kind": "swap", "frames": format_frames(tuple(known)), "files": files}
        raise UnderstudyError(
            f"{place} is a folder, but neither a project, a faceset, a model nor a folder of results.", path=str(place)
        )
    return _describe_plate(path)


def describe_faceset(folder: Path) -> dict[str, Any]:
    """A faceset's size, shots and counts; sizes in the plate, poses, sharpness and exposure of crops not left out.

    Raises:
        FacesetError: There is none, or it is damaged.
    """
    faceset = Faceset.open(folder)
    used = {**faceset.learned, **faceset.held_out}
    return {
        "identity": faceset.identity,
        "size": faceset.size,
        "margin": faceset.margin,
        "ocio": faceset.config,
        "crops": len(faceset.records),
        "held_out": len(faceset.held_out),
        "left_out": len(faceset.curation.left_out & faceset.records.keys()),
        "unfinished": sum(shot not in faceset.shots for shot, _ in faceset.records),
        "shots": {
            shot: format_frames(tuple(frame for name, frame in faceset.records if name == shot))
            for shot in faceset.shots
        },
        "gains": {name: [round(gain, 4) for gain in shot.training.gains] for name, shot in faceset.shots.items()},
        "normalised": {name: shot.normalised for name, shot in faceset.shots.items()},
        **CropSummary(faceset.size, tuple(used.values())).to_json(),
    }


def _describe_plate(path: str) -> dict[str, Any]:
    plate = find_sequence(path)
    number = plate.numbers[0]
    first = plate.path(number)
    stored = stored_as(first, number)
    frame = read_frame(first, number=number)
    color = ColorConfig.load(None)
    guess = color.decide_plate_space(None, frame.metadata, frame.is_integer)
    is_one_shot = plate.numbers[-1] - plate.numbers[0] < _MOST_FRAMES
    holes = plate.missing(plate.span) if is_one_shot else ()
    return {
        "kind": "plate",
        "format": stored.format,
        "compression": stored.compression,
        "storage": stored.storage,
        "bits": f"{frame.bits} {'integer' if frame.is_integer else 'float'}",
        **{name: ", ".join(getattr(stored, name)) for name in ("parts", "views", "layers") if getattr(stored, name)},
        "frames": format_frames(plate.numbers),
        "count": len(plate.numbers),
        **({"holes": format_frames(holes)} if holes else {}),
        "first": str(first),
        "display_window": _window(frame.display_window),
        "data_window": _window(frame.data_window),
        "pixel_aspect": frame.pixel_aspect,
        "channels": ", ".join(frame.channels),
        "colorspace": f"{guess.name} ({guess.reason})",
        "losses": list(guess.losses),
        **_of_the_camera(frame.metadata),
        **_values(frame),
        "metadata": {name: str(value) for name, value in sorted(frame.metadata.items())},
    }


def _of_the_camera(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Timecode, rate, reel and camera, where the file says them."""
    found: dict[str, str] = {}
    timecode, rate = metadata.get("smpte:TimeCode"), metadata.get("FramesPerSecond")
    if timecode:
        found["timecode"] = timecode if isinstance(timecode, str) else timecode_text(timecode)
    if rate:
        found["rate"] = f"{rate[0] / max(rate[1], 1):.6g}" if isinstance(rate, tuple) else f"{rate:.6g}"
    if metadata.get("reelName"):
        found["reel"] = str(metadata["reelName"])
    camera = [str(metadata[name]) for name in ("cameraMake", "cameraModel", "Make", "Model") if metadata.get(name)]
    return {**found, **({"camera": " ".join(camera)} if camera else {})}


def _values(frame: Frame) -> dict[str, Any]:
    """The spread of the colour's values, from every pixel or, in a large frame, from some millions of them."""
    colours = frame.pixels[..., :3] if frame.channels[:3] == ("R", "G", "B") else frame.pixels[..., :1]
    step = max(1, round((colours.shape[0] * colours.shape[1] / _MOST_LOOKED_AT) ** 0.5))
    looked_at = colours[::step, ::step]
    values = looked_at[np.isfinite(looked_at)]
    broken = repaired(colours)[1]
    if not values.size:
        return {"values": f"{broken} pixels are not numbers"}
    median = float(np.median(values))
    lowest, highest = (_finite(colours, choose) for choose in (np.min, np.max))
    return {
        "values": f"{lowest:.4g} to {highest:.4g}, median {median:.4g}"
        + (f", {broken} pixels are not numbers" if broken else ""),
        "stops_from_grey": round(float(np.log2(max(median, 1e-6) / MIDDLE_GREY)), 2),
    }


def _finite(pixels: Pixels, choose: Callable[[Pixels], Any]) -> float:
    """The least or the greatest of the numbers among all values."""
    found = float(choose(pixels))
    return found if np.isfinite(found) else float(choose(pixels[np.isfinite(pixels)]))


def _describe_model_file(path: Path) -> dict[str, Any]:
    from understudy.jobs.card import MODEL_FILES, card_of
    from understudy.model.snapshot import WEIGHTS_SCHEMA, read_start
    from understudy.model.tensor_file import read_record, schema_of

    schema = schema_of(path, "model file")
    if schema.startswith("checkpoint-"):
        record = read_record(path, schema, "checkpoint")
        preset = record.get("preset")
        name = preset.get("name") if isinstance(preset, dict) else None
        return {"kind": "checkpoint", "iteration": record.get("iteration"), "preset": name}
    found = read_start(path)
    return {
        **{name: value for name, value in found.facts.items() if name != "alignment_template"},
        "kind": MODEL_FILES[schema == WEIGHTS_SCHEMA],
        "hash": found.hash,
        "weights": sum(weight.numel() for weight in found.weights.values()),
        **card_of(found.preset, found.facts, list(found.weights)),
    }


def _window(box: Any) -> str:
    return f"{box.width}x{box.height} at {box.left},{box.top}"
