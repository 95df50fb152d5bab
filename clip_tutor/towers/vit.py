"""The Vision Transformer: an image is cut into patches, and patches are read like words.

    (B, 3, H, W) ─ patches ─▶ (B, N, D) ─ class token, positions ─▶ (B, 1+N, D)
      ─ LayerNorm ─ blocks ─▶ the class token's row ─ LayerNorm ─ projection ─▶ (B, E)

Three families share these lines, and `ViTConfig` says where they part:

                 LayerNorm before the blocks   bias in the patch embedding   read from
    plain ViT    no                            yes                           the class token
    CLIP         yes                           no: positions do its work     the class token
    SigLIP       no                            yes                           all tokens: a MAP head

Sources: Dosovitskiy et al. 2021, section 3.1; openai/CLIP ``clip/model.py``, class VisionTransformer;
google-research/big_vision ``models/vit.py``.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from clip_tutor.towers.attention import Activation, Block
from clip_tutor.towers.checks import check_map_head, check_pixels
from clip_tutor.towers.intermediates import Intermediates, collect
from clip_tutor.towers.pooling import MAPHead
from clip_tutor.towers.single_query import forward_blocks


@dataclass(frozen=True)
class ViTConfig:
    """The shape of a Vision Transformer; what is not said is CLIP's."""

    image_size: int  # H = W, in pixels
    patch_size: int  # P, in pixels; N = (image_size / patch_size)²
    width: int  # D
    layers: int
    heads: int  # K
    activation: Activation = "quick_gelu"
    stem_channels: tuple[int, ...] = ()  # none: patches are cut out, as in CLIP; three: a convolutional stem
    mlp_width: int | None = None  # inside each block's MLP; 4 · D if not given
    ln_pre: bool = True  # LayerNorm before the blocks
    patch_bias: bool = False
    pool: Literal["class", "map"] = "class"
    eps: float = 1e-5  # of every LayerNorm

    def __post_init__(self) -> None:
        if self.image_size % self.patch_size and self.pool == "class":
            raise ValueError(
                f"patches of {self.patch_size} pixels do not tile an image of {self.image_size}: "
                f"{self.image_size % self.patch_size} pixels would be left over"
            )
        if self.stem_channels and (len(self.stem_channels) != 3 or self.patch_size != 16):
            raise ValueError(
                f"the convolutional stem has three convolutions and makes cells of 16 pixels: give three channel "
                f"counts and patch_size 16, not {self.stem_channels} and {self.patch_size}"
            )


class PatchEmbed(nn.Module):
    """Cut the image into patches of P × P pixels and map each, alone, to a vector of D numbers.

    A convolution whose stride equals its kernel does just that. ``test_patch_embed_is_a_linear_map_of_patches``
    shows it.
    """

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        P = config.patch_size
        self.proj = nn.Conv2d(3, config.width, kernel_size=P, stride=P, bias=config.patch_bias)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return (B, N, D) from (B, 3, H, W)."""
        return self.proj(pixels).flatten(2).transpose(1, 2)


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
            nn.ReLU(),  # after the pool: the same numbers from a quarter of the work
            *self._layer(first, second, stride=1),
            nn.MaxPool2d(2),  # H/8
            nn.ReLU(),
            *self._layer(second, third, stride=2),  # H/16
            nn.ReLU(),
            nn.Conv2d(third, config.width, kernel_size=1),
            nn.Flatten(2),
        )

    @staticmethod
    def _layer(in_channels: int, out_channels: int, stride: int) -> list[nn.Module]:
        # BatchNorm subtracts the mean, so a bias here could change nothing.
        convolution = nn.Conv2d(in_channels, out_channels, kernel_size=3, stride=stride, padding=1, bias=False)
        return [convolution, nn.BatchNorm2d(out_channels)]

    def forward(self, pixels: Tensor) -> Tensor:
        """Return (B, N, D) from (B, 3, H, W)."""
        return super().forward(pixels).transpose(1, 2)  # type: ignore[no-untyped-call]


class VisionTransformer(nn.Module):
    """An image tower made of transformer blocks: CLIP's, the plain one, or SigLIP's.

    Args:
        config: the shape of the tower.
        embed_dim: E, the length of the vector that images and captions share.
    """

    def __init__(self, config: ViTConfig, embed_dim: int) -> None:
        super().__init__()
        self.config = config
        D, N = config.width, (config.image_size // config.patch_size) ** 2
        scale = D**-0.5  # CLIP's: token vectors then start with length about 1
        self.patch_embed = ConvStem(config) if config.stem_channels else PatchEmbed(config)
        self.cls_token = nn.Parameter(scale * torch.randn(D)) if config.pool == "class" else None
        self.pos_embed = nn.Parameter(scale * torch.randn(N + (config.pool == "class"), D))
        self.ln_pre = nn.LayerNorm(D, config.eps) if config.ln_pre else nn.Identity()
        block = (D, config.heads, config.activation, False, config.mlp_width, config.eps)
        self.blocks = nn.Sequential(*(Block(*block) for _ in range(config.layers)))
        self.ln_post = nn.LayerNorm(D, config.eps)
        if config.pool == "class":
            self.projection = nn.Parameter(scale * torch.randn(D, embed_dim))
        else:
            check_map_head(D, embed_dim)
            self.head = MAPHead(D, config.heads, config.activation, config.mlp_width, config.eps)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return (B, E) image vectors of any length from (B, 3, H, W) normalized pixels.

        Raises:
            ValueError: the images do not have the size this tower was built for.
        """
        x = self.pooled(pixels)  # (B, D)
        return x if self.config.pool == "map" else x @ self.projection  # (B, E)

    def pooled(self, pixels: Tensor) -> Tensor:
        """Return (B, D): what a linear probe reads, one vector an image before the projection.

        A MAP head has no projection: there it is the image vector itself, and D = E.
        """
        x = self.embed(pixels)  # (B, T, D)
        if self.config.pool == "map":
            return self.head(self.ln_post(self.blocks(x)))  # (B, D)
        first = torch.zeros(len(x), dtype=torch.long, device=x.device)  # (B,): the class token
        x = forward_blocks(self.blocks, x, first)  # (B, D): what self.blocks(x) has at that token
        return self.ln_post(x)

    def embed(self, pixels: Tensor) -> Tensor:
        """Return (B, T, D): what goes into the blocks; T is N, and one more with a class token, which is token 0."""
        check_pixels(pixels, self.config.image_size)
        x = self.patch_embed(pixels)  # (B, N, D)
        if self.cls_token is not None:
            x = torch.cat([self.cls_token.expand(len(x), 1, -1), x], dim=1)  # (B, 1+N, D)
        return self.ln_pre(x + self.pos_embed)

    def intermediates(self, pixels: Tensor) -> Intermediates:
        """Return the token states (B, T, D) and attention maps (B, K, T, T) of each block."""
        return collect(self.blocks, self.embed(pixels))
