"""The noise schedule: how much of an image is left at each of 1000 timesteps.

    t = 0                                    t = 999
    the image, hardly touched ── β_t a step ──▶ noise, hardly an image in it

    ᾱ_t = (1 - β_0) · (1 - β_1) · … · (1 - β_t)      the share of x_t's variance that is still the image's

A schedule is a list of β, and all else follows from their running product ᾱ, ``alphas_cumprod``. Timestep 0 has one
step of noise already; the image itself stands before it, with ᾱ = 1.

Sources: Ho et al. 2020, "Denoising Diffusion Probabilistic Models", sections 2 and 4 (linear); CompVis/stable-diffusion
``ldm/modules/diffusionmodules/util.py``, make_beta_schedule (scaled linear); Nichol and Dhariwal 2021, "Improved
Denoising Diffusion Probabilistic Models", section 3.2 (cosine).
"""

import math
from typing import Literal, get_args

import torch
from torch import Tensor

ScheduleName = Literal["linear", "scaled_linear", "cosine"]
TIMESTEPS = 1000  # in every schedule here, and in the published ones
BETAS = {  # the first and the last, as published
    "linear": (0.0001, 0.02),  # Ho et al. 2020
    "scaled_linear": (0.00085, 0.012),  # Stable Diffusion: its square root is linear
}
LARGEST_BETA = 0.999  # of the cosine schedule, whose last step would otherwise leave nothing at all
# What `diffusers` calls them, in ``beta_schedule``.
DIFFUSERS_SCHEDULES = {"linear": "linear", "scaled_linear": "scaled_linear", "cosine": "squaredcos_cap_v2"}


def betas(name: ScheduleName) -> Tensor:
    """Return (1000,): β of each timestep, the share of noise that it mixes into the variance.

    Raises:
        ValueError: there is no such schedule.
    """
    if name not in get_args(ScheduleName):
        raise ValueError(f"there is no schedule {name!r}: take one of {', '.join(get_args(ScheduleName))}")
    if name == "cosine":
        left = [math.cos((t / TIMESTEPS + 0.008) / 1.008 * math.pi / 2) ** 2 for t in range(TIMESTEPS + 1)]
        return torch.tensor([min(1 - left[t + 1] / left[t], LARGEST_BETA) for t in range(TIMESTEPS)])
    first, last = BETAS[name]
    if name == "scaled_linear":
        return torch.linspace(first**0.5, last**0.5, TIMESTEPS) ** 2
    return torch.linspace(first, last, TIMESTEPS)


def alphas_cumprod(name: ScheduleName) -> Tensor:
    """Return (1000,): ᾱ of each timestep, from nearly 1 down to nearly 0.

    Raises:
        ValueError: there is no such schedule.
    """
    return (1 - betas(name)).cumprod(dim=0)


def at_timesteps(table: Tensor, t: Tensor) -> Tensor:
    """Return (B, 1, 1, 1), the numbers of timesteps t, (B,), in a table (1000,): ready to be multiplied with images."""
    return table[t][:, None, None, None]


def sampling_timesteps(steps: int) -> list[int]:
    """Return the timesteps that a sampler of so many steps visits, evenly apart, the noisiest first.

    They begin at 999, because a sampler starts from nothing but noise. Counted up from 0 instead ("leading"), two steps
    would begin at 500, and the denoiser be told that half of the way is behind it. The spacing here is "trailing" in
    Lin et al. 2024, "Common Diffusion Noise Schedules and Sample Steps Are Flawed", table 2, and in `diffusers`.

    Raises:
        ValueError: fewer steps than 1, or more than the schedule has timesteps.

    >>> sampling_timesteps(4)
    [999, 749, 499, 249]
    """
    if not 1 <= steps <= TIMESTEPS:
        raise ValueError(
            f"{steps} steps, and a schedule has {TIMESTEPS} timesteps to stop at: take 1 to {TIMESTEPS}. More would "
            "visit some of them twice; DDIM needs far fewer, 50 for instance"
        )
    return [round(TIMESTEPS * (steps - k) / steps) - 1 for k in range(steps)]
