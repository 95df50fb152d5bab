"""Exercise 22.1: the cosine schedule, how much of an image is left at each timestep."""

import math

import torch
from torch import Tensor

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe


def my_alphas_cumprod(timesteps: int) -> torch.Tensor:
    """Return (timesteps,), in float32: ᾱ of each timestep of the cosine schedule, from 0 on.

    f(t) = cos²((t / timesteps + 0.008) / 1.008 · π / 2), for t from 0 to timesteps, both included.
    Timestep t mixes in the share β_t = 1 - f(t + 1) / f(t) of noise, but never more than 0.999.
    ᾱ_t is the product of all 1 - β from timestep 0 to timestep t, that of t included.
    """
    t = torch.arange(timesteps + 1) / timesteps  # (timesteps + 1,)
    left = torch.cos((t + 0.008) / 1.008 * math.pi / 2) ** 2
    betas = (1 - left[1:] / left[:-1]).clamp(max=0.999)  # (timesteps,)
    return (1 - betas).cumprod(dim=0)


_CASES = (4, 10, 1000)  # with few timesteps the last step is seen best


def _check_schedule(alphas_cumprod: Attempt) -> str:
    for timesteps in _CASES:
        found, right = alphas_cumprod(timesteps), my_alphas_cumprod(timesteps)
        demand(
            isinstance(found, Tensor) and found.shape == right.shape,
            f"the result is {describe(found)} for {timesteps} timesteps",
            f"a tensor ({timesteps},): a number for each timestep from 0 to {timesteps - 1}",
        )
        demand(
            found.dtype == right.dtype,
            f"numbers of type {found.dtype}",
            f"{right.dtype}, as images and weights have it",
            "`.float()` makes them so; noisy images would become what the schedule is, and no layer takes them",
        )
        wrong = ((found - right).abs() > 2e-6 + 2e-4 * right).nonzero()
        if len(wrong):
            t = int(wrong[0])
            demand(False, f"ᾱ is {found[t]:.6f} at t = {t} of {timesteps}", f"{right[t]:.6f}")
    return "all of 4, 10 and 1,000 timesteps, the first one with a step of noise, the last one with a little image"


def _left(timesteps: int, offset: float = 0.008, power: float = 2, divisor: float | None = None) -> Tensor:
    t = torch.arange(timesteps + 1) / timesteps
    return torch.cos((t + offset) / (divisor or 1 + offset) * math.pi / 2) ** power


def _offset_divided(timesteps: int) -> Tensor:
    return torch.cos((torch.arange(timesteps + 1) + 0.008) / timesteps / 1.008 * math.pi / 2) ** 2


def _with(left=_left, most=0.999, end=lambda betas: (1 - betas).cumprod(dim=0)):  # type: ignore[no-untyped-def]
    """Return an answer with another f, another largest β, or another way from β to ᾱ."""

    def answer(timesteps):  # type: ignore[no-untyped-def]
        f = left(timesteps)
        return end((1 - f[1:] / f[:-1]).clamp(max=most))

    return answer


def _without_own(betas: Tensor) -> Tensor:
    return torch.cat([torch.ones(1), (1 - betas).cumprod(dim=0)[:-1]])


SCHEDULE = Exercise(
    id="22.1",
    title="The cosine schedule",
    difficulty=1,
    minutes=8,
    reference=my_alphas_cumprod,
    check=_check_schedule,
    hints=(
        "For 1,000 timesteps f has 1,001 values: t = 0, before any noise, to t = 1,000. β compares each with the next.",
        "`left[1:] / left[:-1]` has all ratios at once, and `.clamp(max=0.999)` holds the last β down.",
        "`cumprod(dim=0)` multiplies from the first to each.",
    ),
    mutants=(
        Mutant(_with(most=1.0), "the last β is 1 and nothing is left of the image: hold β at 0.999"),
        Mutant(
            _with(end=_without_own),
            "the product ends ahead of β_t: timestep 0 has one step of noise already, and ᾱ = 1 is the image itself",
        ),
        Mutant(_with(end=lambda betas: 1 - betas), "1 - β of each step alone: ᾱ is the product of all of them so far"),
        Mutant(_with(end=lambda betas: betas), "these are the β: ᾱ is the running product of 1 - β"),
        Mutant(_with(end=lambda betas: betas.cumprod(dim=0)), "the β were multiplied: it is 1 - β that is left"),
        Mutant(
            _with(end=lambda betas: 1 - betas.cumsum(dim=0)),
            "the β were added up: each takes a share of what is left, not of the whole",
        ),
        Mutant(
            _with(end=lambda betas: (1 - betas).cumprod(dim=0).sqrt()),
            "the root of ᾱ: ᾱ is a share of variance, and the root comes when image and noise are mixed",
        ),
        Mutant(
            _with(left=lambda timesteps: _left(timesteps, power=1)),
            "the cosine without its square: f is a share of variance",
        ),
        Mutant(
            _with(left=lambda timesteps: _left(timesteps, offset=0.0)),
            "the 0.008 is missing: without it the first steps would hardly do anything",
        ),
        Mutant(
            _with(left=lambda timesteps: _left(timesteps, divisor=1.0)),
            "not divided by 1.008: the angle goes beyond 90 degrees, and the last f rises again",
        ),
        Mutant(_with(left=_offset_divided), "0.008 was divided by the timesteps, too: it is added to t / timesteps"),
        Mutant(
            lambda timesteps: _left(timesteps)[:-1],
            "this is f(t): ᾱ of timestep t is the product of what t and all steps before it leave",
        ),
        Mutant(
            lambda timesteps: _left(timesteps)[1:],
            "this is f(t + 1): multiply the 1 - β, so that the last one is held at 0.999 and f(0) is divided out",
        ),
    ),
)
