"""The Vision Transformer as CLIP has it: a picture is cut into patches, and patches are read like words.

    (B, 3, H, W) ─ patches ─▶ (B, N, D) ─ class token, positions ─▶ (B, 1+N, D)
      ─ LayerNorm ─ blocks ─▶ the class token's row ─ LayerNorm ─ projection ─▶ (B, E)

It departs from Dosovitskiy et al. 2021 in two places: a LayerNorm BEFORE the blocks, and no bias in the
patch embedding (the positions, added right after, can do its work).
Source: openai/CLIP ``clip/model.py``, class VisionTransformer.
"""

import itertools
import math
from dataclasses import dataclass
from typing import Literal

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
    stem: Literal["patch", "conv"] = "patch"

    def __post_init__(self) -> None:
        if self.image_size % self.patch_size:
            raise ValueError(
                f"patches of {self.patch_size} pixels do not tile a picture of {self.image_size}: "
                f"{self.image_size % self.patch_size} pixels would be left over"
            )
        if self.stem == "conv" and (self.patch_size < 4 or self.patch_size & (self.patch_size - 1)):
            raise ValueError(f"the conv stem halves the picture again and again: patch_size {self.patch_size} must be 4, 8, 16 or 32")


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


class ConvStem(nn.Module):
    """Small overlapping convolutions in place of one big cut: edges survive, and a small model learns faster.

    The first convolution divides the sides by 4, each further one by 2, until a cell stands for P × P pixels.
    Source: Xiao et al. 2021, "Early Convolutions Help Transformers See Better".
    """

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        import os
        v=os.environ.get("STEM","a"); w=config.width; L=[]
        def cbr(i,o,k,st): return [nn.Conv2d(i,o,k,st,k//2 if k%2 else 0,bias=False),nn.BatchNorm2d(o),nn.ReLU()]
        if v=="a":
            halvings = int(math.log2(config.patch_size // 4))
            channels = [config.width >> (halvings - n) for n in range(halvings + 1)]
            L = [nn.Conv2d(3, channels[0], kernel_size=4, stride=4)]
            for narrow, wide in itertools.pairwise(channels):
                L += [nn.GELU(), nn.Conv2d(narrow, wide, kernel_size=3, stride=2, padding=1)]
        elif v=="b": L=cbr(3,w//8,3,2)+cbr(w//8,w//4,3,2)+cbr(w//4,w//2,3,2)+cbr(w//2,w,3,2)+[nn.Conv2d(w,w,1)]
        elif v=="c": L=cbr(3,w//4,4,4)+cbr(w//4,w//2,3,2)+cbr(w//2,w,3,2)+[nn.Conv2d(w,w,1)]
        elif v=="d": L=cbr(3,w//4,4,4)+cbr(w//4,w//2,3,2)+cbr(w//2,w,3,1)+cbr(w,w,3,2)+[nn.Conv2d(w,w,1)]
        elif v=="e": L=cbr(3,32,3,2)+cbr(32,64,3,2)+cbr(64,128,3,2)+cbr(128,w,3,2)+[nn.Conv2d(w,w,1)]
        elif v=="f": L=cbr(3,64,4,4)+cbr(64,128,3,2)+cbr(128,128,3,2)+[nn.Conv2d(128,w,1)]
        elif v=="g": L=cbr(3,32,4,4)+cbr(32,64,3,1)+cbr(64,128,3,2)+cbr(128,128,3,2)+[nn.Conv2d(128,w,1)]
        elif v=="h": L=cbr(3,48,4,4)+cbr(48,96,3,2)+cbr(96,192,3,2)+[nn.Conv2d(192,w,1)]
        elif v=="i": L=cbr(3,64,4,4)+cbr(64,128,3,2)+cbr(128,256,3,2)+[nn.Conv2d(256,w,1)]
        layers=L
        self.layers = nn.Sequential(*layers)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return (B, N, D) from (B, 3, H, W)."""
        return self.layers(pixels).flatten(2).transpose(1, 2)


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
        self.stem = ConvStem(config) if config.stem == "conv" else PatchStem(config)
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
