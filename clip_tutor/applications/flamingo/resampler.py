"""The Perceiver resampler: however many places an image has, the language model gets the same few tokens of it.

    features  (B, images, N, D) ─ LayerNorm ─┬────────────────────┬─ keys, values
                                             │                    │
    latents   (latents, D) ───── LayerNorm ──┴────── queries ─ attention ─(+)─ MLP ─(+)─▶ … depth layers ─ LayerNorm
                       └──────────────────────────────────────────────────┘

The latents are learned constants, the same for every image: as many questions, which all images are asked. Each layer
looks at the places of the image and at the latents themselves, side by side in one row of keys. What comes out,
(B, images, latents, D), is the image for all that follows: the cost of looking at it no longer depends on N.

In shapes, ``images`` is how many images a row of the batch has and ``latents`` how many tokens each is turned into.

Sources: Alayrac et al. 2022, "Flamingo: a Visual Language Model for Few-Shot Learning", section 2.1;
flamingo-pytorch ``flamingo_pytorch.py``, class PerceiverResampler, without its embedding of an image's number.
"""

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from clip_tutor.towers.cross_attention import CrossAttention, FeedForward, collect_maps


@dataclass(frozen=True)
class ResamplerConfig:
    """The shape of a Perceiver resampler; what is not said is OpenFlamingo's."""

    width: int  # D, of an image's places, and of what comes out
    latents: int = 64  # tokens that an image is turned into
    depth: int = 6  # layers
    heads: int = 8  # K
    head_width: int = 64  # numbers of a query, a key and a value
    mlp_ratio: int = 4  # the MLP inside each layer is so many times as wide as the layer


class ResamplerLayer(nn.Module):
    """The latents look at the image and at each other, then think."""

    def __init__(self, config: ResamplerConfig) -> None:
        super().__init__()
        D = config.width
        self.ln_image = nn.LayerNorm(D)
        self.ln_latents = nn.LayerNorm(D)
        self.attention = CrossAttention(D, D, config.heads, config.head_width)
        self.mlp = FeedForward(D, config.mlp_ratio)

    def forward(self, latents: Tensor, features: Tensor) -> Tensor:
        """Return (B, images, latents, D) from latents of that shape and features (B, images, N, D)."""
        query = self.ln_latents(latents)
        source = torch.cat([self.ln_image(features), query], dim=-2)  # (B, images, N + latents, D)
        latents = latents + self.attention(query, source)
        return latents + self.mlp(latents)


class PerceiverResampler(nn.Module):
    """Turn the places of each image into a fixed number of tokens.

    >>> resampler = PerceiverResampler(ResamplerConfig(width=32, latents=8, depth=2))
    >>> resampler(torch.randn(2, 3, 49, 32)).shape
    torch.Size([2, 3, 8, 32])
    """

    def __init__(self, config: ResamplerConfig) -> None:
        super().__init__()
        self.config = config
        self.latents = nn.Parameter(torch.randn(config.latents, config.width))
        self.layers = nn.ModuleList(ResamplerLayer(config) for _ in range(config.depth))
        self.ln_final = nn.LayerNorm(config.width)

    def forward(self, features: Tensor) -> Tensor:
        """Return (B, images, latents, D) from features (B, images, N, D), N places of each image.

        Raises:
            ValueError: the features have another shape.
        """
        if features.ndim != 4 or features.shape[-1] != self.config.width:
            raise ValueError(
                f"features of shape {tuple(features.shape)}, and this resampler reads (B, images, N, "
                f"{self.config.width}): N places of each image of each row; give one image a row with features[:, None]"
            )
        B, images = features.shape[:2]
        latents = self.latents.expand(B, images, -1, -1)  # (B, images, latents, D)
        for layer in self.layers:
            latents = layer(latents, features)
        return self.ln_final(latents)

    def attention_maps(self, features: Tensor) -> list[Tensor]:
        """Return, for each layer, (B, images, K, latents, N + latents): where in the image each latent looks."""
        attentions = [cast(ResamplerLayer, layer).attention for layer in self.layers]
        return collect_maps(attentions, lambda: self(features))
