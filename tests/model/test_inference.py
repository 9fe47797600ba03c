"""Networks for other programs: they answer as the model does, or are not written."""

from __future__ import annotations

import json
import warnings
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import onnxruntime
import pytest
import torch
from torch import Tensor

from understudy.errors import ModelFileError, SettingsError
from understudy.model import inference
from understudy.model.inference import SwapPath, write_network
from understudy.model.swap_model import SwapModel, build_model
from understudy.settings.network import DecoderSettings, EncoderSettings, InterSettings, ModelSettings

SHOWN = (-0.5, 1.5)
SETTINGS = ModelSettings(
    size=64,
    underpainting=4,
    encoder=EncoderSettings(stem=4, widths=(8, 16)),
    inter=InterSettings(kind="convolutional", code=8, width=16, normalise=True),
    decoder=DecoderSettings(widths=(16, 8), head=4),
)
DENSE = SETTINGS.model_copy(update={"inter": InterSettings(code=8, width=16), "underpainting": 0})


class Painted(NamedTuple):
    codes: Tensor
    matte: Tensor | None


class WithMatte(SwapModel):
    """A model that also paints a matte: bright where the picture is."""

    def painted(self, codes: Tensor, identity: Any) -> Painted:
        answer = self(codes, identity)
        return Painted(answer, torch.sigmoid(answer.mean(dim=1, keepdim=True)))


def swap_path(settings: ModelSettings = SETTINGS, kind: type[SwapModel] = SwapModel) -> SwapPath:
    torch.manual_seed(1)
    return SwapPath(kind(settings).requires_grad_(False))


def loaded(path: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.load(path)


@pytest.mark.parametrize("settings", [SETTINGS, DENSE], ids=["convolutional", "dense"])
def test_torchscript_answers_as_the_model_whatever_the_batch(tmp_path: Path, settings: ModelSettings) -> None:
    swap = swap_path(settings)
    assert write_network(tmp_path / "n.pt", swap, 64, "torchscript", {}, SHOWN) <= 1e-5
    network = loaded(tmp_path / "n.pt")
    for count in (1, 4):
        codes = torch.rand(count, 3, 64, 64)
        torch.testing.assert_close(network(codes), swap.model(codes, "source"), atol=1e-5, rtol=0)


def test_onnx_answers_as_the_model_whatever_the_batch(tmp_path: Path) -> None:
    swap = swap_path()
    difference = write_network(tmp_path / "n.onnx", swap, 64, "onnx", {"made by": "a test"}, SHOWN)
    assert 0 <= difference <= 1e-4
    session = onnxruntime.InferenceSession(str(tmp_path / "n.onnx"), providers=["CPUExecutionProvider"])
    codes = torch.rand(5, 3, 64, 64)
    (answer,) = session.run(["painted"], {"codes": codes.numpy()})
    torch.testing.assert_close(torch.from_numpy(answer), swap.model(codes, "source"), atol=1e-4, rtol=0)
    assert json.loads(session.get_modelmeta().custom_metadata_map["understudy"]) == {"made by": "a test"}
    assert str(Path(inference.__file__).parent).encode() not in (tmp_path / "n.onnx").read_bytes()


def test_a_matte_comes_out_as_well(tmp_path: Path) -> None:
    swap = swap_path(kind=WithMatte)
    assert inference.output_names(swap, 64) == ("painted", "matte")
    write_network(tmp_path / "n.pt", swap, 64, "torchscript", {}, SHOWN)
    codes = torch.rand(2, 3, 64, 64)
    painted, matte = loaded(tmp_path / "n.pt")(codes)
    torch.testing.assert_close(painted, swap.model(codes, "source"), atol=1e-5, rtol=0)
    assert matte.shape == (2, 1, 64, 64) and matte.min() > 0 and matte.max() < 1


def test_torchscript_says_what_it_is_and_nothing_of_this_machine(tmp_path: Path) -> None:
    write_network(tmp_path / "n.pt", swap_path(), 64, "torchscript", {"notice": "synthetic"}, SHOWN)
    with zipfile.ZipFile(tmp_path / "n.pt") as archive:
        (name,) = [name for name in archive.namelist() if name.endswith("understudy.json")]
        assert json.loads(archive.read(name)) == {"notice": "synthetic"}
        assert not any(
            str(Path(inference.__file__).parent).encode() in archive.read(name) for name in archive.namelist()
        )


def test_a_file_that_answers_otherwise_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(inference.FORMATS, "torchscript", (".pt", -1.0))
    with pytest.raises(ModelFileError, match=r"was not written: as torchscript the network answers .* codes away"):
        write_network(tmp_path / "n.pt", swap_path(), 64, "torchscript", {}, SHOWN)
    assert not list(tmp_path.iterdir())


def test_answers_of_another_shape_or_none_are_no_answers() -> None:
    swap = swap_path()
    for wrong in (
        lambda codes: [codes[:1, :, :32]],
        lambda codes: [],
        lambda codes: [torch.full_like(codes, torch.nan)],
    ):
        assert not inference._largest_difference(swap, wrong, 64, SHOWN) <= 1.0


def test_a_missing_package_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inference.importlib.util, "find_spec", lambda name: None if name == "onnxscript" else object())
    with pytest.raises(SettingsError, match=r"onnxscript must be installed. Run: pip install 'understudy\[export\]'"):
        write_network(tmp_path / "n.onnx", swap_path(), 64, "onnx", {}, SHOWN)


def test_gradients_are_not_needed(tmp_path: Path) -> None:
    """A model that was just trained, not yet frozen."""
    write_network(tmp_path / "n.pt", SwapPath(build_model(SETTINGS)), 64, "torchscript", {}, SHOWN)
    assert not loaded(tmp_path / "n.pt")(torch.rand(1, 3, 64, 64)).requires_grad
