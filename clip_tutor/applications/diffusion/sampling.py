"""From noise and a caption to an image: ask the denoiser, step down to less noise, and ask again.

    noise ─▶ x_999 ─ guided output ─ x_0, clipped ─ ddim_step ─▶ x_979 ─ … ─▶ x_19 ─ … ─▶ image        with 50 steps

At each step the denoiser's guess at the whole image is cut off at -1 and 1, beyond which no image goes. Guidance would
otherwise drive it there.

Sources: Song et al. 2021, section 4; Ho and Salimans 2022, algorithm 2.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from clip_tutor.applications.diffusion.ddim import ddim_step
from clip_tutor.applications.diffusion.denoiser import Denoiser
from clip_tutor.applications.diffusion.guidance import check_guidance, guided_output
from clip_tutor.applications.diffusion.prediction import to_x0
from clip_tutor.applications.diffusion.schedule import at_timesteps, sampling_timesteps


class SamplingStep(NamedTuple):
    """What a sampler sees at one timestep; what is made need not be an image: see `descend`."""

    t: int
    noisy: Tensor  # (B, 3, H, W): x_t
    x0: Tensor  # (B, 3, H, W), from -1 to 1: the image that the denoiser sees in it


def sample(
    denoiser: Denoiser,
    states: Tensor,
    null_states: Tensor,
    steps: int,
    guidance: float,
    generator: torch.Generator,
) -> Tensor:
    """Return (B, 3, H, W), an image from -1 to 1 for each caption, made by DDIM; `to_pixels` makes uint8 of them.

    Args:
        denoiser: the schedule is the one that it was trained with.
        states: (B, T, D), of the captions.
        null_states: (1, T, D), of the empty caption, or of what is to be avoided.
        steps: how often the denoiser is asked, 1 to 1000.
        guidance: s; 1 is the caption without guidance, above 1 exaggerates it. See `guidance`.
        generator: draws the noise; the same seed gives the same images.

    Raises:
        ValueError: steps or guidance out of range, or states of another shape.
    """
    for step in sample_steps(denoiser, states, null_states, steps, guidance, generator):  # noqa: B007
        pass
    return step.x0


def sample_steps(
    denoiser: Denoiser,
    states: Tensor,
    null_states: Tensor,
    steps: int,
    guidance: float,
    generator: torch.Generator,
) -> Iterator[SamplingStep]:
    """Return the steps from noise to image, the noisiest first; arguments and errors are those of `sample`."""
    check_guidance(guidance)
    denoiser.check_states(states)
    if null_states.shape != (1, *states.shape[1:]):
        raise ValueError(
            f"states of shape {tuple(states.shape)} and null states of {tuple(null_states.shape)}: give (B, T, D) for "
            "B captions and (1, T, D) for the empty one, both from encode_prompts with the same padding"
        )

    def see(noisy: Tensor, t: Tensor) -> Tensor:
        return seen_image(denoiser, noisy, t, states, null_states.expand_as(states), guidance)

    return descend(starting_noise(denoiser, states, generator), denoiser.alphas_cumprod, steps, see)


def starting_noise(denoiser: Denoiser, states: Tensor, generator: torch.Generator) -> Tensor:
    """Return (B, 3, H, W), the noise that sampling begins with, for states (B, T, D)."""
    B, H = len(states), denoiser.config.image_size
    return torch.randn(B, 3, H, H, generator=generator, device=generator.device).to(states)


def seen_image(
    denoiser: Denoiser, noisy: Tensor, t: Tensor, states: Tensor, null_states: Tensor, guidance: float
) -> Tensor:
    """Return (B, 3, H, W) from -1 to 1, the image that a denoiser sees in x_t; arguments as in `guided_output`."""
    output = guided_output(denoiser, noisy, t, states, null_states, guidance)
    alpha_bar = at_timesteps(denoiser.alphas_cumprod, t)  # (B, 1, 1, 1)
    return to_x0(output, noisy, alpha_bar, denoiser.config.prediction).clamp(-1, 1)


def descend(
    noise: Tensor, alphas_cumprod: Tensor, steps: int, see: Callable[[Tensor, Tensor], Tensor]
) -> Iterator[SamplingStep]:
    """Return the steps of DDIM from noise to x_0, which stands before timestep 0 and has ᾱ = 1.

    Args:
        noise: of whatever shape, one row an item: images (B, 3, H, W), or vectors (B, E).
        alphas_cumprod: (1000,), of the schedule.
        steps: how many, 1 to 1000.
        see: takes x_t and the timesteps (B,) and returns x_0, of the shape of the noise.

    Raises:
        ValueError: steps out of range.
    """
    return _descend(noise, alphas_cumprod, sampling_timesteps(steps), see)


@torch.no_grad()
def _descend(
    noise: Tensor, alphas_cumprod: Tensor, timesteps: list[int], see: Callable[[Tensor, Tensor], Tensor]
) -> Iterator[SamplingStep]:
    noisy = noise
    alpha_bars = [*alphas_cumprod[timesteps], torch.ones((), device=noise.device)]
    for t, (alpha_bar, alpha_bar_prev) in zip(timesteps, pairwise(alpha_bars), strict=True):
        x0 = see(noisy, torch.full((len(noisy),), t, device=noise.device))
        yield SamplingStep(t, noisy, x0)
        noisy = ddim_step(noisy, x0, alpha_bar, alpha_bar_prev)
