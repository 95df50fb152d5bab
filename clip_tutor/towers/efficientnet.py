"""EfficientNet, ALIGN's kind of image tower: one small network, made wider, deeper and finer all at once.

    (B, 3, H, W) ─ stem ─▶ H/2 ─ seven stages of blocks ─▶ (B, D, H/32, W/32) ─ mean ─▶ (B, D)

    a block:   x ─ widen (1 × 1) ─ look around, channel by channel ─ squeeze, excite ─ narrow (1 × 1) ─(+)─▶
               └────────────────────────────────────────────────────────────────────────────────────────┘

It is wide inside and narrow outside, the other way round than ResNet's block. That is cheap since no channel sees
another while looking around. ALIGN leaves out the last convolution of the classifier: the mean is the image's vector.
Sources: Tan and Le 2019, section 4 and table 1; Sandler et al. 2018 (the block); kakaobrain/coyo-align
``models/efficientnet.py``.
"""

import math
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from clip_tutor.towers.convolution import ConvNorm, DropPath, HalvingPad, SqueezeExcitation, channels_last


class StageConfig(NamedTuple):
    """A row of the paper's table 1, before scaling."""

    kernel_size: int
    channels: int  # outside
    layers: int
    stride: int  # of the first block
    widen: int  # how many times wider a block is inside


STAGES = (
    StageConfig(3, 16, 1, 1, 1),
    StageConfig(3, 24, 2, 2, 6),
    StageConfig(5, 40, 2, 2, 6),
    StageConfig(3, 80, 3, 2, 6),
    StageConfig(5, 112, 3, 1, 6),
    StageConfig(5, 192, 4, 2, 6),
    StageConfig(3, 320, 1, 1, 6),
)
STEM_CHANNELS = 32

# TensorFlow's momentum of 0.99 is the share that stays; PyTorch's 0.01 is the share that is new.
_ConvNorm = partial(ConvNorm, eps=1e-3, momentum=0.01)


@dataclass(frozen=True)
class EfficientNetConfig:
    """The shape of an EfficientNet: B0 as it stands; B7 with width 2.0 and depth 3.1."""

    image_size: int  # H = W, in pixels
    width: float = 1.0  # times the channels of every stage
    depth: float = 1.0  # times the layers of every stage
    drop_path: float = 0.2  # how often training skips a block: rising towards this figure

    def channels(self, channels: int) -> int:
        """Return a stage's channels after scaling: a multiple of 8, and never more than 10 % too few."""
        wanted = channels * self.width
        rounded = max(8, int(wanted + 4) // 8 * 8)
        return rounded + 8 if rounded < 0.9 * wanted else rounded

    def layers(self, layers: int) -> int:
        """Return a stage's layers after scaling."""
        return math.ceil(self.depth * layers)


class InvertedBottleneck(nn.Module):
    """Widen, look around, weigh the channels, narrow, and add the outcome to what came in if it has its shape.

    Args:
        in_channels, out_channels: C, the number of channels that come in and go out.
        stage: the row of the table this block belongs to.
        stride: 2 halves height and width.
        drop_path: how often training skips the block.
    """

    def __init__(self, in_channels: int, out_channels: int, stage: StageConfig, stride: int, drop_path: float) -> None:
        super().__init__()
        kernel_size, inside = stage.kernel_size, stage.widen * in_channels
        self.expand = None if stage.widen == 1 else _ConvNorm(in_channels, inside, kernel_size=1)
        self.pad = HalvingPad(kernel_size) if stride == 2 else nn.Identity()
        padding = 0 if stride == 2 else kernel_size // 2
        self.depthwise = _ConvNorm(inside, inside, kernel_size, stride, groups=inside, padding=padding)
        self.excitation = SqueezeExcitation(inside, max(1, in_channels // 4))
        self.project = _ConvNorm(inside, out_channels, kernel_size=1)  # narrow: an activation loses information
        self.adds = stride == 1 and in_channels == out_channels
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, out_channels, H/stride, W/stride) from (B, in_channels, H, W)."""
        branch = x if self.expand is None else F.silu(self.expand(x), inplace=True)  # (B, inside, H, W)
        branch = F.silu(self.depthwise(self.pad(branch)), inplace=True)  # (B, inside, H/stride, W/stride)
        branch = self.project(self.excitation(branch))  # (B, out_channels, H/stride, W/stride)
        return x + self.drop_path(branch) if self.adds else branch


class EfficientNet(nn.Module):
    """An EfficientNet as an image tower.

    Args:
        config: the shape of the tower.
        embed_dim: E, the length of the vector that images and captions share. Where the last stage has as many
            channels (640 in B7), there is no projection.
    """

    def __init__(self, config: EfficientNetConfig, embed_dim: int) -> None:
        super().__init__()
        self.config = config
        in_channels = config.channels(STEM_CHANNELS)
        self.pad = HalvingPad(3)
        self.stem = _ConvNorm(3, in_channels, kernel_size=3, stride=2, padding=0)
        depth = sum(config.layers(stage.layers) for stage in STAGES)
        blocks: list[nn.Module] = []
        for stage in STAGES:
            out_channels = config.channels(stage.channels)
            for layer in range(config.layers(stage.layers)):
                stride = stage.stride if layer == 0 else 1
                drop_path = config.drop_path * len(blocks) / depth
                blocks.append(InvertedBottleneck(in_channels, out_channels, stage, stride, drop_path))
                in_channels = out_channels
        self.blocks = nn.Sequential(*blocks)
        self.apply(_reset)
        self.projection = nn.Identity() if in_channels == embed_dim else nn.Linear(in_channels, embed_dim)

    def feature_map(self, pixels: Tensor) -> Tensor:
        """Return (B, D, H/32, W/32), what each place of the image shows, from (B, 3, H, W).

        Raises:
            ValueError: the images do not have the size this tower was built for.
        """
        pixels = channels_last(pixels, self.config.image_size)
        x = F.silu(self.stem(self.pad(pixels)), inplace=True)  # (B, C, H/2, W/2)
        return self.blocks(x)  # (B, D, H/32, W/32)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return (B, E) image vectors of any length from (B, 3, H, W) normalized pixels."""
        return self.projection(self.feature_map(pixels).mean(dim=(2, 3)))  # (B, E)


def _reset(layer: nn.Module) -> None:
    """Draw a convolution's weights so that gradients keep their variance: 2 / fan-out, truncated at 2σ."""
    if isinstance(layer, nn.Conv2d):
        fan_out = layer.out_channels // layer.groups * layer.kernel_size[0] * layer.kernel_size[1]
        std = math.sqrt(2 / fan_out) / 0.8796  # cutting at two deviations leaves 0.8796 of the spread
        nn.init.trunc_normal_(layer.weight, std=std, a=-2 * std, b=2 * std)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
