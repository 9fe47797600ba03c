"""The report on a faceset: one page of HTML that a supervisor reads, with nothing to load from anywhere.

Histograms are SVG in the page, pictures are data URIs. It has no script.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

from understudy import __version__
from understudy.color import ColorConfig
from understudy.durable import write_text
from understudy.faces.coverage import PITCHES, YAWS, PoseCell
from understudy.faces.face import read_found_frames
from understudy.faces.faceset import CropRecord, Faceset
from understudy.jobs.faceset_gaps import Gap, gaps_of_project
from understudy.jobs.faceset_sheet import crop_pictures, showpiece
from understudy.jobs.faceset_summary import CropSummary, Spread
from understudy.jobs.shot import config_of
from understudy.plates import format_frames
from understudy.settings.project import ProjectFolder
from understudy.sheet import Picture

__all__ = ["REPORT_NAME", "write_report"]

REPORT_NAME = "report.html"
"""In the faceset's folder."""

_WIDTH = 96
_WORST = 10
_JPEG_QUALITY = 82
_MOST_LETTERS = 400

_STYLE = """
body{font:14px/1.45 system-ui,sans-serif;color:#1d2129;background:#fff;max-width:1160px;margin:24px auto;padding:0 20px}
h1{font-size:24px;margin:0}h2{font-size:17px;margin:28px 0 8px;border-bottom:1px solid #d5d8de;padding-bottom:4px}
p,figure{margin:6px 0}.quiet{color:#667}.bad{color:#a4390b}
table{border-collapse:collapse}td,th{padding:3px 12px 3px 0;text-align:right;vertical-align:top}
th{font-weight:600;border-bottom:1px solid #d5d8de}td:first-child,th:first-child{text-align:left}
.plots{display:flex;flex-wrap:wrap;gap:24px}.row{display:flex;flex-wrap:wrap;gap:6px}
.row figure{width:96px;margin:4px 4px}figcaption{font-size:12px;color:#445;text-align:center;overflow-wrap:anywhere}
.row img{display:block;width:96px;height:96px}
.grid td,.grid th{padding:1px;text-align:center;vertical-align:middle;font-size:12px;border:0}
.cell{position:relative;width:88px;height:88px;
background:repeating-linear-gradient(45deg,#eceef1 0 6px,#f7f8f9 6px 12px)}
.cell img{width:88px;height:88px;display:block}.cell span{position:absolute;right:2px;bottom:2px;font-size:11px;
background:#000a;color:#fff;padding:0 4px;border-radius:3px}.need{outline:3px solid #e0571b;outline-offset:-3px}
@media print{body{margin:0;max-width:none}h2{break-after:avoid}}
"""


@dataclass(frozen=True)
class _Searched:
    """What is known of a shot's frames.

    Attributes:
        searched: How many were searched for faces.
        without_face: Those that hold no face.
        without_crop: Those that hold a face, but of which the faceset has no crop.
    """

    searched: int
    without_face: tuple[int, ...]
    without_crop: tuple[int, ...]


def write_report(folder: ProjectFolder, identity: str) -> Path:
    """Writes the report on an identity's faceset, `facesets/NAME/report.html`, whole or not at all.

    Args:
        folder: The project.
        identity: Whose faceset.

    Raises:
        FacesetError: There is no faceset.
        PlateError: A crop cannot be read.
        WriteError: The page cannot be written.
    """
    faceset, color = Faceset.open(folder.faceset(identity)), config_of(folder)
    records = tuple((faceset.learned | faceset.held_out).values())
    summary = CropSummary(faceset.size, records)
    gaps = gaps_of_project(folder, identity)
    pictures = _pictures(faceset, color, summary)
    role = folder.identity(identity).role
    parts = (
        f"<h1>Faceset {escape(identity)}</h1>",
        f'<p class="quiet">{role} identity, crops of {faceset.size} px in {escape(color.working)} of '
        f"{escape(faceset.config)}; Understudy {__version__}</p>",
        _headline(faceset, summary),
        *_gaps_part(gaps, role),
        *_shots_part(folder, faceset),
        "<h2>How large, how sharp, how bright</h2>",
        f'<div class="plots">{_size_plot(summary)}{_sharpness_plot(summary)}{_exposure_plot(summary)}</div>',
        "<h2>Head poses: yaw across, pitch up</h2>",
        _pose_grid(summary, pictures, {gap.pose for gap in gaps if gap.pose} if role == "source" else set()),
        *_worst_part(summary, pictures),
    )
    page = (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Faceset {escape(identity)}</title>\n'
        f"<style>{_STYLE}</style></head><body>\n" + "\n".join(parts) + "\n</body></html>\n"
    )
    path = faceset.folder / REPORT_NAME
    write_text(path, page)
    return path


def _headline(faceset: Faceset, summary: CropSummary) -> str:
    count, full = len(summary.records), summary.full_quality
    said = [f"<b>{count}</b> crops", f"<b>{full}</b> of full {faceset.size} px quality, {count - full} enlarged"]
    if faceset.held_out:
        said.append(f"{len(faceset.held_out)} of them held out of training")
    left_out = len(faceset.curation.left_out & faceset.records.keys())
    if left_out:
        said.append(f"{left_out} more left out by hand")
    if summary.unmeasured:
        said.append(f"{summary.unmeasured} not measured for sharpness: extract once more")
    return f"<p>{'; '.join(said)}.</p>"


def _gaps_part(gaps: Sequence[Gap], role: str) -> list[str]:
    if not gaps:
        return []
    title = (
        "What the shots need and this faceset lacks" if role == "source" else "What the source identities lack for it"
    )
    return [f"<h2>{title}</h2>", *(f'<p class="bad">{escape(gap.sentence)}</p>' for gap in gaps)]


def _shots_part(folder: ProjectFolder, faceset: Faceset) -> list[str]:
    head = ("shot", "searched", "crops", "full", "plate px", "sharpness", "stops", "gains")
    rows, notes = [], []
    for shot, entry in faceset.shots.items():
        own = CropSummary(faceset.size, tuple(one for key, one in faceset.records.items() if key[0] == shot))
        searched = _searched(folder, shot, own.records)
        rows.append(
            (
                shot,
                str(searched.searched or "-"),
                str(len(own.records)),
                str(own.full_quality),
                _spread(own.native, 0),
                _spread(own.sharpness, 2),
                _spread(own.exposure, 1),
                " ".join(f"{gain:.2f}" for gain in entry.training.gains),
            )
        )
        for numbers, what in ((searched.without_face, "no face"), (searched.without_crop, "a face, but no crop")):
            if numbers:
                notes.append(f"<p>{escape(shot)}: {what} in {len(numbers)} frames: {_frames(numbers)}</p>")
    table = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    header = "".join(f"<th>{cell}</th>" for cell in head)
    missing = notes or ['<p class="quiet">Every frame that was searched has a crop.</p>']
    return [
        "<h2>Shots</h2>",
        f"<table><tr>{header}</tr>{table}</table>",
        '<p class="quiet">Least / middle / most. Full: crops that were not enlarged. Sharpness: the share of the '
        "crop's detail that is there. Stops: the face above middle grey. Gains: what brings it there.</p>",
        "<h2>Frames without a crop</h2>",
        *missing,
    ]


def _searched(folder: ProjectFolder, shot: str, records: Iterable[CropRecord]) -> _Searched:
    """From the shot's `faces.jsonl`; nothing is known of a shot that came from another project."""
    found = read_found_frames(folder.faces_file(shot)) if shot in folder.project.shots else {}
    cropped = {record.frame for record in records}
    missing = [number for number in found if number not in cropped]
    return _Searched(
        len(found),
        tuple(number for number in missing if not found[number].faces),
        tuple(number for number in missing if found[number].faces),
    )


def _size_plot(summary: CropSummary) -> str:
    bins = [
        (f"{low}" if high is None else f"{low}-{high}", count, low >= summary.size)
        for low, high, count in summary.sizes
    ]
    return _histogram(f"Plate pixels the face's square spans (dark: {summary.size} and more)", _trimmed(bins))


def _sharpness_plot(summary: CropSummary) -> str:
    values = [record.measures.sharpness for record in summary.records if record.measures]
    edges = np.linspace(0, 1, 11)
    bins = [
        (f"{low:.1f}", sum(low <= value < high or (index == 9 and value == 1) for value in values), True)
        for index, (low, high) in enumerate(pairwise(edges))
    ]
    return _histogram("Sharpness: share of the crop's detail", bins)


def _exposure_plot(summary: CropSummary) -> str:
    halves = [min(19, max(-20, math.floor(2 * record.exposure))) for record in summary.records]
    bins = [(f"{low / 2:+g}", halves.count(low), True) for low in range(-20, 20)]
    return _histogram("Stops of the face above middle grey, in the plate", _trimmed(bins))


def _trimmed(bins: Sequence[tuple[str, int, bool]]) -> Sequence[tuple[str, int, bool]]:
    """Without the empty bins at both ends."""
    held = [index for index, (_, count, _) in enumerate(bins) if count]
    return bins[held[0] : held[-1] + 1] if held else bins[:1]


def _histogram(title: str, bins: Sequence[tuple[str, int, bool]]) -> str:
    """A bar for each bin with its count above and its name below; dark where it is good."""
    width, high, foot = 340, 120, 34
    step = min(48.0, width / len(bins))
    most = max((count for _, count, _ in bins), default=0) or 1
    marks = []
    for index, (name, count, is_good) in enumerate(bins):
        tall = count / most * (high - 18)
        middle = (index + 0.5) * step
        marks.append(
            f'<rect x="{index * step + 2:.1f}" y="{high - tall:.1f}" width="{step - 4:.1f}" height="{tall:.1f}" '
            f'fill="{"#2b5f8c" if is_good else "#c9a45c"}"/>'
        )
        if count:
            marks.append(f'<text x="{middle:.1f}" y="{high - tall - 4:.1f}" text-anchor="middle">{count}</text>')
        marks.append(
            f'<text x="{middle:.1f}" y="{high + 13}" text-anchor="end" '
            f'transform="rotate(-35 {middle:.1f} {high + 11})">{escape(name)}</text>'
        )
    return (
        f'<figure><svg width="{width}" height="{high + foot}" viewBox="-14 0 {width + 14} {high + foot}" '
        f'font-size="10" font-family="system-ui,sans-serif"><path d="M0 {high}h{width}" stroke="#99a"/>'
        f"{''.join(marks)}</svg><figcaption>{escape(title)}</figcaption></figure>"
    )


def _pose_grid(summary: CropSummary, pictures: Mapping[CropRecord, Picture], needed: set[PoseCell]) -> str:
    """The grid with a picture and a count in each cell; empty ones are hatched, those that a shot needs outlined."""
    lines = ["<tr><th></th>" + "".join(f"<th>{yaw:+d}</th>" for yaw in YAWS) + "</tr>"]
    for pitch in PITCHES:
        cells = []
        for yaw in YAWS:
            own = summary.poses[PoseCell(yaw, pitch)]
            shown = f"{_image(pictures[showpiece(own)])}<span>{len(own)}</span>" if own else ""
            marked = " need" if PoseCell(yaw, pitch) in needed else ""
            cells.append(f'<td><div class="cell{marked}">{shown}</div></td>')
        lines.append(f"<tr><th>{pitch:+d}</th>{''.join(cells)}</tr>")
    note = ' <span class="bad">Outlined: poses that a shot needs and that are out of reach.</span>' if needed else ""
    empty = sum(not own for own in summary.poses.values())
    return (
        f'<table class="grid">{"".join(lines)}</table><p class="quiet">{empty} of {len(summary.poses)} cells are '
        f"empty.{note}</p>"
    )


def _worst_part(summary: CropSummary, pictures: Mapping[CropRecord, Picture]) -> list[str]:
    parts = []
    for title, records in _worst(summary).items():
        figures = "".join(
            f"<figure>{_image(pictures[one])}<figcaption>{escape(one.shot)} {one.frame}<br>{_value(title, one)}"
            "</figcaption></figure>"
            for one in records
        )
        parts += [f"<h2>{title}</h2>", f'<div class="row">{figures}</div>'] if records else []
    return parts


def _worst(summary: CropSummary) -> dict[str, list[CropRecord]]:
    measured = [(one.measures.sharpness, one) for one in summary.records if one.measures]
    return {
        "Smallest": sorted(summary.records, key=lambda one: one.native_px)[:_WORST],
        "Softest": [one for _, one in sorted(measured, key=lambda item: item[0])[:_WORST]],
        "Darkest": sorted(summary.records, key=lambda one: one.exposure)[:_WORST],
    }


def _value(title: str, record: CropRecord) -> str:
    if title == "Smallest":
        return f"{record.native_px:.0f} px"
    if title == "Softest" and record.measures:
        return f"{record.measures.sharpness:.2f}"
    return f"{record.exposure:+.1f} stops"


def _pictures(faceset: Faceset, color: ColorConfig, summary: CropSummary) -> dict[CropRecord, Picture]:
    """Of every crop that the page shows, each read once."""
    shown = [showpiece(own) for own in summary.poses.values() if own]
    wanted = list(dict.fromkeys((*shown, *(one for records in _worst(summary).values() for one in records))))
    return dict(zip(wanted, crop_pictures(faceset, wanted, color, _WIDTH), strict=True))


def _image(picture: Picture) -> str:
    done, encoded = cv2.imencode(
        ".jpg", np.ascontiguousarray(picture[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    )
    if not done:
        raise ValueError("a picture did not encode")
    return f'<img alt="" src="data:image/jpeg;base64,{base64.b64encode(encoded.tobytes()).decode()}">'


def _spread(spread: Spread | None, digits: int) -> str:
    return f"{spread.low:.{digits}f} / {spread.median:.{digits}f} / {spread.high:.{digits}f}" if spread else "-"


def _frames(numbers: tuple[int, ...]) -> str:
    text = format_frames(numbers)
    return text if len(text) <= _MOST_LETTERS else text[: text.rfind(",", 0, _MOST_LETTERS)] + ", ..."
