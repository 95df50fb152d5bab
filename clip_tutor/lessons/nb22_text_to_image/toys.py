"""Denoisers for the checks of exercises: they say back one of the things that they are told."""

import torch
from torch import Tensor

from clip_tutor.applications.diffusion import alphas_cumprod


def toy_alpha_bars() -> Tensor:
    """Return (10,): ᾱ of ten timesteps, all far from 0 and 1."""
    return alphas_cumprod("cosine")[50::95]


class ToyDenoiser:
    """Says back what it looks at: "noisy", "time", "states", a mixture of "all", or "nothing"."""

    def __init__(self, looks_at: str) -> None:
        self.looks_at = looks_at

    def __call__(self, noisy: Tensor, t: Tensor, states: Tensor) -> Tensor:
        """Return (B, 3, H, W) from (B, 3, H, W), (B,) and (B, T, D).

        Raises:
            ValueError: not one timestep and one caption for each image.
        """
        if not len(noisy) == len(t) == len(states):
            raise ValueError(
                f"{len(noisy)} images, {len(t)} timesteps and {len(states)} captions: one of each an image"
            )
        told = states.flatten(1)
        heard = (told * torch.linspace(0.5, 1.5, told.shape[1])).mean(dim=1)  # (B,): each state counts differently
        time, zero = t / 10, torch.zeros_like(noisy)
        says = {
            "nothing": zero,
            "noisy": noisy,
            "time": zero + time[:, None, None, None],
            "states": zero + heard[:, None, None, None],
            "all": (noisy + (time + 3 * heard)[:, None, None, None]).sin(),
        }
        return says[self.looks_at]

    def __repr__(self) -> str:
        return "a denoiser"
