"""Denoisers, priors and an image tower for the checks of exercises, of a few numbers each."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from clip_tutor.applications.diffusion import alphas_cumprod
from clip_tutor.lab.exercises.attempt import demand


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


class ToyEncoder:
    """A stand-in for the image tower of a noised CLIP: three numbers, made of all pixels and of the timestep."""

    def __call__(self, noisy: Tensor, t: Tensor) -> Tensor:
        """Return (B, 3), unit vectors, from (B, 3, H, W) and (B,).

        Raises:
            ValueError: not one timestep for each image.
        """
        if len(noisy) != len(t):
            raise ValueError(f"{len(noisy)} images and {len(t)} timesteps: one of each an image")
        pixels = noisy.flatten(1)  # (B, 3 · H · W)
        waves = torch.arange(3 * pixels.shape[1]).sin().view(-1, 3)
        return F.normalize((pixels @ waves + t[:, None] / 10 * torch.tensor([0.5, -0.2, 0.3])).tanh(), dim=-1)

    def __repr__(self) -> str:
        return "an image tower"


class ToyPrior:
    """Says back what it looks at: "noisy", "time", "states", "texts", or "nothing"."""

    def __init__(self, looks_at: str) -> None:
        self.looks_at = looks_at

    def __call__(self, noisy: Tensor, t: Tensor, states: Tensor, texts: Tensor) -> Tensor:
        """Return (B, E) from (B, E), (B,), (B, T, D) and (B, E).

        Raises:
            ValueError: not one timestep and one caption for each embedding.
        """
        if not len(noisy) == len(t) == len(states) == len(texts):
            raise ValueError(
                f"{len(noisy)} noisy embeddings, {len(t)} timesteps, {len(states)} rows of states and {len(texts)} "
                "texts: one of each an image"
            )
        zero = torch.zeros_like(noisy)
        says = {
            "nothing": zero,
            "noisy": noisy,
            "time": zero + t[:, None] / 10,
            "states": zero + states.flatten(1).mean(dim=1, keepdim=True),
            "texts": texts,
        }
        return says[self.looks_at]

    def __repr__(self) -> str:
        return "a prior"


def demand_a_way_back(loss: Callable[..., Tensor], network: Callable[..., Tensor], *given: Any) -> None:
    """Refuse a loss that a network cannot learn from, for its gradient was cut off on the way."""
    weight = torch.zeros((), requires_grad=True)
    found = loss(lambda *told: network(*told) + weight, *given)
    demand(
        found.requires_grad and torch.autograd.grad(found, weight, allow_unused=True)[0] is not None,
        "the result does not remember where it came from",
        "a loss that .backward() can be called on",
        ".item(), .detach(), float() and torch.no_grad() cut the way back to the weights",
    )
