"""From one vector of an image to the N vectors that a language model takes for its first N tokens: the prefix.

    MLP            (B, E) ─ linear ─ tanh ─ linear ─▶ (B, N · D) ─ cut into N pieces ─▶ (B, N, D)

    transformer    (B, E) ─ linear ─▶ (B, M, D) ──┐
                   N learned constants (N, D) ────┴─ 8 blocks ─ the last N tokens ─▶ (B, N, D)

The MLP has few layers and many weights. The transformer asks: its constants are the same for every image, look at
the image's M tokens and at each other, and what has become of them is the prefix. ClipCap trains it beside a frozen
language model, and the MLP together with one that learns.

Source: Mokady, Hertz and Bermano 2021, "ClipCap: CLIP Prefix for Image Captioning", sections 3.2 and 3.3; their
``train.py``.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from clip_tutor.towers.attention import Block


@dataclass(frozen=True)
class MLPMapperConfig:
    """The shape of an MLP mapper; what is not said is ClipCap's."""

    hidden: int | None = None  # numbers between the two layers; half of the N · D that come out if not given


@dataclass(frozen=True)
class TransformerMapperConfig:
    """The shape of a transformer mapper; what is not said is ClipCap's."""

    layers: int = 8
    heads: int = 8  # K
    image_tokens: int = 10  # M, into how many tokens the image's vector is spread
    mlp_ratio: int = 2  # the MLP inside each block is so many times as wide as the block


MapperConfig = MLPMapperConfig | TransformerMapperConfig


class MLPMapper(nn.Module):
    """One image vector to N prefix vectors through one hidden layer.

    Args:
        embed_dim: E, the length of an image's vector.
        width: D, the length of the language model's token vectors.
        prefix_length: N.
    """

    def __init__(self, config: MLPMapperConfig, embed_dim: int, width: int, prefix_length: int) -> None:
        super().__init__()
        self.width = width
        hidden = config.hidden or prefix_length * width // 2
        self.layers = nn.Sequential(nn.Linear(embed_dim, hidden), nn.Tanh(), nn.Linear(hidden, prefix_length * width))

    def forward(self, image_features: Tensor) -> Tensor:
        """Return (B, N, D) from (B, E)."""
        return self.layers(image_features).unflatten(1, (-1, self.width))


class TransformerMapper(nn.Module):
    """One image vector to N prefix vectors: learned constants look at it through a transformer.

    Args:
        embed_dim: E, the length of an image's vector.
        width: D, the length of the language model's token vectors; a multiple of the heads.
        prefix_length: N.
    """

    def __init__(self, config: TransformerMapperConfig, embed_dim: int, width: int, prefix_length: int) -> None:
        super().__init__()
        self.width = width
        self.linear = nn.Linear(embed_dim, config.image_tokens * width)
        self.constants = nn.Parameter(torch.randn(prefix_length, width))
        mlp_width = config.mlp_ratio * width
        self.blocks = nn.Sequential(
            *(Block(width, config.heads, "relu", mlp_width=mlp_width) for _ in range(config.layers))
        )

    def forward(self, image_features: Tensor) -> Tensor:
        """Return (B, N, D) from (B, E)."""
        image_tokens = self.linear(image_features).unflatten(1, (-1, self.width))  # (B, M, D)
        constants = self.constants.expand(len(image_features), -1, -1)  # (B, N, D)
        tokens = self.blocks(torch.cat([image_tokens, constants], dim=1))  # (B, M + N, D)
        return tokens[:, -len(self.constants) :]


def build_mapper(config: MapperConfig, embed_dim: int, width: int, prefix_length: int) -> MLPMapper | TransformerMapper:
    """Return a mapper with fresh weights; the arguments are those of the mappers."""
    if isinstance(config, MLPMapperConfig):
        return MLPMapper(config, embed_dim, width, prefix_length)
    return TransformerMapper(config, embed_dim, width, prefix_length)
