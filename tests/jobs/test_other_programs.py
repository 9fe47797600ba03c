"""Results open in other programs with the right layers, windows, attributes and values."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import OpenImageIO as oiio  # noqa: N813
import pytest

from tests.jobs.made_up_shot import made_up_shot, textured_plate
from understudy.geometry import Box
from understudy.jobs.swap import run_swap
from understudy.plates import Frame, read_frame
from understudy.settings.project import ProjectFolder

ATTRIBUTES = {
    "smpte:TimeCode": "01:02:03:04",
    "FramesPerSecond": (24000, 1001),
    "reelName": "A017",
    "cameraModel": "ALEXA 35",
    "cameraSerialNumber": "K1.0012345",
    "lensModel": "SP 40",
    "focus": 2.5,
    "chromaticities": (0.64, 0.33, 0.3, 0.6, 0.15, 0.06, 0.3127, 0.329),
    "colorInteropID": "lin_rec709_scene",
}


@dataclass(frozen=True)
class Written:
    """The files of one frame, each with what it should hold."""

    plate: Path
    face: Path
    comp: Path
    crypto: Path
    layers: Frame


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    window = Box(0, 0, 216, 176)
    plate = textured_plate(data_window=window, display_window=window, metadata=ATTRIBUTES)
    place = tmp_path_factory.mktemp("programs")
    with pytest.MonkeyPatch.context() as monkeypatch:
        folder = made_up_shot(place, monkeypatch, [plate])
    asked = ProjectFolder(folder.path, folder.with_overrides(("swap.st_map=true", "swap.cryptomatte=true")))
    made = run_swap(asked, "s", "m", with_comp=True)
    face = made.folder / "s.1001.exr"
    return Written(
        place / "plates" / "s.1001.exr",
        face,
        made.folder / "comp" / "s_comp.1001.exr",
        made.folder / "crypto" / "s_crypto.1001.exr",
        read_frame(face),
    )


def test_exrheader_shows_windows_channels_and_attributes(written: Written) -> None:
    program = shutil.which("exrheader")
    if program is None:
        pytest.skip("exrheader (Debian's package openexr) is not installed")
    shown = subprocess.run([program, str(written.face)], check=True, capture_output=True, text=True).stdout
    box = written.layers.data_window
    for line in (
        f"dataWindow (type box2i): ({box.left} {box.top}) - ({box.right - 1} {box.bottom - 1})",
        "displayWindow (type box2i): (0 0) - (215 175)",
        "compression (type compression): zip, individual scanlines",
        *(f"{name}, 16-bit floating-point" for name in ("R", "G", "B", "A", "face.A", "core.A", "edge.A")),
        *(f"{name}, 32-bit floating-point" for name in ("st.U", "st.V")),
        "time 01:02:03:04",
        "framespersecond (type rational): 24000/1001",
        'reelName (type string): "A017"',
        'cameraModel (type string): "ALEXA 35"',
        'cameraSerialNumber (type string): "K1.0012345"',
        'lensModel (type string): "SP 40"',
        "focus (type float): 2.5",
        'colorInteropID (type string): "lin_ap1_scene"',
    ):
        assert line.casefold() in shown.casefold(), line
    assert "chromaticities" not in shown


def test_the_reference_library_and_openimageio_read_the_same(written: Written) -> None:
    reference = pytest.importorskip("OpenEXR", reason="the OpenEXR package is not installed")
    for path in (written.face, written.comp, written.crypto):
        wanted = read_frame(path)
        opened = reference.File(str(path), separate_channels=True)
        source = oiio.ImageInput.open(str(path))
        spec = source.spec()
        pixels = source.read_image(0, 0, 0, spec.nchannels, oiio.FLOAT)
        source.close()
        low, high = opened.header()["dataWindow"]
        assert (*low, *high) == (spec.x, spec.y, spec.x + spec.width - 1, spec.y + spec.height - 1)
        assert set(opened.channels()) == set(spec.channelnames) == set(wanted.channels)
        for index, name in enumerate(spec.channelnames):
            held = opened.channels()[name].pixels
            assert held.dtype == (np.float32 if name in wanted.float_channels else np.float16)
            np.testing.assert_array_equal(held.astype(np.float32), wanted.channel(name))
            np.testing.assert_array_equal(pixels[..., index], wanted.channel(name))


def test_blenders_compositor_merges_the_face_over_the_plate_to_the_composite(written: Written, tmp_path: Path) -> None:
    """Blender knows no display window: a face is centred, and has to be moved where its data window says."""
    program = shutil.which("blender")
    if program is None:
        pytest.skip("blender is not installed")
    for name in ("plate", "face", "crypto"):
        shutil.copy(getattr(written, name), tmp_path / f"{name}.exr")
    box, comp = written.layers.data_window, read_frame(written.comp)
    right = (box.left + box.right - comp.data_window.width) / 2
    up = (comp.data_window.height - box.top - box.bottom) / 2
    script = Path(__file__).with_name("blender_script.py")
    arguments = ["--background", "--factory-startup", "--python-exit-code", "1", "--python", str(script), "--"]
    command = [program, *arguments, str(tmp_path), str(right), str(up), "anna"]
    subprocess.run(command, check=True, capture_output=True, timeout=120)

    layers = read_frame(tmp_path / "blender_layers0001.exr")
    np.testing.assert_array_equal(
        layers.layer(tuple(f"Combined.{name}" for name in "RGBA")), written.layers.layer(("R", "G", "B", "A"))
    )
    for name in ("face", "core", "edge", "confidence"):
        np.testing.assert_array_equal(layers.channel(f"{name}.V"), written.layers.channel(f"{name}.A"))
    over = read_frame(tmp_path / "blender_over0001.exr").layer(tuple(f"over.{name}" for name in "RGBA"))
    np.testing.assert_array_equal(over.astype(np.float16), comp.layer(("R", "G", "B", "A")).astype(np.float16))
    picked = read_frame(tmp_path / "blender_picked0001.exr")
    np.testing.assert_array_equal(picked.pixels[..., 0], written.layers.channel("face.A"))
