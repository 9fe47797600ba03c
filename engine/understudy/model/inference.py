"""The swap alone, as a file for another program: TorchScript or ONNX, held against the model that it was made from."""

from __future__ import annotations

import importlib.util
import io
import json
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from understudy.durable import replacing
from understudy.errors import ModelFileError, SettingsError
from understudy.model.swap_model import SwapModel

__all__ = ["FORMATS", "INPUT", "METADATA", "Format", "SwapPath", "output_names", "read_metadata", "write_network"]

Format = Literal["torchscript", "onnx"]

FORMATS: dict[Format, tuple[str, float]] = {"torchscript": (".pt", 1e-5), "onnx": (".onnx", 1e-4)}
"""What files end in, and how far, in codes, their answers may lie from the model's; a stop is 0.07 codes."""

INPUT = "codes"
METADATA = "understudy"
"""What the input is called, and the text beside the network: `understudy.json` of a TorchScript file."""

_OUTPUTS = ("painted", "matte")
_MOST_METADATA = 16 << 20
_BATCHES = (1, 3)

Answers = Callable[[Tensor], list[Tensor]]


class SwapPath(nn.Module):
    """What a swap runs of a model: codes (B, 3, S, S) float32, training space, to codes of the source identity's face.

    A model with a learned matte also gives that: (B, 1, S, S) float32, 0..1.

    Args:
        model: Put into evaluation mode and freed of gradients.
    """

    def __init__(self, model: SwapModel) -> None:
        super().__init__()
        self.model = model
        self.eval().requires_grad_(False)

    def forward(self, codes: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """The face as the source identity, and its matte if the model paints one."""
        answer = self.model.painted(codes, "source")
        return answer.codes if answer.matte is None else (answer.codes, answer.matte)


def read_metadata(path: Path) -> dict[str, Any]:
    """What `write_network` put beside a network. The network is not loaded, and nothing of the file is run.

    Args:
        path: A `.pt` or `.onnx`.

    Raises:
        ModelFileError: The file is missing or damaged, or says nothing of itself.
        SettingsError: The package onnx, which reads its files, is missing.
    """
    if path.suffix == ".onnx" and importlib.util.find_spec("onnx") is None:
        raise SettingsError(f"{path} is read by the package onnx, which is missing: pip install onnx.", field="onnx")
    try:
        text = _text_in_onnx(path) if path.suffix == ".onnx" else _text_in_torchscript(path)
        values = json.loads(text)
        if not isinstance(values, dict):
            raise ValueError("what it says of itself is no mapping")
        return values
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read: {error.strerror or error}.", path=str(path)) from error
    except (ValueError, KeyError, RuntimeError, zipfile.BadZipFile, NotImplementedError, RecursionError) as error:
        raise ModelFileError(
            f"{path} says nothing of itself ({error}): it is damaged, or was not written by understudy export.",
            path=str(path),
        ) from error


def output_names(path: SwapPath, size: int) -> tuple[str, ...]:
    """What comes out of a network, in order.

    Args:
        path: The network.
        size: Side of its square in pixels.
    """
    return _OUTPUTS[: len(_listed(path(torch.zeros(1, 3, size, size))))]


def write_network(
    path: Path, swap: SwapPath, size: int, kind: Format, metadata: Mapping[str, Any], shown: tuple[float, float]
) -> float:
    """Writes the network as a file, reads that back, and returns the largest difference to the model, in codes.

    The batch may be of any size, the picture only of this one. A file that does not answer as the model does never
    gets its name.

    Args:
        path: Where to.
        swap: The network, on the CPU.
        size: Side of its square in pixels.
        kind: What the file is.
        metadata: Plain values to keep in the file, as JSON.
        shown: The smallest and the largest code that the network will ever be shown; answers are compared there.

    Raises:
        SettingsError: A package that ONNX needs is not installed.
        ModelFileError: The file's answers are not the model's.
        WriteError: The file cannot be written.
    """
    if kind == "onnx":
        _expect_packages("onnx", "onnxscript", "onnxruntime")
    text = json.dumps(metadata, sort_keys=True, allow_nan=False)
    with replacing(path) as beside, torch.inference_mode(False), torch.no_grad():
        answers = (_written_onnx if kind == "onnx" else _written_torchscript)(beside, swap, size, text)
        largest = _largest_difference(swap, answers, size, shown)
        limit = FORMATS[kind][1]
        if not largest <= limit:
            raise ModelFileError(
                f"{path} was not written: as {kind} the network answers {largest:.2g} codes away from the model, and "
                f"{limit:g} is allowed. Export it in the other format.",
                path=str(path),
                difference=largest,
            )
    return largest


def _written_torchscript(path: Path, swap: SwapPath, size: int, text: str) -> Answers:
    """Traced, not scripted: the network does the same whatever it sees.

    The parts that PyTorch's debugger would look into are left out: they say where the code lies on this machine.
    """
    whole = io.BytesIO()
    with _quiet():
        traced = torch.jit.trace(swap, torch.zeros(2, 3, size, size), check_trace=False)  # type: ignore[no-untyped-call]
        torch.jit.save(traced, whole, _extra_files={f"{METADATA}.json": text})
    with zipfile.ZipFile(whole) as made, zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as kept:
        for entry in made.infolist():
            if not entry.filename.endswith(".debug_pkl"):
                kept.writestr(zipfile.ZipInfo(entry.filename), made.read(entry))
    with _quiet():
        loaded = torch.jit.load(path, map_location="cpu")  # type: ignore[no-untyped-call]
    return lambda codes: _listed(loaded(codes))


def _written_onnx(path: Path, swap: SwapPath, size: int, text: str) -> Answers:
    import onnxruntime

    with _quiet():
        program: Any = torch.onnx.export(
            swap,
            (torch.zeros(2, 3, size, size),),
            dynamo=True,
            verbose=False,
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            input_names=[INPUT],
            output_names=list(output_names(swap, size)),
        )
    for node in program.model.graph.all_nodes():
        node.metadata_props.clear()  # where in whose folders the code lies that made the node
    program.model.metadata_props[METADATA] = text
    program.save(path)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return lambda codes: [torch.from_numpy(answer) for answer in session.run(None, {INPUT: codes.numpy()})]


def _text_in_torchscript(path: Path) -> bytes:
    with zipfile.ZipFile(path) as file:
        name = next((one for one in file.namelist() if one.endswith(f"/extra/{METADATA}.json")), "")
        if not name or file.getinfo(name).file_size > _MOST_METADATA:
            raise ValueError(f"it has no {METADATA}.json")
        return file.read(name)


def _text_in_onnx(path: Path) -> str:
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        model = onnx.load(str(path), load_external_data=False)
    except DecodeError as error:
        raise ValueError("it is no ONNX") from error
    told = {entry.key: entry.value for entry in model.metadata_props}
    if METADATA not in told:
        raise ValueError(f"it has no metadata named {METADATA}")
    return str(told[METADATA])


def _largest_difference(swap: SwapPath, answers: Answers, size: int, shown: tuple[float, float]) -> float:
    """Over batches of one face, and of more than one, of everything that a model may be shown."""
    low, high = shown
    draws = torch.Generator().manual_seed(1)
    differences: list[Tensor] = []
    for count in _BATCHES:
        codes = torch.rand(count, 3, size, size, generator=draws) * (high - low) + low
        wanted, found = _listed(swap(codes)), answers(codes)
        if [answer.shape for answer in wanted] != [answer.shape for answer in found]:
            return float("inf")
        differences += [(one - other).abs().max() for one, other in zip(wanted, found, strict=True)]
    return float(torch.stack(differences).max())  # a difference that is no number is the largest of all


def _listed(answer: Any) -> list[Tensor]:
    return list(answer) if isinstance(answer, tuple) else [answer]


def _expect_packages(*names: str) -> None:
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    if missing:
        raise SettingsError(
            f"To write ONNX, {' and '.join(missing)} must be installed. Run: pip install 'understudy[export]'"
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """PyTorch calls TorchScript deprecated, and warns of every size that a trace takes as given, which it is here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
