"""The part that sees a face; one for both identities, so that both are described in the same words."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from understudy.model.backbone import Backbone
from understudy.model.haar import haar_from_pixels
from understudy.model.layers import Downsampler, LeakyRectifier, ResidualBlock, convolution, even_convolution, run_level
from understudy.model.scaling import scaled
from understudy.settings.network import EncoderSettings, ModelSettings

__all__ = ["DnyEncoder", "Encoder", "StridedEncoder", "build_encoder"]


class StridedEncoder(nn.Module):
    """Features of a face: (B, 3, S, S) centred codes -> (B, widths[-1], S / shrink, S / shrink).

    Args:
        settings: Input, stem, widths and blocks. `shrink` is the stem times 2 for every level.
        checkpoint_levels: How many of the first levels are computed twice while training.
    """

    def __init__(self, settings: EncoderSettings, checkpoint_levels: int = 0) -> None:
        super().__init__()
        self.settings, self.checkpoint_levels = settings, checkpoint_levels
        levels: list[nn.Module] = []
        width = 3 * settings.stem**2
        for next_width, count in zip(settings.widths, settings.level_blocks(), strict=True):
            blocks = [ResidualBlock(next_width, settings.block_kind, settings.slope) for _ in range(count)]
            levels.append(nn.Sequential(Downsampler(width, next_width, settings.kernel, settings.slope), *blocks))
            width = next_width
        self.levels = nn.Sequential(*levels)
        self.width_out = width

    def forward(self, centred: Tensor) -> Tensor:
        """The features of every face of the batch."""
        features = _stem(centred, self.settings)
        for number, level in enumerate(self.levels):
            features = run_level(level, features, twice=number < self.checkpoint_levels)
        return features


class DnyEncoder(nn.Module):
    """A face as one pixel: (B, 3, S, S) centred codes -> (B, widths[-1], 1, 1).

    Two convolutions and a pooling for each level; in the last one, at 4 pixels, a convolution that leaves one. As in
    the reference 1024 preset of the field, after Naruniec et al., "High-Resolution Neural Face Swapping for Visual
    Effects", 2020, figure 3.

    Args:
        settings: Input, stem and widths.
        checkpoint_levels: How many of the first levels are computed twice while training.
    """

    def __init__(self, settings: EncoderSettings, checkpoint_levels: int = 0) -> None:
        super().__init__()
        self.settings, self.checkpoint_levels = settings, checkpoint_levels
        widths, slope = settings.widths, settings.slope
        levels: list[nn.Module] = []
        for number, width in enumerate(widths):
            is_last = number == len(widths) - 1
            next_width = width if is_last else widths[number + 1]
            first = [convolution(3 * settings.stem**2, width, side=1), LeakyRectifier(slope)] if number == 0 else []
            second = even_convolution(width, next_width) if is_last else convolution(width, next_width)
            last: list[nn.Module] = [] if is_last else [nn.MaxPool2d(2)]
            both = [convolution(width, width), LeakyRectifier(slope), second, LeakyRectifier(slope)]
            levels.append(nn.Sequential(*first, *both, *last))
        self.levels = nn.Sequential(*levels)
        self.width_out = widths[-1]

    def forward(self, centred: Tensor) -> Tensor:
        """The features of every face of the batch."""
        features = _stem(centred, self.settings)
        for number, level in enumerate(self.levels):
            features = run_level(level, features, twice=number < self.checkpoint_levels)
        return features


Encoder = StridedEncoder | DnyEncoder | Backbone


def build_encoder(settings: ModelSettings) -> Encoder:
    """The encoder that a preset describes; `width_out` says how many channels it has.

    Raises:
        SettingsError: There is no such backbone, or it cannot be used.
    """
    if settings.encoder.kind == "timm":
        return Backbone(settings.encoder)
    if settings.encoder.kind == "dny":
        return DnyEncoder(settings.encoder, settings.checkpoint_levels)
    return StridedEncoder(settings.encoder, settings.checkpoint_levels)


def _stem(centred: Tensor, settings: EncoderSettings) -> Tensor:
    seen = scaled(centred, settings.input)
    if settings.stem_kind == "haar":
        return haar_from_pixels(seen, settings.stem)
    return functional.pixel_unshuffle(seen, settings.stem)
