from __future__ import annotations

import html.parser
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import OpenImageIO
import pytest

from tests.jobs.curated import faceset, project, record
from tests.jobs.made_up_shot import SIZE, made_up_shot, textured_plate
from understudy.cli import main
from understudy.color import ColorConfig
from understudy.faces.face import FoundFrame, append_found_frame
from understudy.faces.faceset import Faceset
from understudy.geometry import apply_transform
from understudy.jobs.extract import run_extract
from understudy.jobs.extract_report import write_report
from understudy.jobs.faceset_sheet import write_faceset_sheet
from understudy.jobs.facesets import choose_crops, curate
from understudy.plates import read_frame
from understudy.settings.preset import load_preset
from understudy.settings.project import ProjectFolder


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProjectFolder]:
    """The made-up shot of three frames, extracted; a fourth frame was searched and has no face."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        made = made_up_shot(tmp_path_factory.mktemp("film"), monkeypatch, [textured_plate(seed) for seed in (1, 2, 3)])
        append_found_frame(made.faces_file("s"), FoundFrame(1004, (), ""))
        yield made


class Page(html.parser.HTMLParser):
    """Checks that what was opened is closed, and keeps what is loaded."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.sources: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "img", "br", "rect", "path", "line"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.open:
            assert self.open.pop() == tag


def test_extract_ends_with_a_report_that_loads_nothing(film: ProjectFolder) -> None:
    text = write_report(film, "anna").read_text()
    page = Page(text)
    assert page.open == [] and "script" not in page.tags and page.tags.count("svg") == 3
    assert page.sources and all(source.startswith("data:image/jpeg;base64,/9j/") for source in page.sources)
    assert "url(" not in text and "@import" not in text and "http" not in text
    assert "<b>3</b> crops" in text and "no face in 1 frames: 1004" in text
    assert re.search(r"7[456] of 77 cells are empty", text)


def test_every_extract_writes_it(film: ProjectFolder) -> None:
    report = film.faceset("ben") / "report.html"
    report.unlink()
    made = run_extract(film, "s", "ben", load_preset("identity", [f"model.size={SIZE}"]), "1001-1002")
    assert made.report == report and report.is_file() and (made.cropped, made.kept) == (0, 2)


def test_a_crop_of_another_shot_that_is_gone_stops_no_extract(
    film: ProjectFolder, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = Faceset.open(film.faceset("ben")).crop_path("s", 1003)
    place.rename(tmp_path / "gone.exr")
    made = run_extract(film, "s", "ben", load_preset("identity", [f"model.size={SIZE}"]), "1001-1002")
    (tmp_path / "gone.exr").rename(place)
    assert made.completed and made.report is None and "The report on faceset ben was not written" in caplog.text


def test_the_command_ends_with_tables_or_with_json(film: ProjectFolder, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["-C", str(film.path), "extract", "s", "--identity", "ben", "--preset", "identity"]
    asked += ["--set", f"model.size={SIZE}"]
    assert main(asked) == 0
    said = capsys.readouterr().out
    assert all(words in said for words in ("Faces of s", "ben in s: head poses", "96 to 127", "report "))
    assert main([*asked, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert {name: one["crops"] for name, one in facts["identities"].items()} == {"ben": 3, "anna": 3}
    assert (facts["kept"], facts["gaps"]) == (3, [])
    assert sum(cell["crops"] for cell in facts["identities"]["ben"]["poses"]) == 3
    assert main([*asked, "--json", "--dry-run"]) == 0
    assert json.loads(capsys.readouterr().out)["frames"] == 3


def test_names_are_shown_as_text(tmp_path: Path) -> None:
    folder = project(tmp_path / "p")
    faceset(folder, "anna", [record(1, shot="<script>alert(1)</script>"), record(2)])
    text = write_report(folder, "anna").read_text()
    assert "<script" not in text and "&lt;script&gt;" in text


def test_the_report_shows_what_a_shot_needs_and_what_is_left_out(tmp_path: Path) -> None:
    folder = project(tmp_path / "p")
    faceset(folder, "ben", [record(1), record(2, yaw=61.0)])
    faceset(folder, "anna", [record(1, "sh020"), record(2, "sh020"), record(3, "sh020", sharpness=None)])
    curate(folder, choose_crops(folder, "anna", ["frame=2"]), "drop", "x")
    text = write_report(folder, "anna").read_text()
    assert "turns to about yaw +60" in text and text.count('"cell need"') == 1
    assert "1 more left out by hand" in text and "1 not measured" in text


def test_a_crops_header_says_where_it_lies(film: ProjectFolder) -> None:
    faceset = Faceset.open(film.faceset("anna"))
    (record, *_) = faceset.records.values()
    metadata = read_frame(faceset.crop_path("s", 1001)).metadata
    numbers = [float(number) for number in metadata["understudy/cropFromPlate"].split()]
    crop_from_plate = np.array(numbers).reshape(2, 3)
    aligned = apply_transform(record.alignment.aligned_from_plate, record.alignment.landmarks_plate)
    border = SIZE * faceset.margin
    np.testing.assert_allclose(
        apply_transform(crop_from_plate, record.alignment.landmarks_plate), aligned * SIZE + border, atol=1e-6
    )
    assert (metadata["understudy/shot"], metadata["understudy/frame"]) == ("s", 1001)
    assert metadata["understudy/identity"] == "anna" and metadata["understudy/colorspace"] == "ACEScg"


def test_another_reader_sees_the_crop_and_its_header(film: ProjectFolder) -> None:
    """OpenImageIO, as hosts have it."""
    path = Faceset.open(film.faceset("anna")).crop_path("s", 1002)
    image = OpenImageIO.ImageInput.open(str(path))
    spec = image.spec()
    assert (spec.width, spec.height, str(spec.format)) == (SIZE * 5 // 4, SIZE * 5 // 4, "half")
    assert list(spec.channelnames) == ["R", "G", "B", "face.A"]
    assert spec.getattribute("understudy/cropFromPlate").count(" ") == 5
    pixels = image.read_image("float")
    image.close()
    np.testing.assert_array_equal(pixels, read_frame(path).pixels)


def test_records_keep_their_measures(film: ProjectFolder) -> None:
    for one in Faceset.open(film.faceset("anna")).records.values():
        assert one.measures is not None and 0 < one.measures.sharpness <= 1
        light = np.dot(one.face_rgb, (0.2722, 0.6741, 0.0537))
        assert one.exposure == pytest.approx(np.log2(light / 0.18), abs=0.01)


def test_smaller_faces_go_and_come_with_min_native(film: ProjectFolder) -> None:
    preset = load_preset("identity", [f"model.size={SIZE}"])
    sizes = {frame: one.native_px for (_, frame), one in Faceset.open(film.faceset("ben")).records.items()}
    limit = int(max(sizes.values()) - 0.2)
    large = [frame for frame, size in sizes.items() if size > limit + 0.1]  # records round to a tenth
    assert 0 < len(large) < len(sizes)
    for least, frames in ((limit, large), (0, list(sizes))):
        strict = ProjectFolder(film.path, film.with_overrides((f"min_native={least}",)))
        made = run_extract(strict, "s", "ben", preset)
        assert made.faceset is not None and [frame for _, frame in made.faceset.records] == frames


@pytest.mark.parametrize("by,name", [("frames", "sheet.png"), ("pose", "sheet_pose.png")])
def test_contact_sheets_are_drawn(film: ProjectFolder, by: str, name: str) -> None:
    path = write_faceset_sheet(film, "anna", by)
    assert path.name == name and path.stat().st_size > 5000


def test_two_processes_at_one_faceset_lose_nothing(tmp_path: Path, color: ColorConfig) -> None:
    """Both read it before the other wrote, as two farm tasks do."""
    folder = project(tmp_path / "p")
    faceset(folder, "anna", [record(1)])
    one, other = Faceset.open(folder.faceset("anna")), Faceset.open(folder.faceset("anna"))
    one.add_record(record(2))
    other.add_record(record(3, "sh020"))
    entry = one.shots["sh010"]
    one.with_shots({"sh010": entry})
    other.with_shots({"sh020": entry})
    assert sorted(Faceset.open(folder.faceset("anna")).learned) == [("sh010", 1), ("sh010", 2), ("sh020", 3)]
