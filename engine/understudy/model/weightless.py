"""Tensors without memory: networks far larger than this machine are built and trained, to see what they would take."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode, unset_fake_temporarily
from torch.utils._python_dispatch import TorchDispatchMode

__all__ = ["weightless_tensors"]

_aten = torch.ops.aten


@contextmanager
def weightless_tensors() -> Iterator[None]:
    """Inside, tensors have shape, type, device and storage size but no memory, and operators compute nothing.

    Two things stay real, because training code reads them: draws from a generator of its own, with which it picks
    faces, and single numbers, which are all 0. The state of PyTorch's own generator is put back at the end.
    """
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        # a copy of a module asks where its weights lie; the answer is of no account
        warnings.filterwarnings("ignore", "Accessing the data pointer of FakeTensor", UserWarning)
        fake = _OneMode(allow_non_fake_inputs=True)
        with fake, _WhatIsRead(fake):
            yield


class _OneMode(FakeTensorMode):  # type: ignore[no-untyped-call]
    """Stays one when a tensor is copied with all that belongs to it.

    A copy of it would free the same weak references to storages a second time, and with them memory that is in use.
    """

    def __deepcopy__(self, memo: dict[int, Any]) -> _OneMode:
        return self


class _WhatIsRead(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Stands above the tensors without memory, and answers what they cannot."""

    def __init__(self, fake: FakeTensorMode) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._known = fake.fake_tensor_converter.meta_converter.tensor_memo

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        del types
        named = kwargs or {}
        if func is _aten._local_scalar_dense.default:
            return 0.0 if args[0].is_floating_point() else 0
        is_draw = named.get("generator") is not None
        if is_draw or (func is _aten.detach.default and type(args[0]) is Tensor):  # Tensor.numpy() detaches first
            with unset_fake_temporarily():
                return func(*args, **named)
        made = func(*args, **named)
        # Module.to() exchanges a weight only when nothing else knows it, not even weakly
        self._known.clear()
        if isinstance(made, FakeTensor) and made.constant is not None:
            made.constant = None  # a real number behind the tensor, which keeps a module from being copied
        return made
