"""The prior: it is told a caption and shown a noisy image embedding, and says which image embedding it is.

    states 1 … T │ text embedding │ time │ noisy image embedding │ query
    ─────────────────── each token sees those before it ────────────▶ │ ─ LayerNorm ─ linear ─▶ x_0 (B, E)

The query comes last, so that it alone sees everything, and what is read is what the transformer makes of it. It is the
diffusion model of `clip_tutor.applications.diffusion` once more: the same schedule, noise and steps, and in place of an
image of 32 × 32 pixels a vector of E numbers. It predicts x_0 itself, not the noise.

Source: Ramesh et al. 2022, section 2.2; diffusers ``models/transformers/prior_transformer.py``.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from clip_tutor.applications.diffusion.blocks import timestep_embedding
from clip_tutor.applications.diffusion.schedule import ScheduleName, alphas_cumprod
from clip_tutor.towers.attention import Block
from clip_tutor.towers.single_query import forward_blocks

EXTRA_TOKENS = 4  # the text embedding, the time, the noisy image embedding, the query


@dataclass(frozen=True)
class PriorConfig:
    """The shape of a prior."""

    embed_dim: int  # E, of CLIP's embeddings
    text_width: int  # of the text tower's states
    context_length: int  # T, of a row of states
    width: int = 128  # D, of the prior's own tokens
    layers: int = 4
    heads: int = 4  # K
    schedule: ScheduleName = "cosine"

    def __post_init__(self) -> None:
        if self.width % 2:
            raise ValueError(f"width {self.width} is odd, and the time is told in pairs of waves: take an even one")


class Prior(nn.Module):
    """A causal transformer from a caption and a noisy image embedding to the image embedding.

    >>> prior = Prior(PriorConfig(embed_dim=16, text_width=24, context_length=8))
    >>> prior(torch.randn(2, 16), torch.tensor([0, 999]), torch.randn(2, 8, 24), torch.randn(2, 16)).shape
    torch.Size([2, 16])
    """

    alphas_cumprod: Tensor  # (1000,): ᾱ of each timestep

    def __init__(self, config: PriorConfig) -> None:
        super().__init__()
        self.config = config
        D, E = config.width, config.embed_dim
        self.register_buffer("alphas_cumprod", alphas_cumprod(config.schedule), persistent=False)
        self.states_in = nn.Linear(config.text_width, D)
        self.text_in = nn.Linear(E, D)
        self.time = nn.Sequential(nn.Linear(D, D), nn.SiLU(), nn.Linear(D, D))
        self.image_in = nn.Linear(E, D)
        self.query = nn.Parameter(D**-0.5 * torch.randn(D))
        self.pos_embed = nn.Parameter(D**-0.5 * torch.randn(config.context_length + EXTRA_TOKENS, D))
        self.blocks = nn.ModuleList(Block(D, config.heads, "gelu", causal=True) for _ in range(config.layers))
        self.ln = nn.LayerNorm(D)
        self.out = nn.Linear(D, E)

    def forward(self, noisy: Tensor, t: Tensor, states: Tensor, texts: Tensor) -> Tensor:
        """Return x_0, (B, E), at the scale of `to_variance_1`.

        Args:
            noisy: x_t, (B, E), at that scale, too.
            t: (B,), from 0 to 999.
            states: (B, T, text_width), all token states of each caption, padding included.
            texts: (B, E), their embeddings, at that scale.

        Raises:
            ValueError: states or vectors of another shape, or not one of each.
        """
        self.check(noisy, t, states, texts)
        time = timestep_embedding(t, self.config.width).to(noisy.dtype)  # (B, D)
        singles = [self.text_in(texts), self.time(time), self.image_in(noisy), self.query.expand(len(noisy), -1)]
        x = torch.cat([self.states_in(states), torch.stack(singles, dim=1)], dim=1)  # (B, T + 4, D)
        x = x + self.pos_embed
        last = torch.full((len(x),), x.shape[1] - 1, device=x.device)  # (B,): the query
        return self.out(self.ln(forward_blocks(self.blocks, x, last)))  # (B, E)

    def check(self, noisy: Tensor, t: Tensor, states: Tensor, texts: Tensor) -> None:
        """Refuse what `forward` does not read.

        Raises:
            ValueError: see `forward`.
        """
        T, D, E = self.config.context_length, self.config.text_width, self.config.embed_dim
        if states.shape[1:] != (T, D):
            raise ValueError(
                f"states of shape {tuple(states.shape)}, and this prior reads (B, {T}, {D}): whole rows of the text "
                "tower that it was trained with, from encode_prompts"
            )
        B = len(states)
        if noisy.shape != (B, E) or texts.shape != (B, E) or t.shape != (B,):
            raise ValueError(
                f"noisy embeddings {tuple(noisy.shape)}, text embeddings {tuple(texts.shape)} and timesteps "
                f"{tuple(t.shape)} for {B} captions: this prior reads ({B}, {E}), ({B}, {E}) and ({B},)"
            )
