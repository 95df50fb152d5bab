"""Flamingo: a frozen image tower and a frozen language model, and between them all that learns.

    images ─ frozen tower ─▶ (B, images, N, D_image) ─ resampler ─▶ (B, images, latents, D_image)
                                                                         │ keys and values
    ids (B, T) ─ embed ─ positions ─▶ (B, T, D) ─ gated ─ block ─ … ─ gated ─ block ─▶ LayerNorm ─ head ─▶ (B, T, V)
                                                  new     frozen      new     frozen

An image stands in the text as a mark, ``<image>``, whose vector is learned. The mark has the id V, one beyond the
vocabulary: the language model reads it and never writes it. What the image shows comes in through the gated blocks.

The gates are closed at the start: the whole is then the language model, to the last bit, whatever the images.

Sources: Alayrac et al. 2022, section 2; open_flamingo ``src/flamingo.py`` and ``src/flamingo_lm.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from clip_tutor.applications.flamingo.gated import GatedCrossAttention
from clip_tutor.applications.flamingo.masks import Attend, image_mask
from clip_tutor.applications.flamingo.resampler import PerceiverResampler, ResamplerConfig
from clip_tutor.applications.language_model import LanguageModel
from clip_tutor.towers.cross_attention import collect_maps


@dataclass(frozen=True)
class FlamingoConfig:
    """The shape of what lies between an image tower and a language model; what is not said is OpenFlamingo's."""

    image_width: int  # D_image, of the places that the image tower gives
    latents: int = 64  # tokens that an image is turned into
    resampler_depth: int = 6
    heads: int = 8  # K, of the resampler and of the gated blocks
    head_width: int = 64
    mlp_ratio: int = 4
    every: int = 1  # a gated block stands ahead of each such block of the language model: 1, all; 2, every other
    attend: Attend = "preceding"  # the images that a token may look at: the last before it, or "all" before it


class Flamingo(nn.Module):
    """A language model that is shown images.

    Args:
        language_model: it is frozen: its parameters ask for no gradient any more, and it stays in evaluation mode.

    Raises:
        ValueError: the language model has fewer blocks than ``config.every``: none would see an image.
    """

    def __init__(self, config: FlamingoConfig, language_model: LanguageModel) -> None:
        super().__init__()
        layers, D = language_model.config.layers, language_model.config.width
        if not 1 <= config.every <= layers:
            raise ValueError(
                f"a gated block ahead of every {config.every} blocks, and this language model has {layers}: choose 1 "
                f"to {layers}"
            )
        self.config = config
        self.resampler = PerceiverResampler(
            ResamplerConfig(
                config.image_width,
                config.latents,
                config.resampler_depth,
                config.heads,
                config.head_width,
                config.mlp_ratio,
            )
        )
        gated = (D, config.image_width, config.heads, config.head_width, config.mlp_ratio)
        self.gated = nn.ModuleList(GatedCrossAttention(*gated) for _ in range(layers // config.every))
        self.image_mark = nn.Parameter(0.02 * torch.randn(D))  # as GPT-2's token vectors begin
        self.language_model = language_model.requires_grad_(False).eval()

    @property
    def image_id(self) -> int:
        """The id of the mark: V, the first that no token has."""
        return self.language_model.config.vocab_size

    def train(self, mode: bool = True) -> Flamingo:
        """Put the new layers into training, or all into evaluation; the language model stays in evaluation."""
        super().train(mode)
        self.language_model.eval()
        return self

    def trained_parameters(self) -> list[nn.Parameter]:
        """Return what learns: the resampler, the gated blocks and the vector of the mark."""
        return [parameter for parameter in self.parameters() if parameter.requires_grad]

    def encode(self, features: Tensor) -> Tensor:
        """Return (B, images, latents, D_image) from (B, images, N, D_image), the places of each image."""
        return self.resampler(features)

    def embed(self, token_ids: Tensor) -> Tensor:
        """Return (B, T, D), each token's or mark's vector without its position, from (B, T) ids."""
        marks = token_ids == self.image_id
        words = self.language_model.embed(token_ids.masked_fill(marks, 0))
        return torch.where(marks[..., None], self.image_mark, words)

    def forward(self, features: Tensor, token_ids: Tensor) -> Tensor:
        """Return (B, T, V): at each place, the logits of the token after it.

        Args:
            features: (B, images, N, D_image).
            token_ids: (B, T), texts in which each image has its mark, of id `image_id`.

        Raises:
            ValueError: features of another width, more tokens than the context holds, unknown ids, or not as many
                marks in a row as images.
        """
        return self.read(self.encode(features), token_ids)

    def read(self, images: Tensor, token_ids: Tensor) -> Tensor:
        """Return (B, T, V), as `forward`, from images that `encode` has been given already.

        Args:
            images: (B, images, latents, D_image). Texts about the same images share the work.
        """
        model = self.language_model
        mask = image_mask(token_ids, self.image_id, images.shape[1], self.config.attend)  # (B, T, images)
        gated = iter(self.gated)
        x = model.add_positions(self.embed(token_ids))  # (B, T, D)
        for number, block in enumerate(model.blocks, start=1):
            if number % self.config.every == 0:
                x = next(gated)(x, images, mask)
            x = block(x)
        return model.head(model.ln_final(x))

    def gates(self) -> Tensor:
        """Return (gated blocks, 2): how far each block's gates are open, attention's and MLP's, from -1 to 1."""
        blocks = [cast(GatedCrossAttention, block) for block in self.gated]
        return torch.stack([torch.stack([block.attention_gate, block.mlp_gate]) for block in blocks]).tanh().detach()

    def attention_maps(self, images: Tensor, token_ids: Tensor) -> list[Tensor]:
        """Return, for each gated block, (B, K, T, images, latents): where in the images each token looks.

        The arguments are those of `read`. A row adds up to 1, and to 0 ahead of the first image. Where in an image a
        latent looked is said by ``resampler.attention_maps``.
        """
        attentions = [cast(GatedCrossAttention, block).attention for block in self.gated]
        maps = collect_maps(attentions, lambda: self.read(images, token_ids))  # (B, K, T, images · latents)
        return [found.unflatten(-1, images.shape[1:3]) for found in maps]
