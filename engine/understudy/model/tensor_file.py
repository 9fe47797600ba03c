"""Named tensors with a record beside them, in one file that can be trusted: what snapshots and checkpoints are made of.

The file is safetensors; the record is JSON in its metadata, with a schema and a SHA-256 over tensors and record.
Reading parses a header and copies numbers: nothing in the file is ever executed. The header is checked before a single
number is read, so that a small file cannot ask for a large memory.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from understudy.durable import replacing
from understudy.errors import ModelFileError, WriteError

__all__ = ["Fits", "read_record", "read_tensors", "schema_of", "tensors_sha256", "write_tensors"]

Fits = Callable[[Mapping[str, Tensor], dict[str, Any]], None]
"""Is given the tensors that a header promises, without numbers (on the device "meta"), and the record; raises
ModelFileError when they are not what they should be."""

_MOST_HEADER_BYTES = 16 << 20
_MOST_BYTES = 64 << 30
_MOST_SHOWN = 60
_TYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
_PICKLES = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
"""How files of torch.save and of pickle begin."""


@dataclass(frozen=True)
class _Header:
    """What stands before the numbers of a file of ours."""

    schema: str
    record: str
    sha256: str
    entries: Mapping[str, Any]
    bytes_of_numbers: int


def write_tensors(path: Path, schema: str, tensors: Mapping[str, Tensor], record: Mapping[str, Any]) -> None:
    """Writes a whole file or nothing.

    Args:
        path: Where to; folders are made.
        schema: What kind of file this is, such as "snapshot-1".
        tensors: Named tensors of any device; two names may share one tensor, which is then written twice.
        record: Plain values, as JSON can hold them; every number finite.

    Raises:
        WriteError: The file cannot be written.
    """
    resting: dict[str, Tensor] = {}
    taken: set[int] = set()
    for name, tensor in tensors.items():
        moved = tensor.detach().to("cpu").contiguous()
        resting[name] = moved.clone() if moved.data_ptr() in taken else moved
        taken.add(moved.data_ptr())
    text = json.dumps(record, sort_keys=True, allow_nan=False)
    metadata = {"schema": schema, "record": text, "sha256": tensors_sha256(resting, schema + text)}
    try:
        with replacing(path) as beside:
            # the library writes for the owner alone; a model belongs to all who may read its folder
            beside.touch()
            mode = beside.stat().st_mode
            save_file(resting, beside, metadata=metadata)
            beside.chmod(mode)
    except SafetensorError as error:
        raise WriteError(f"{path} cannot be written: {error}.", path=str(path)) from error


def schema_of(path: Path, what: str) -> str:
    """What kind of file this is, as `write_tensors` was told.

    Args:
        path: The file.
        what: What the user calls it.

    Raises:
        ModelFileError: It is missing, or no file of Understudy.
    """
    return _header(path, what).schema


def read_record(path: Path, schema: str, what: str) -> dict[str, Any]:
    """The record of a file, without its tensors; quick, and not checked against the SHA-256.

    Args:
        path: The file.
        schema: What kind of file it must be.
        what: What the user calls it: "snapshot", "checkpoint".

    Raises:
        ModelFileError: It is missing, damaged, or something else.
    """
    return _record(_header_of(path, schema, what), path, what)


def read_tensors(
    path: Path, schema: str, what: str, fits: Fits | None = None
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors, on the CPU, and the record.

    Args:
        path: The file.
        schema: What kind of file it must be.
        what: What the user calls it: "snapshot", "checkpoint".
        fits: Asked before numbers are read.

    Raises:
        ModelFileError: It is missing, damaged, or something else.
    """
    header = _header_of(path, schema, what)
    promised, record = _promised(header, path, what), _record(header, path, what)
    if fits is not None:
        fits(promised, record)
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # it is no mapping
    except (SafetensorError, OSError, ValueError, KeyError, RuntimeError) as error:
        raise _damaged(path, what, f"cut off or altered ({error})") from error
    if tensors_sha256(tensors, schema + header.record) != header.sha256:
        raise _damaged(path, what, "altered since it was written: its contents do not have its SHA-256")
    return tensors, record


def tensors_sha256(tensors: Mapping[str, Tensor], text: str = "") -> str:
    """SHA-256, 64 hexadecimal digits, of names, types, shapes and numbers, and of a text beside them.

    Args:
        tensors: On the CPU; memory layout does not matter.
        text: What else must not change.
    """
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        tensor = tensors[name].detach().contiguous()
        digest.update(f"\n{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        numbers: Any = tensor.flatten().view(torch.uint8).numpy()
        digest.update(memoryview(numbers))
    return digest.hexdigest()


def _header_of(path: Path, schema: str, what: str) -> _Header:
    header = _header(path, what)
    if header.schema != schema:
        found = header.schema[:40]
        raise ModelFileError(
            f"{path} is of the kind '{found}', but a {what} that this version reads is '{schema}'. "
            f"Give a {what}, or use the version of Understudy that wrote it.",
            path=str(path),
            found=found,
        )
    return header


def _header(path: Path, what: str) -> _Header:
    """The header of a file of ours, parsed; nothing behind it was read."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(8)
            length = int.from_bytes(start, "little")
            if size < 10 or length > min(size - 8, _MOST_HEADER_BYTES) or size > _MOST_BYTES:
                raise _foreign(path, what, start)
            entries = _parsed(file.read(length))
    except FileNotFoundError as error:
        raise ModelFileError(f"There is no {what} {path}. Check the path.", path=str(path)) from error
    except OSError as error:
        raise ModelFileError(f"The {what} {path} cannot be read: {error.strerror or error}.", path=str(path)) from error
    except (ValueError, RecursionError) as error:
        raise _foreign(path, what, start) from error
    metadata = entries.pop("__metadata__", None) if isinstance(entries, dict) else None
    if not isinstance(metadata, dict) or not all(
        isinstance(metadata.get(key), str) for key in ("schema", "record", "sha256")
    ):
        raise _foreign(path, what, start)
    return _Header(metadata["schema"], metadata["record"], metadata["sha256"], entries, size - 8 - length)


def _parsed(text: str | bytes) -> Any:
    """JSON that means one thing only: no name twice, no number that is none or that no double can hold."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        values = dict(pairs)
        if len(values) != len(pairs):
            raise ValueError("a name stands there twice")
        return values

    def finite(number: str) -> float:
        value = float(number)
        if not math.isfinite(value):
            raise ValueError(f"{number[:_MOST_SHOWN]} is no number")
        return value

    return json.loads(text, object_pairs_hook=once, parse_float=finite, parse_constant=finite)


def _promised(header: _Header, path: Path, what: str) -> dict[str, Tensor]:
    """Tensors without numbers, as the header says them; each lies in the file and is as long as its shape needs."""
    promised: dict[str, Tensor] = {}
    for name, entry in header.entries.items():
        reason = _fault(entry, header.bytes_of_numbers)
        if reason:
            raise _damaged(path, what, f"cut off or altered: '{name[:_MOST_SHOWN]}' {reason}")
        promised[name] = torch.empty(entry["shape"], dtype=_TYPES[entry["dtype"]], device="meta")
    return promised


def _fault(entry: Any, available: int) -> str:
    """What is wrong with an entry of the header; empty when nothing is."""
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        return "is no tensor"
    if not isinstance(entry["dtype"], str) or entry["dtype"] not in _TYPES:
        return f"has the unknown type {str(entry['dtype'])[:_MOST_SHOWN]}"
    shape, offsets = entry["shape"], entry["data_offsets"]
    if not _are_counts(shape) or not _are_counts(offsets) or len(shape) > 8 or len(offsets) != 2:
        return "has no shape or no place"
    start, end = offsets
    if not start <= end <= available:
        return f"lies at {start} to {end}, and there are {available} bytes"
    if math.prod(shape) * _TYPES[entry["dtype"]].itemsize != end - start:
        return f"is {tuple(shape)} {entry['dtype']}, which does not take {end - start} bytes"
    return ""


def _are_counts(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is int and 0 <= value < 2**48 for value in values)


def _record(header: _Header, path: Path, what: str) -> dict[str, Any]:
    try:
        record = _parsed(header.record)
    except (ValueError, RecursionError) as error:
        raise _damaged(path, what, "damaged: its record is not JSON") from error
    if not isinstance(record, dict):
        raise _damaged(path, what, "damaged: its record is not a mapping")
    return record


def _foreign(path: Path, what: str, start: bytes) -> ModelFileError:
    if start.startswith(_PICKLES):
        kind = "but a pickle or an archive, which was not opened, because opening one can run code"
    else:
        kind = "or only a part of one"
    return ModelFileError(
        f"{path} is no {what} of Understudy, {kind}. Give a .safetensors file that training wrote.", path=str(path)
    )


def _damaged(path: Path, what: str, how: str) -> ModelFileError:
    return ModelFileError(f"The {what} {path} is {how}. Use an earlier {what}, or copy it again.", path=str(path))
