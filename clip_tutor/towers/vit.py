"""The Vision Transformer as CLIP has it: a picture is cut into patches, and patches are read like words.

    (B, 3, H, W) ─ patches ─▶ (B, N, D) ─ class token, positions ─▶ (B, 1+N, D)
      ─ LayerNorm ─ blocks ─▶ the class token's row ─ LayerNorm ─ projection ─▶ (B, E)

It departs from Dosovitskiy et al. 2021 in two places: a LayerNorm BEFORE the blocks, and no bias in the
patch embedding (the positions, added right after, can do its work).
Source: openai/CLIP ``clip/model.py``, class VisionTransformer.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from clip_tutor.towers.attention import Activation, Block


@dataclass(frozen=True)
class ViTConfig:
    """The shape of a Vision Transformer."""

    image_size: int  # H = W, in pixels
    patch_size: int  # P, in pixels; N = (image_size / patch_size)²
    width: int  # D
    layers: int
    heads: int  # K
    activation: Activation = "quick_gelu"
    stem_channels: tuple[int, ...] = ()  # none: patches are cut out, as in CLIP; three: a convolutional stem

    def __post_init__(self) -> None:
        if self.image_size % self.patch_size:
            raise ValueError(
                f"patches of {self.patch_size} pixels do not tile a picture of {self.image_size}: "
                f"{self.image_size % self.patch_size} pixels would be left over"
            )
        if self.stem_channels and (len(self.stem_channels) != 3 or self.patch_size != 16):
            raise ValueError(
                f"the convolutional stem has three convolutions and makes cells of 16 pixels: give three channel "
                f"counts and patch_size 16, not {self.stem_channels} and {self.patch_size}"
            )


class PatchStem(nn.Module):
    """Cut the picture into patches of P × P pixels and map each, alone, to a vector of D numbers.

    A convolution whose stride equals its kernel does just that. ``test_patch_stem_is_a_linear_map_of_patches``
    shows it.
    """

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        P = config.patch_size
        self.embed = nn.Conv2d(3, config.width, kernel_size=P, stride=P, bias=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return (B, N, D) from (B, 3, H, W)."""
        return self.embed(pixels).flatten(2).transpose(1, 2)


class ConvStem(nn.Sequential):
    """Small overlapping convolutions in place of one big cut: edges survive, and a small model learns far sooner.

    Two of the four halvings are max-pools: they keep the strongest answer of each neighborhood, so that a thing
    moved by a pixel still looks the same. BatchNorm keeps the answers in a steady range.
    Source: Xiao et al. 2021, "Early Convolutions Help Transformers See Better", section 3, with pooling added.
    """

    def __init__(self, config: ViTConfig) -> None:
        first, second, third = config.stem_channels
        super().__init__(
            *self._layer(3, first, stride=2),  # (B, first, H/2, W/2)
            nn.MaxPool2d(2),  # H/4
            *self._layer(first, second, stride=1),
            nn.MaxPool2d(2),  # H/8
            *self._layer(second, third, stride=2),  # H/16
            nn.Conv2d(third, config.width, kernel_size=1),
            nn.Flatten(2),
        )

    @staticmethod
    def _layer(before: int, after: int, stride: int) -> list[nn.Module]:
        # BatchNorm subtracts the mean, so a bias here could change nothing.
        convolution = nn.Conv2d(before, after, kernel_size=3, stride=stride, padding=1, bias=False)
        return [convolution, nn.BatchNorm2d(after), nn.ReLU()]

    def forward(self, pixels: Tensor) -> Tensor:
        """Return (B, N, D) from (B, 3, H, W)."""
        return super().forward(pixels).transpose(1, 2)


class VisionTransformer(nn.Module):
    """CLIP's image tower.

    Args:
        config: the shape of the tower.
        embed_dim: E, the length of the vector that pictures and captions share.
    """

    def __init__(self, config: ViTConfig, embed_dim: int) -> None:
        super().__init__()
        self.config = config
        D, N = config.width, (config.image_size // config.patch_size) ** 2
        scale = D**-0.5  # CLIP's: token vectors then start with length about 1
        self.stem = ConvStem(config) if config.stem_channels else PatchStem(config)
        self.class_token = nn.Parameter(scale * torch.randn(D))
        self.positions = nn.Parameter(scale * torch.randn(1 + N, D))
        self.ln_pre = nn.LayerNorm(D)
        self.blocks = nn.Sequential(*(Block(D, config.heads, config.activation) for _ in range(config.layers)))
        self.ln_post = nn.LayerNorm(D)
        self.projection = nn.Parameter(scale * torch.randn(D, embed_dim))

    def forward(self, pixels: Tensor) -> Tensor:
        """Return (B, E) picture vectors of any length from (B, 3, H, W) normalized pixels.

        Raises:
            ValueError: the pictures do not have the size this tower was built for.
        """
        H = W = self.config.image_size
        if pixels.shape[1:] != (3, H, W):
            raise ValueError(
                f"this tower reads pictures of shape (B, 3, {H}, {W}), and these have {tuple(pixels.shape)}: "
                f"resize them with clip_tutor.images first"
            )
        patches = self.stem(pixels)  # (B, N, D)
        class_token = self.class_token.expand(len(patches), 1, -1)  # (B, 1, D)
        x = torch.cat([class_token, patches], dim=1) + self.positions  # (B, 1+N, D)
        x = self.blocks(self.ln_pre(x))
        return self.ln_post(x[:, 0]) @ self.projection  # (B, E)
