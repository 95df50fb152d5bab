"""ConvNeXt: a convolutional network rebuilt, step by step, with what made transformers good.

    (B, 3, H, W) ─ cut into 4 × 4 patches ─▶ stage ─ halve ─▶ stage ─ halve ─▶ stage ─ halve ─▶ stage
      ─▶ (B, D, H/32, W/32) ─ mean ─▶ (B, D) ─ LayerNorm ─ projection ─▶ (B, E)

    transformer block   look around: attention             then each token alone: an MLP
    ConvNeXt block      look around: a 7 × 7 convolution   then each place alone: an MLP
                        in which no channel sees another

Sources: Liu et al. 2022, section 2; facebookresearch/ConvNeXt ``models/convnext.py``; the projection is OpenCLIP's.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from clip_tutor.towers.attention import MLP
from clip_tutor.towers.convolution import DropPath, channels_last


@dataclass(frozen=True)
class ConvNeXtConfig:
    """The shape of a ConvNeXt."""

    image_size: int  # H = W, in pixels
    depths: tuple[int, int, int, int]  # blocks in each stage
    widths: tuple[int, int, int, int]  # channels in each stage; the last is D
    head: Literal["linear", "mlp"] = "linear"  # the projection: one layer, or two with 2 · E numbers between them
    eps: float = 1e-6  # of every LayerNorm
    drop_path: float = 0.1  # how often training skips the last block; the first it never skips

    def __post_init__(self) -> None:
        if self.image_size % 32:
            raise ValueError(
                f"a ConvNeXt makes its image 32 times smaller, and {self.image_size} is not a multiple of 32: "
                f"take {self.image_size // 32 * 32 or 32} or {(self.image_size // 32 + 1) * 32} pixels"
            )


class ChannelNorm(nn.LayerNorm):
    """LayerNorm over the channels of each place alone."""

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, C, H, W) from (B, C, H, W)."""
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Stem(nn.Module):
    """Cut the image into patches of 4 × 4 pixels, as a Vision Transformer does with larger ones."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, width, kernel_size=4, stride=4)
        self.norm = ChannelNorm(width, eps)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return (B, width, H/4, W/4) from (B, 3, H, W)."""
        return self.norm(self.conv(pixels))


class Downsample(nn.Module):
    """Normalize, then let each square of 2 × 2 places become one."""

    def __init__(self, in_channels: int, out_channels: int, eps: float) -> None:
        super().__init__()
        self.norm = ChannelNorm(in_channels, eps)
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size=2, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, out_channels, H/2, W/2) from (B, in_channels, H, W)."""
        return self.conv(self.norm(x))


class ConvNeXtBlock(nn.Module):
    """A 7 × 7 depthwise convolution, then an MLP at each place; a little of the result is added to the input.

    The factor of each channel, ``layer_scale``, begins at one in a million: a fresh block changes next to nothing.
    """

    def __init__(self, width: int, eps: float, drop_path: float) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(width, width, kernel_size=7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width, eps)
        self.mlp = MLP(width, "gelu")
        self.layer_scale = nn.Parameter(torch.full((width,), 1e-6))
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, C, H, W) from (B, C, H, W)."""
        places = self.depthwise(x).permute(0, 2, 3, 1)  # (B, H, W, C)
        branch = self.layer_scale * self.mlp(self.norm(places))  # (B, H, W, C)
        return x + self.drop_path(branch).permute(0, 3, 1, 2)  # (B, C, H, W)


class Stage(nn.Module):
    """Some blocks at one size; all stages begin by halving that, but the first, for which ``in_channels`` is None."""

    def __init__(self, in_channels: int | None, width: int, drop_paths: list[float], eps: float) -> None:
        super().__init__()
        self.downsample = nn.Identity() if in_channels is None else Downsample(in_channels, width, eps)
        self.blocks = nn.Sequential(*(ConvNeXtBlock(width, eps, rate) for rate in drop_paths))

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, width, H/2, W/2) from (B, in_channels, H, W); without the halves in the first stage."""
        return self.blocks(self.downsample(x))


class MLPHead(nn.Module):
    """A projection of two layers; the second without a bias."""

    def __init__(self, width: int, embed_dim: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 2 * embed_dim)
        self.activation = nn.GELU()
        self.fc2 = nn.Linear(2 * embed_dim, embed_dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, E) from (B, D)."""
        return self.fc2(self.activation(self.fc1(x)))


class ConvNeXt(nn.Module):
    """A ConvNeXt as an image tower.

    Args:
        config: the shape of the tower.
        embed_dim: E, the length of the vector that images and captions share.
    """

    def __init__(self, config: ConvNeXtConfig, embed_dim: int) -> None:
        super().__init__()
        self.config = config
        widths, depths, eps = config.widths, config.depths, config.eps
        blocks = sum(depths)
        rates = [config.drop_path * block / max(1, blocks - 1) for block in range(blocks)]  # rising to the last block
        self.stem = Stem(widths[0], eps)
        stages = []
        for in_channels, width, depth in zip((None, *widths), widths, depths, strict=False):
            stages.append(Stage(in_channels, width, rates[:depth], eps))
            rates = rates[depth:]
        self.stages = nn.Sequential(*stages)
        D = widths[-1]
        self.norm = nn.LayerNorm(D, eps)
        self.apply(_reset)
        self.projection = MLPHead(D, embed_dim) if config.head == "mlp" else nn.Linear(D, embed_dim, bias=False)

    def feature_map(self, pixels: Tensor) -> Tensor:
        """Return (B, D, H/32, W/32), what each place of the image shows, from (B, 3, H, W).

        Raises:
            ValueError: the images do not have the size this tower was built for.
        """
        x = self.stem(channels_last(pixels, self.config.image_size))  # (B, widths[0], H/4, W/4)
        return self.stages(x)  # (B, D, H/32, W/32)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return (B, E) image vectors of any length from (B, 3, H, W) normalized pixels."""
        pooled = self.feature_map(pixels).mean(dim=(2, 3))  # (B, D)
        return self.projection(self.norm(pooled))  # (B, E)


def _reset(layer: nn.Module) -> None:
    """Draw weights as ConvNeXt does: N(0, 0.02), no bias. ``test_convnext_initial_scales`` measures it."""
    if isinstance(layer, nn.Conv2d | nn.Linear):
        nn.init.trunc_normal_(layer.weight, std=0.02)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
