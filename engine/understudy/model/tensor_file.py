"""Named tensors with a record beside them, in one file that can be trusted: what snapshots and checkpoints are made of.

The file is safetensors; the record is JSON in its metadata, with a schema and a SHA-256 over tensors and record.
Reading parses a header and copies numbers: nothing in the file is ever executed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from understudy.durable import replacing
from understudy.errors import ModelFileError, WriteError

__all__ = ["read_record", "read_tensors", "tensors_sha256", "write_tensors"]

_MOST_HEADER_BYTES = 16 << 20
_MOST_BYTES = 64 << 30


def write_tensors(path: Path, schema: str, tensors: Mapping[str, Tensor], record: Mapping[str, Any]) -> None:
    """Writes a whole file or nothing.

    Args:
        path: Where to; folders are made.
        schema: What kind of file this is, such as "snapshot-1".
        tensors: Named tensors of any device.
        record: Plain values, as JSON can hold them.

    Raises:
        WriteError: The file cannot be written.
    """
    resting = {name: tensor.detach().to("cpu").contiguous() for name, tensor in tensors.items()}
    text = json.dumps(record, sort_keys=True)
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


def read_record(path: Path, schema: str, what: str) -> dict[str, Any]:
    """The record of a file, without its tensors; quick, and not checked against the SHA-256.

    Args:
        path: The file.
        schema: What kind of file it must be.
        what: What the user calls it: "snapshot", "checkpoint".

    Raises:
        ModelFileError: It is missing, damaged, or something else.
    """
    return _record(_metadata(path, schema, what), path, what)


def read_tensors(path: Path, schema: str, what: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors, on the CPU, and the record.

    Args:
        path: The file.
        schema: What kind of file it must be.
        what: What the user calls it: "snapshot", "checkpoint".

    Raises:
        ModelFileError: It is missing, damaged, or something else.
    """
    metadata = _metadata(path, schema, what)
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # it is no mapping
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise _damaged(path, what, f"cut off or altered ({error})") from error
    if tensors_sha256(tensors, schema + metadata["record"]) != metadata["sha256"]:
        raise _damaged(path, what, "altered since it was written: its contents do not have its SHA-256")
    return tensors, _record(metadata, path, what)


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


def _metadata(path: Path, schema: str, what: str) -> dict[str, str]:
    """The metadata of a file of ours; checks all that can be checked without reading its tensors."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if size < 10 or length > min(size - 8, _MOST_HEADER_BYTES) or size > _MOST_BYTES:
                raise _foreign(path, what)
            header = json.loads(file.read(length))
    except FileNotFoundError as error:
        raise ModelFileError(f"There is no {what} {path}. Check the path.", path=str(path)) from error
    except OSError as error:
        raise ModelFileError(f"The {what} {path} cannot be read: {error.strerror or error}.", path=str(path)) from error
    except (ValueError, RecursionError) as error:
        raise _foreign(path, what) from error
    metadata = header.get("__metadata__") if isinstance(header, dict) else None
    if not isinstance(metadata, dict) or not all(
        isinstance(metadata.get(key), str) for key in ("schema", "record", "sha256")
    ):
        raise _foreign(path, what)
    if metadata["schema"] != schema:
        found = metadata["schema"][:40]
        raise ModelFileError(
            f"{path} is of the kind '{found}', but a {what} that this version reads is '{schema}'. "
            f"Give a {what}, or use the version of Understudy that wrote it.",
            path=str(path),
            found=found,
        )
    return metadata


def _record(metadata: Mapping[str, str], path: Path, what: str) -> dict[str, Any]:
    try:
        record = json.loads(metadata["record"])
    except (ValueError, RecursionError) as error:
        raise _damaged(path, what, "damaged: its record is not JSON") from error
    if not isinstance(record, dict):
        raise _damaged(path, what, "damaged: its record is not a mapping")
    return record


def _foreign(path: Path, what: str) -> ModelFileError:
    return ModelFileError(
        f"{path} is no {what} of Understudy, or only a part of one. Give a .safetensors file that training wrote.",
        path=str(path),
    )


def _damaged(path: Path, what: str, how: str) -> ModelFileError:
    return ModelFileError(f"The {what} {path} is {how}. Use an earlier {what}, or copy it again.", path=str(path))
