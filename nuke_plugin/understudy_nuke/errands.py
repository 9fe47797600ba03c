"""What the buttons ask of the engine: the jobs of each, in order, and what their results become in the node."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nuke

from understudy_nuke import deliver
from understudy_nuke._engine import client
from understudy_nuke._engine.errors import SettingsError
from understudy_nuke.color import read_in, result_colorspace
from understudy_nuke.frames import parsed_frames
from understudy_nuke.knobs import Asked, log, plain, show
from understudy_nuke.plate import read_plate_color

__all__ = ["ERRANDS", "FROM_PLATE", "Errand", "Step", "check_asked"]

Results = Mapping[str, Any]

_LABELS = {
    "project": ("Project folder", "Shot"),
    "shot": ("Shot", "Shot"),
    "plate": ("Plate", "Shot"),
    "target": ("Target identity", "Faces"),
    "model": ("Model", "Train"),
}
FROM_PLATE = ("plate", "shot")
"""What is taken from the plate where the artist has not filled it in."""

_TCL = "[]$%#\\"
_NOBODY = "-"
"""The engine's word for a face that is no identity's."""


@dataclass(frozen=True)
class Step:
    """One job.

    Attributes:
        kind: Of the job.
        submit: Starts it, or returns None when there is nothing to do; called in a thread.
        finish: Puts its results into the node; called in the main thread.
    """

    kind: str
    submit: Callable[[client.Engine, Asked], client.Job | None]
    finish: Callable[[nuke.Node, Asked, Results], None]


@dataclass(frozen=True)
class Errand:
    """What a button does.

    Attributes:
        name: Of the button.
        title: For sentences.
        line: The knob that shows how far it is.
        needs: Names of `Asked` that must be filled in.
        steps: Its jobs.
        frames: Which frames of a rendered plate it needs: "all", "one" or "".
        shows_end: False when the last step leaves something better in the line's knob than that it ended.
        takes_tracks: True when it takes the artist's tracks as they are now; else those taken before go on.
    """

    name: str
    title: str
    line: str
    needs: tuple[str, ...]
    steps: tuple[Step, ...]
    frames: str = ""
    shows_end: bool = True
    takes_tracks: bool = False


def check_asked(errand: Errand, asked: Asked, but: tuple[str, ...] = ()) -> None:
    """Returns when everything that the errand needs is filled in, except for what `but` names.

    Raises:
        SettingsError: Something is not, or cannot be meant; and where.
    """
    for name in errand.needs:
        if name not in but and not getattr(asked, name):
            label, tab = _LABELS[name]
            raise SettingsError(f"{errand.title}: fill in '{label}' (tab {tab}) first.")
    unfit = [letter for letter in _TCL if letter in asked.project]
    if unfit:
        raise SettingsError(
            f"The project folder {asked.project} has a '{unfit[0]}' in its name, which Nuke would not read as it "
            "stands. Take a folder without."
        )
    if asked.project and not Path(asked.project).is_absolute():
        raise SettingsError(
            f"The project folder '{asked.project}' must be a whole path, since the engine runs in another folder."
        )


def _submit_shot(engine: client.Engine, asked: Asked) -> client.Job:
    return engine.shot(
        asked.project,
        asked.shot,
        plate=asked.plate,
        frames=asked.frames or asked.range,
        colorspace=asked.colorspace or None,
        layer=asked.layer or None,
        tracks=asked.tracks or None,
        matte=_matte(asked),
        make_project=True,
        ocio=asked.ocio or None,
    )


def _matte(asked: Asked) -> dict[str, Any] | None:
    """The artist's matte in the engine's words; None without one, so that the shot has none."""
    if not asked.matte:
        return None
    channel = {"channel": asked.matte_channel} if asked.matte_channel else {}
    return {
        "path": asked.matte,
        "shows_occluder": asked.matte_occludes,
        "missing": asked.matte_missing,
        **channel,
    }


def _finish_shot(node: nuke.Node, _asked: Asked, results: Results) -> None:
    """Says which space the plate is in, and sets how the result is read."""
    losses = "".join(f"\n  {loss}" for loss in results["losses"])
    show(node, {"colorspace_line": plain(f"{results['colorspace']}: {results['reason']}")})
    if losses:
        log(node, f"Colour of the plate, {results['colorspace']}:{losses}")
    script, plate = read_plate_color(node)
    wanted = result_colorspace(script, plate, results["colorspace"], results["result_colorspace"])
    show(node, {"result_colorspace": wanted})
    if not read_in(node.node("ResultRead"), wanted):  # no expression can choose a space by its name
        log(node, f"The result is in {wanted}, which is not in this script's menus: set ResultRead, inside the node.")


def _submit_identity(engine: client.Engine, asked: Asked) -> client.Job | None:
    """Adds the identity when it is new; one that is there keeps its role and its consent."""
    project = engine.describe(asked.project).wait()
    known = [identity["name"] for identity in project.results.get("identities", ())]
    return None if asked.target in known else engine.identity(asked.project, asked.target, "target")


def _finish_identity(node: nuke.Node, asked: Asked, _results: Results) -> None:
    log(node, f"Added '{asked.target}' to the project, as a target identity.")


def _submit_extract(engine: client.Engine, asked: Asked) -> client.Job:
    return engine.extract(asked.project, asked.shot, asked.target, preset=asked.preset or None)


def _finish_extract(_node: nuke.Node, _asked: Asked, _results: Results) -> None:
    """The next step tells what was found."""


def _submit_faces(engine: client.Engine, asked: Asked) -> client.Job:
    return engine.faces(asked.project, asked.shot, sheet=True)


def _finish_faces(node: nuke.Node, _asked: Asked, results: Results) -> None:
    show(node, {"faces_report": plain(faces_report(results))})


def _submit_assign(engine: client.Engine, asked: Asked) -> client.Job:
    return engine.faces(asked.project, asked.shot, assign={_track(asked): asked.target})


def _submit_unassign(engine: client.Engine, asked: Asked) -> client.Job:
    return engine.faces(asked.project, asked.shot, assign={_track(asked): _NOBODY})


def _track(asked: Asked) -> str:
    """The number of the face that is meant: the engine counts from the largest on."""
    return str(asked.track or 1)


def _submit_train(engine: client.Engine, asked: Asked) -> client.Job:
    return engine.train(
        asked.project,
        asked.model,
        preset=asked.preset or None,
        source=asked.source or None,
        target=asked.target or None,
        minutes=asked.minutes or None,
        init_from=[asked.init_from] if asked.init_from else (),
    )


def _finish_train(node: nuke.Node, _asked: Asked, results: Results) -> None:
    loss = f", loss {results['loss']:.4f}" if results.get("loss") is not None else ""
    show(node, {"train_line": plain(f"iteration {results['iteration']}{loss}: {results['because']}")})


def _submit_swap(engine: client.Engine, asked: Asked) -> client.Job:
    return engine.swap(asked.project, asked.shot, asked.model, frames=asked.range)


def _finish_swap(node: nuke.Node, _asked: Asked, results: Results) -> None:
    without = f" No face in {results['without_face']}." if results["without_face"] else ""
    parts = [f"{results[name]} {name}" for name in ("written", "kept") if results[name]]
    _show_result(node, results["patterns"][0], parsed_frames(results["written"]) + parsed_frames(results["kept"]))
    show(node, {"swap_line": plain(f"{', '.join(parts)}.{without}")})


def _show_result(node: nuke.Node, pattern: str, frames: list[int]) -> None:
    """Makes the node read a sequence; a further frame of the one that it reads already widens the range."""
    wanted = nuke_pattern(pattern)
    first, last = int(node["result_first"].value()), int(node["result_last"].value())
    if str(node["result"].value() or "") == wanted and first <= last:
        frames = [*frames, first, last]
    show(node, {"result": wanted, "result_first": min(frames), "result_last": max(frames)})


def _submit_preview(engine: client.Engine, asked: Asked) -> client.Job:
    return engine.preview(asked.project, asked.shot, asked.model, asked.frame)


def _finish_preview(node: nuke.Node, asked: Asked, results: Results) -> None:
    path = Path(results["exr"])
    base = path.name.rsplit(".", 2)[0]
    line = f"Frame {asked.frame} is a preview by {asked.model}; all frames come with 'Swap range'."
    _show_result(node, f"{path.parent}/{base}.####.exr", [asked.frame])
    show(node, {"swap_line": plain(line)})


def _submit_deliver(engine: client.Engine, asked: Asked) -> client.Job:
    return engine.deliver(asked.project, asked.shot, model=asked.model or None)


def _submit_maps(engine: client.Engine, asked: Asked) -> client.Job:
    """Apart from the results: with other layers they would all be written anew."""
    out = Path(asked.project) / "swaps" / asked.shot / "deliver"
    overrides = ("swap.st_map=true", "swap.crops=true")
    return engine.swap(asked.project, asked.shot, asked.model, frames=asked.range, out=out, overrides=overrides)


def faces_report(results: Results) -> str:
    """What was found in a shot, in lines."""
    lines = [
        f"face {track['track']}{_whose(track)}: frames {track['frames']}, {track['height_px']:g} px high in the plate"
        for track in results["tracks"]
    ] or ["no face was found"]
    if results["more_tracks"]:
        lines.append(f"and {results['more_tracks']} smaller ones")
    if results["without_face"]:
        lines.append(f"no face in {results['without_face']}")
    sizes = results["native_px"]
    if sizes:
        span = f"{sizes['smallest']:.0f} to {sizes['largest']:.0f} px, median {sizes['median']:.0f}"
        lines.append(f"native size of the crop: {span}")
    for crops in results["facesets"]:
        few = f", {crops['enlarged']} of them enlarged" if crops["enlarged"] else ""
        lines.append(f"{crops['identity']}: {crops['crops']} crops of {crops['size']} px{few}")
    if results["sheet"]:
        lines.append(f"sheet: {results['sheet']}")
    return "\n".join(lines)


def _whose(track: Mapping[str, Any]) -> str:
    """Whose a track was said to be."""
    name = track.get("identity")
    return " (nobody's)" if name == _NOBODY else f" ({name})" if name else ""


def nuke_pattern(pattern: str) -> str:
    """A pattern of the engine as Nuke writes it."""
    return Path(pattern).as_posix().replace("####", "%04d")


_SHOT = Step("shot", _submit_shot, _finish_shot)
_IDENTITY = Step("identity", _submit_identity, _finish_identity)
_EXTRACT = Step("extract", _submit_extract, _finish_extract)
_FACES = Step("faces", _submit_faces, _finish_faces)
_FOR_SHOT = ("project", "shot", "plate")
_FOR_FACES = (*_FOR_SHOT, "target")
_FOR_SWAP = (*_FOR_SHOT, "model")


def _assign_errand(name: str, title: str, submit: Callable[[client.Engine, Asked], client.Job]) -> Errand:
    """Says whose a face is, and cuts the target's crops anew where they are another's now."""
    steps = (_SHOT, _IDENTITY, Step("faces", submit, _finish_faces), _EXTRACT, _FACES)
    return Errand(name, title, "faces_report", _FOR_FACES, steps, frames="all", shows_end=False)


def _deliver_errand(name: str, title: str, step: Step) -> Errand:
    needs = _FOR_SWAP if step.kind == "swap" else _FOR_SHOT
    return Errand(name, title, "swap_line", needs, (_SHOT, step), frames="all")


ERRANDS: Mapping[str, Errand] = {
    errand.name: errand
    for errand in (
        Errand(
            "find_faces",
            "Find faces",
            "faces_report",
            _FOR_FACES,
            (_SHOT, _IDENTITY, _EXTRACT, _FACES),
            frames="all",
            shows_end=False,
            takes_tracks=True,
        ),
        _assign_errand("assign", "This is the target", _submit_assign),
        _assign_errand("unassign", "Not the target", _submit_unassign),
        Errand(
            "train",
            "Train",
            "train_line",
            ("project", "model"),
            (Step("train", _submit_train, _finish_train),),
            shows_end=False,
        ),
        Errand(
            "swap_range",
            "Swap range",
            "swap_line",
            _FOR_SWAP,
            (_SHOT, Step("swap", _submit_swap, _finish_swap)),
            frames="all",
            shows_end=False,
        ),
        Errand(
            "swap_frame",
            "Swap frame",
            "swap_line",
            _FOR_SWAP,
            (_SHOT, Step("preview", _submit_preview, _finish_preview)),
            frames="one",
            shows_end=False,
        ),
        _deliver_errand("deliver_cornerpin", "Corner pin", Step("deliver", _submit_deliver, deliver.paste_corner_pin)),
        _deliver_errand("deliver_tracker", "Tracker", Step("deliver", _submit_deliver, deliver.paste_tracker)),
        _deliver_errand("deliver_stmap", "ST map", Step("swap", _submit_maps, deliver.make_st_map)),
        _deliver_errand("deliver_crop", "Crop", Step("swap", _submit_maps, deliver.make_crop_read)),
    )
}
"""Every button that needs the engine, by its name."""
