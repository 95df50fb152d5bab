"""Classifier-free guidance: ask twice, with the caption and without, and go further the way the caption points.

    ε_u ─────▶ ε_c ─────────────▶ guided
    s = 0      s = 1              s = 3
    no caption the caption        three times as far from "no caption"

Papers count in two ways, and call both numbers w:

    Imagen, Stable Diffusion   ε_u + s · (ε_c - ε_u)           s = 1 is no guidance      `guide`
    Ho and Salimans            (1 + w) · ε_c - w · ε_u         w = 0 is no guidance      `guide_by_weight`

They are the same line with s = 1 + w. Everything else here counts in s. The outputs may be ε, x_0 or v alike: the two
factors add up to 1, so it makes no difference whether one guides before or after going from one to the other.

Sources: Ho and Salimans 2022, "Classifier-Free Diffusion Guidance", equation 6; Saharia et al. 2022 (Imagen), equation
2.
"""

import torch
from torch import Tensor

from clip_tutor.applications.diffusion.denoiser import Denoiser

LARGEST_GUIDANCE = 100.0


def guide(unconditional: Tensor, conditional: Tensor, scale: float) -> Tensor:
    """Return the guided output from those without and with the caption, all (B, C, H, W), as Imagen counts.

    Args:
        scale: s; 0 takes the caption away, 1 is the caption alone, above 1 exaggerates it.
    """
    return unconditional + scale * (conditional - unconditional)


def guide_by_weight(unconditional: Tensor, conditional: Tensor, weight: float) -> Tensor:
    """Return the same, as Ho and Salimans count: their w, here ``weight``, is s - 1."""
    return (1 + weight) * conditional - weight * unconditional


def guided_output(
    denoiser: Denoiser, noisy: Tensor, t: Tensor, states: Tensor, null_states: Tensor, scale: float
) -> Tensor:
    """Return what a denoiser says of x_t under guidance, (B, 3, H, W); both questions are one batch.

    Args:
        noisy: x_t, (B, 3, H, W).
        t: (B,), the timestep of each image.
        states: (B, T, D), of the captions.
        null_states: (B, T, D), of no caption.
        scale: s; with 1 the second question is not asked.
    """
    if scale == 1:
        return denoiser(noisy, t, states)
    both = denoiser(torch.cat([noisy, noisy]), torch.cat([t, t]), torch.cat([null_states, states]))  # (2 · B, 3, H, W)
    unconditional, conditional = both.chunk(2)
    return guide(unconditional, conditional, scale)


def check_guidance(scale: float) -> None:
    """Refuse a scale that does something else than one would think.

    Raises:
        ValueError: it is 0, negative, above 100 or no number.
    """
    if 0 < scale <= LARGEST_GUIDANCE:
        return
    meaning = "here 1 is the caption without guidance, and 7.5 is Stable Diffusion's usual"
    if scale == 0:
        raise ValueError(
            f"guidance is 0, which ignores the caption: {meaning}. Ho and Salimans' w = 0 is 1 here (s = 1 + w); for "
            "images of no caption give null_states as states, and 1"
        )
    if scale < 0:
        raise ValueError(
            f"guidance is {scale}, which leads away from the caption: {meaning}. To keep clear of something, give its "
            "states in place of null_states"
        )
    raise ValueError(
        f"guidance is {scale}: {meaning}; take at most {LARGEST_GUIDANCE:g}, beyond which nearly every value "
        "would be cut off at -1 or 1"
    )
