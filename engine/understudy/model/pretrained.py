"""What a backbone begins from when it does not begin at random: weights of timm, from a file or fetched once.

Files are safetensors, so that loading them never runs code. Pickled weights (.pth, .bin) are refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from understudy.errors import ModelFileError
from understudy.model.backbone import Backbone
from understudy.model.swap_model import SwapModel

__all__ = ["begin_backbone"]


def begin_backbone(model: SwapModel) -> str:
    """Puts the weights that the preset names into a new model's backbone, in place, on its own device.

    Called once, when training begins anew: a checkpoint or a snapshot has its own. A classifier's is left out.

    Args:
        model: Any; without a backbone, or with `encoder.weights` none, it stays as it is.

    Returns:
        Where they came from, for the log; empty when the model stays as it is.

    Raises:
        ModelFileError: The file is missing, is not what it should be, or cannot be fetched; the model is unchanged.
    """
    encoder = getattr(model, "encoder", None)
    if not isinstance(encoder, Backbone) or encoder.settings.weights == "none":
        return ""
    wanted = encoder.settings.weights
    path = _fetched(encoder) if wanted == "pretrained" else Path(wanted).expanduser()
    weights = encoder.fitted(_read(path, encoder.settings.backbone))
    _expect_fit(weights, encoder.network, path, encoder.settings.backbone)
    encoder.network.load_state_dict(weights)
    return str(path)


def _read(path: Path, backbone: str) -> dict[str, Tensor]:
    if path.suffix != ".safetensors":
        raise ModelFileError(
            f"The weights {path} of backbone '{backbone}' are not a .safetensors file; pickled weights can run code "
            "when they are loaded. Give timm's model.safetensors.",
            path=str(path),
        )
    try:
        return load_file(path)
    except FileNotFoundError as error:
        raise ModelFileError(
            f"There are no weights {path} for backbone '{backbone}'. Give the path of timm's model.safetensors, or set "
            "model.encoder.weights=none.",
            path=str(path),
        ) from error
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelFileError(
            f"The weights {path} of backbone '{backbone}' cannot be read: {error}. Copy them again.", path=str(path)
        ) from error


def _fetched(encoder: Backbone) -> Path:
    """The library's weights on this machine, fetched where they are not there yet."""
    name, config = encoder.settings.backbone, encoder.network.pretrained_cfg
    place: Any = config.get("hf_hub_id") if isinstance(config, dict) else None
    if not place:
        raise ModelFileError(
            f"timm knows no weights of backbone '{name}' that could be fetched. Set model.encoder.weights to none "
            "or to the path of a .safetensors file."
        )
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(place, "model.safetensors"))
    except Exception as error:  # of the network, of the disk, of the library's own: all mean the same here
        raise ModelFileError(
            f"The weights of backbone '{name}' are not on this machine and cannot be fetched. Give a file by "
            "--set model.encoder.weights=PATH, or begin at random by --set model.encoder.weights=none "
            "--set model.encoder.frozen=false."
        ) from error


def _expect_fit(weights: dict[str, Tensor], network: nn.Module, path: Path, backbone: str) -> None:
    """Takes what belongs to a classifier out of the weights, in place; the others must be the network's."""
    state = network.state_dict()
    missing = sorted(state.keys() - weights.keys())
    if missing:
        raise ModelFileError(
            f"The weights {path} are not those of backbone '{backbone}': '{missing[0]}' is missing. Give the file "
            "of the same name in timm.",
            path=str(path),
        )
    for name in list(weights):
        if name not in state:
            del weights[name]
        elif weights[name].shape != state[name].shape:
            found, right = tuple(weights[name].shape), tuple(state[name].shape)
            raise ModelFileError(
                f"The weights {path} do not fit backbone '{backbone}': '{name}' is {found}, not {right}. Give those of "
                "the same input size.",
                path=str(path),
            )
        elif weights[name].is_floating_point() and not bool(weights[name].isfinite().all()):
            raise ModelFileError(
                f"The weights {path} hold weights that are not numbers, in '{name}'. Copy them again.", path=str(path)
            )
