"""What a swap writes, bit by bit, with a model that changes nothing."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.jobs.made_up_shot import SIZE, coded_plate, made_up_shot, textured_plate
from understudy import cryptomatte
from understudy.cli.app import main
from understudy.color import DEFAULT_CONFIG
from understudy.errors import BrokenFrameError, ModelFileError, SettingsError
from understudy.faces.crop import crop_face
from understudy.geometry import Box, apply_transform, inverse
from understudy.jobs import pipeline
from understudy.jobs.found_tracks import read_found_tracks
from understudy.jobs.shot import open_shot
from understudy.jobs.swap import face_scale_of, open_swapper, read_manifest, run_swap
from understudy.model.snapshot import Snapshot, newest_snapshot
from understudy.plates import COMPRESSIONS, Frame, read_frame, write_frame
from understudy.resample import resample
from understudy.settings.preset import load_preset
from understudy.settings.project import ProjectFolder, create_project


def with_settings(folder: ProjectFolder, *settings: str) -> ProjectFolder:
    return ProjectFolder(folder.path, folder.with_overrides(settings))


def bits(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float16).view(np.uint16)


def whole(layers: Frame, plate: Frame, channel: str) -> np.ndarray:
    """A channel of a result over all of the plate's pixels."""
    values = np.zeros(plate.pixels.shape[:2], np.float32)
    values[layers.data_window.slices(plate.data_window)] = layers.channel(channel)
    return values


def test_an_identity_swap_of_half_to_half_keeps_every_bit_outside_and_two_ulp_inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What resampling alone does is measured apart: out of the plate and back, without a model and without rounding."""
    folder = made_up_shot(tmp_path, monkeypatch, [textured_plate()])
    made = run_swap(folder, "s", "m", with_comp=True)
    plate = read_frame(tmp_path / "plates" / "s.1001.exr")
    comp = read_frame(made.folder / "comp" / "s_comp.1001.exr")
    layers = read_frame(made.folder / "s.1001.exr")
    matte = whole(layers, plate, "A")
    assert not plate.float_channels and not comp.float_channels and (matte > 0).sum() > 3000
    np.testing.assert_array_equal(bits(comp.pixels)[matte == 0], bits(plate.pixels)[matte == 0])

    shot = open_shot(folder, "s")
    crop = crop_face(plate, shot.space.name, shot.color, read_found_tracks(folder, shot).alignments("ben")[1001], SIZE)
    back = resample(crop.pixels, Box(0, 0, SIZE, SIZE), crop.crop_from_plate, layers.data_window)
    seen, result = (picture.rgb()[layers.data_window.slices(plate.data_window)] for picture in (plate, comp))
    resampling_error = np.abs(back - seen)
    ulp = np.spacing(np.maximum(np.abs(seen), np.abs(back)).astype(np.float16)).astype(np.float32)
    inside = layers.channel("A") > 0
    assert (np.abs(result - seen) <= 2 * ulp + resampling_error)[inside].all()
    core = layers.channel("core.A") == 1
    assert np.median(resampling_error[core] / np.abs(seen[core])) < 0.01


@pytest.mark.parametrize("colorspace", ["ACEScg", "ARRI LogC4"])
def test_the_face_over_the_plate_as_a_host_reads_it_is_the_composite(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, colorspace: str
) -> None:
    plate = textured_plate() if colorspace == "ACEScg" else coded_plate()
    folder = made_up_shot(tmp_path, monkeypatch, [plate], colorspace)
    made = run_swap(folder, "s", "m", with_comp=True)
    plate = read_frame(tmp_path / "plates" / "s.1001.exr")
    seen = open_shot(folder, "s").color.to_working(plate.rgb(), colorspace)
    layers = read_frame(made.folder / "s.1001.exr")
    comp = read_frame(made.folder / "comp" / "s_comp.1001.exr")
    matte = whole(layers, plate, "A")[..., None]
    front = np.dstack([whole(layers, plate, name) for name in "RGB"])
    assert made.space == "ACEScg" == comp.metadata["understudy/colorspace"]
    np.testing.assert_array_equal(bits(comp.rgb()), bits(front + seen * (1 - matte)))
    assert (comp.channel("A") == 1).all()


def test_everything_asked_for_is_written_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = made_up_shot(tmp_path, monkeypatch, [textured_plate(), textured_plate(2)])
    asked = with_settings(folder, "swap.st_map=true", "swap.crops=true", "swap.cryptomatte=true")
    made = run_swap(asked, "s", "m", with_comp=True)
    names = [Path(pattern).name for pattern in made.patterns]
    assert names == ["s.####.exr", "s_comp.####.exr", "s_crop.####.exr", "s_crypto.####.exr"]
    for number in made.written:
        layers = read_frame(made.folder / f"s.{number}.exr")
        crypto = read_frame(made.folder / "crypto" / f"s_crypto.{number}.exr")
        np.testing.assert_array_equal(crypto.channel(cryptomatte.CHANNELS[1]), layers.channel("face.A"))
        assert [crypto.metadata[name] for name in cryptomatte.attributes_of(["anna"])] == list(
            cryptomatte.attributes_of(["anna"]).values()
        )
    again = run_swap(asked, "s", "m", with_comp=True)
    assert (again.written, again.kept) == ((), (1001, 1002))
    (made.folder / "crypto" / "s_crypto.1002.exr").unlink()
    assert run_swap(asked, "s", "m", with_comp=True).written == (1002,)


def test_a_crop_can_be_put_back_by_its_header_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = made_up_shot(tmp_path, monkeypatch, [textured_plate()])
    made = run_swap(with_settings(folder, "swap.crops=true"), "s", "m")
    crop = read_frame(made.folder / "crop" / "s_crop.1001.exr")
    layers = read_frame(made.folder / "s.1001.exr")
    numbers = [float(word) for word in crop.metadata["understudy/cropFromPlate"].split()]
    back = resample(crop.pixels, crop.data_window, np.reshape(numbers, (2, 3)), layers.data_window)
    core = layers.channel("core.A") == 1
    np.testing.assert_allclose(back[core], layers.rgb()[core], rtol=4e-3, atol=2e-3)


def test_an_anamorphic_plate_keeps_its_pixel_aspect_and_gets_a_square_crop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = made_up_shot(tmp_path, monkeypatch, [textured_plate(pixel_aspect=2.0)], pixel_aspect=2.0)
    made = run_swap(with_settings(folder, "swap.crops=true"), "s", "m")
    layers = read_frame(made.folder / "s.1001.exr")
    crop = read_frame(made.folder / "crop" / "s_crop.1001.exr")
    assert (layers.pixel_aspect, crop.pixel_aspect) == (2.0, 1.0)
    assert layers.display_window == Box(0, 0, 200, 160)
    numbers = [float(word) for word in crop.metadata["understudy/cropFromPlate"].split()]
    across, down = np.diff(apply_transform(inverse(np.reshape(numbers, (2, 3))), [[0, 0], [SIZE, SIZE]]), axis=0)[0]
    assert across == pytest.approx(down / 2, rel=0.02)


def test_the_command_says_which_space_the_results_are_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = made_up_shot(tmp_path, monkeypatch, [coded_plate()], "ACEScct")
    command = ["-C", str(folder.path), "swap", "s", "--model", "m"]
    assert main([*command, "--dry-run"]) == 0
    assert "in ACEScg" in capsys.readouterr().out and not folder.swaps("s").exists()
    assert main(command) == 0
    assert "colour space of the results: ACEScg" in capsys.readouterr().out


def test_a_lossy_compression_is_allowed_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder = with_settings(made_up_shot(tmp_path, monkeypatch, [textured_plate()]), "swap.compression=dwaa")
    with caplog.at_level(logging.WARNING, "understudy"):
        run_swap(folder, "s", "m", with_comp=True)
    assert "Compression dwaa changes pixels" in caplog.text


def test_the_numbers_of_a_cryptomatte_survive_any_compression(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pxr24 would cut them to 24 bits, and they would be another name's."""
    folder = made_up_shot(tmp_path, monkeypatch, [textured_plate()])
    made = run_swap(with_settings(folder, "swap.compression=pxr24", "swap.cryptomatte=true"), "s", "m")
    crypto = read_frame(made.folder / "crypto" / "s_crypto.1001.exr")
    numbers = np.unique(crypto.channel(cryptomatte.CHANNELS[0]).copy().view(np.uint32))
    assert set(numbers.tolist()) == {0, cryptomatte.id_of("anna")}


def test_settings_know_the_compressions_that_can_be_written(tmp_path: Path) -> None:
    folder = create_project(tmp_path, DEFAULT_CONFIG)
    for compression in COMPRESSIONS:
        assert with_settings(folder, f"swap.compression={compression}").project.swap.compression == compression
    with pytest.raises(SettingsError, match=r"swap\.compression"):
        with_settings(folder, "swap.compression=zipp")
    with pytest.raises(SettingsError, match="pxr24 cuts the 32 bits of the ST map"):
        with_settings(folder, "swap.compression=pxr24", "swap.st_map=true")


def test_results_do_not_depend_on_how_many_frames_are_in_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = made_up_shot(tmp_path, monkeypatch, [textured_plate(seed) for seed in range(5)])
    files = []
    for workers in (1, 4):
        monkeypatch.setattr(pipeline, "workers_for", lambda workers=workers: workers)
        out = tmp_path / str(workers)
        made = run_swap(folder, "s", "m", with_comp=True, out=out)
        assert made.written == (1001, 1002, 1003, 1004, 1005)
        files.append({path.relative_to(out): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()})
    assert len(files[0]) == 11
    assert files[0] == files[1]


def test_a_frame_that_fails_ends_a_swap_and_those_before_it_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = made_up_shot(tmp_path, monkeypatch, [textured_plate(seed) for seed in range(6)])
    broken = tmp_path / "plates" / "s.1003.exr"
    broken.write_bytes(broken.read_bytes()[:2000])
    monkeypatch.setattr(pipeline, "workers_for", lambda: 4)
    with pytest.raises(BrokenFrameError, match=r"s\.1003\.exr"):
        run_swap(folder, "s", "m")
    out = folder.swaps("s")
    assert sorted(read_manifest(out / "manifest.jsonl")) == [1001, 1002]
    assert sorted(path.name for path in out.iterdir()) == ["manifest.jsonl", "s.1001.exr", "s.1002.exr"]
    write_frame(broken, textured_plate(2))
    assert run_swap(folder, "s", "m").kept == (1001, 1002)


def test_a_snapshot_is_chosen_by_name_or_iteration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder = made_up_shot(tmp_path, monkeypatch, [textured_plate()])
    first = newest_snapshot(folder.model("m"))
    newest, best = first.with_name("iteration-000000012.safetensors"), first.with_name("best.safetensors")
    shutil.copy(first, newest)
    shutil.copy(first, best)
    caplog.set_level(logging.INFO, "understudy")
    for which, path in {"newest": newest, "best": best, "0": first, "12": newest}.items():
        caplog.clear()
        open_swapper(with_settings(folder, f"swap.snapshot={which}"), "s", "m")
        assert f"Snapshot {path}" in caplog.text
    with pytest.raises(ModelFileError, match=r"no snapshot '7'\. There are: newest, .*best"):
        open_swapper(with_settings(folder, "swap.snapshot=7"), "s", "m")
    with pytest.raises(SettingsError, match="snapshot"):
        with_settings(folder, "swap.snapshot=latest")


def test_a_face_is_drawn_as_large_as_the_project_says_else_as_was_measured(tmp_path: Path) -> None:
    folder = create_project(tmp_path / "p", DEFAULT_CONFIG)
    of = {name: Snapshot({}, load_preset(name).to_json(), {"face_scale": 0.97}, "") for name in ("u64", "identity")}
    assert face_scale_of(folder, of["u64"]) == 0.97
    assert face_scale_of(folder, Snapshot({}, load_preset("u64").to_json(), {}, "")) == 1.0
    assert face_scale_of(with_settings(folder, "swap.face_scale=1.05"), of["u64"]) == 1.05
    assert face_scale_of(with_settings(folder, "swap.face_scale=1.05"), of["identity"]) == 1.0
