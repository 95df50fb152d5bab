"""From a caption to an image embedding: the prior is sampled twice, and the text chooses.

    noise ─ DDIM ─▶ embedding 1 ─┐
    noise ─ DDIM ─▶ embedding 2 ─┴ which has the larger product with the text embedding? ─▶ image embedding

With a single step the answer is the mean of all image embeddings that fit the caption: shorter than any of them, and of
no image. Several steps decide for one.

Source: Ramesh et al. 2022, section 2.2; Song et al. 2021, equation 12.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from clip_tutor.applications.diffusion.conditioning import encode_prompts
from clip_tutor.applications.diffusion.sampling import descend
from clip_tutor.applications.unclip.embeddings import check_embeddings, to_unit, to_variance_1
from clip_tutor.applications.unclip.prior import Prior
from clip_tutor.embedding import encode_texts
from clip_tutor.model import CLIP
from clip_tutor.tokenizers import Tokenizer

FEWEST_STEPS = 5


def as_condition(clip: CLIP, tokenizer: Tokenizer, captions: str | Sequence[str]) -> tuple[Tensor, Tensor]:
    """Return what a prior is told of B captions: states (B, T, D) and text embeddings (B, E), unit vectors.

    Raises:
        TypeError, ValueError: see `encode_prompts` and `encode_texts`.
    """
    return encode_prompts(clip, tokenizer, captions), encode_texts(clip, tokenizer, captions)


def predict(prior: Prior, states: Tensor, texts: Tensor, steps: int, generator: torch.Generator) -> Tensor:
    """Return (B, E) unit vectors, an image embedding for each caption, the better of two.

    Args:
        states: (B, T, D), of the captions.
        texts: (B, E), their embeddings, unit vectors: both from `as_condition`.
        steps: of DDIM, 5 to 1000.
        generator: draws the noise; the same seed gives the same embeddings.

    Raises:
        ValueError: too few or too many steps, or embeddings and states of another CLIP.
    """
    check_steps(steps)
    check_embeddings(texts, prior.config.embed_dim)
    twice = states.repeat(2, 1, 1), to_variance_1(texts).repeat(2, 1)
    noise = torch.randn(twice[1].shape, generator=generator, device=generator.device).to(texts)  # (2 · B, E)
    for step in descend(noise, prior.alphas_cumprod, steps, lambda noisy, t: prior(noisy, t, *twice)):  # noqa: B007
        pass
    first, second = to_unit(step.x0).chunk(2)  # (B, E) each
    return better_of_two(first, second, texts)


def better_of_two(first: Tensor, second: Tensor, texts: Tensor) -> Tensor:
    """Return (B, E): of two image embeddings for each text, the one with the larger product with it; all are (B, E)."""
    products = [(images * texts).sum(dim=1, keepdim=True) for images in (first, second)]  # (B, 1) each
    return torch.where(products[0] >= products[1], first, second)


def check_steps(steps: int) -> None:
    """Refuse fewer steps than it takes to decide for one embedding.

    Raises:
        ValueError: fewer than 5.
    """
    if steps < FEWEST_STEPS:
        raise ValueError(
            f"{steps} steps are too few: the prior would say about the mean of all embeddings that fit a caption, "
            f"which is none of them. Take {FEWEST_STEPS} or more, 25 for instance"
        )
