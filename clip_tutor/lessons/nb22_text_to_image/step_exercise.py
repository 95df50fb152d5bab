"""Exercise 22.4: one step of DDIM, from what a denoiser says to an image with less noise."""

import torch
from torch import Tensor

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe
from clip_tutor.lab.exercises.modules import random_tensor


def my_ddim_step(
    noisy: torch.Tensor, output: torch.Tensor, alpha_bar: torch.Tensor, alpha_bar_prev: torch.Tensor
) -> torch.Tensor:
    """Return x_s, the image with less noise that follows on x_t, of the same shape (B, 3, H, W).

    noisy is x_t, and output is the v that a denoiser says about it. alpha_bar is ᾱ_t, alpha_bar_prev is ᾱ_s: single
    numbers in tensors. alpha_bar_prev is 1 at the last step.
    The denoiser's image x_0 = √ᾱ_t · x_t - √(1 - ᾱ_t) · v is cut off at -1 and 1. All else in x_t is its noise ε. x_s
    is that image with that noise again, as much as s has.
    """
    x0 = (alpha_bar.sqrt() * noisy - (1 - alpha_bar).sqrt() * output).clamp(-1, 1)
    epsilon = (noisy - alpha_bar.sqrt() * x0) / (1 - alpha_bar).sqrt()
    return alpha_bar_prev.sqrt() * x0 + (1 - alpha_bar_prev).sqrt() * epsilon


# From ᾱ_t to ᾱ_s, and the size of what goes in: with small values nothing is cut off.
_CASES = ((0.2, 0.6, 0.3), (0.2, 0.6, 2.0), (0.01, 0.9, 2.0), (0.7, 1.0, 0.5), (0.7, 1.0, 2.0))


def _check_step(step: Attempt) -> str:
    for alpha_bar, alpha_bar_prev, size in _CASES:
        noisy, output = size * random_tensor(2, 3, 4, 4), size * random_tensor(2, 3, 4, 4, seed=1)
        arguments = noisy, output, torch.tensor(alpha_bar), torch.tensor(alpha_bar_prev)
        found, right = step(*arguments), my_ddim_step(*arguments)
        demand(
            isinstance(found, Tensor) and found.shape == right.shape,
            f"the result is {describe(found)} for images {tuple(noisy.shape)}",
            f"a tensor {tuple(right.shape)}",
        )
        far = (found - right).abs().flatten()
        place = int(far.argmax())
        x, v, seen, wanted = (one.flatten()[place].item() for one in (noisy, output, found, right))
        image = alpha_bar**0.5 * x - (1 - alpha_bar) ** 0.5 * v
        cut = " (cut off)" if abs(image) > 1 else ""
        demand(
            far.max() < 1e-4,
            f"{seen:.4f} for x_t = {x:.4f} and v = {v:.4f}, from ᾱ = {alpha_bar:g} to {alpha_bar_prev:g}",
            f"{wanted:.4f}; the image there is {image:.4f}{cut}",
        )
    return "steps of several sizes, the last one to the image itself, with and without values that are cut off"


def _with(x0=None, epsilon=None, end=None):  # type: ignore[no-untyped-def]
    """Return an answer that sees another image or another noise, or puts them together in another way.

    a and b are the roots of ᾱ_t and 1 - ᾱ_t; c and d those of ᾱ_s and 1 - ᾱ_s.
    """
    x0 = x0 or (lambda x, v, a, b: (a * x - b * v).clamp(-1, 1))
    epsilon = epsilon or (lambda x, v, image, a, b: (x - a * image) / b)
    end = end or (lambda image, noise, a, b, c, d: c * image + d * noise)

    def answer(noisy, output, alpha_bar, alpha_bar_prev):  # type: ignore[no-untyped-def]
        a, b = alpha_bar.sqrt(), (1 - alpha_bar).sqrt()
        image = x0(noisy, output, a, b)
        noise = epsilon(noisy, output, image, a, b)
        return end(image, noise, a, b, alpha_bar_prev.sqrt(), (1 - alpha_bar_prev).sqrt())

    return answer


STEP = Exercise(
    id="22.4",
    title="A step of DDIM",
    difficulty=2,
    minutes=12,
    reference=my_ddim_step,
    check=_check_step,
    hints=(
        "Three lines: the image, the noise, and the two mixed anew. The third is the formula for noisy images, with "
        "another ᾱ.",
        "x_t = √ᾱ_t · x_0 + √(1 - ᾱ_t) · ε. You know x_t and x_0: solve it for ε.",
        "Cut the image off first: `.clamp(-1, 1)`. What was cut off then counts as noise.",
    ),
    mutants=(
        Mutant(_with(x0=lambda x, v, a, b: a * x - b * v), "the image was not cut off at -1 and 1"),
        Mutant(
            _with(epsilon=lambda x, v, image, a, b: a * v + b * x),
            "the noise was taken from v: where the image was cut off, image and noise no longer add up to x_t",
        ),
        Mutant(_with(x0=lambda x, v, a, b: (a * x - b * v).clamp(0, 1)), "cut off at 0: images go from -1 to 1 here"),
        Mutant(
            _with(x0=lambda x, v, a, b: ((x - b * v) / a).clamp(-1, 1)),
            "the output was taken for the noise ε: it is v",
        ),
        Mutant(_with(x0=lambda x, v, a, b: v.clamp(-1, 1)), "the output was taken for the image: it is v"),
        Mutant(
            _with(x0=lambda x, v, a, b: (a * x + b * v).clamp(-1, 1)), "a plus sign: x_0 is √ᾱ · x_t - √(1 - ᾱ) · v"
        ),
        Mutant(_with(end=lambda image, noise, a, b, c, d: image), "the image at once: only the last step goes so far"),
        Mutant(
            _with(end=lambda image, noise, a, b, c, d: a * image + b * noise),
            "mixed with ᾱ_t again: that gives x_t back, with ᾱ_s there is less noise",
        ),
        Mutant(
            _with(end=lambda image, noise, a, b, c, d: c * image + b * noise),
            "the noise kept its share: 1 - ᾱ_s of the variance, not 1 - ᾱ_t",
        ),
        Mutant(
            _with(end=lambda image, noise, a, b, c, d: c**2 * image + d**2 * noise),
            "the shares without their roots: ᾱ is a share of variance",
        ),
        Mutant(
            _with(end=lambda image, noise, a, b, c, d: (c * image + d * noise).clamp(-1, 1)),
            "x_s was cut off, too: it holds noise, which knows no -1 and 1",
        ),
        Mutant(
            _with(epsilon=lambda x, v, image, a, b: ((x - a * image) / b).clamp(-1, 1)),
            "the noise was cut off, too: only images have values from -1 to 1",
        ),
        Mutant(
            _with(epsilon=lambda x, v, image, a, b: (x - a * image) / b**2),
            "the noise was divided by 1 - ᾱ_t without its root",
        ),
        Mutant(
            lambda noisy, output, alpha_bar, alpha_bar_prev: my_ddim_step(noisy, output, alpha_bar_prev, alpha_bar),
            "ᾱ_t and ᾱ_s were swapped: that is a step towards more noise",
        ),
        Mutant(
            _with(epsilon=lambda x, v, image, a, b: x - a * image),
            "the noise was not divided by √(1 - ᾱ_t): ε has a variance of 1",
        ),
    ),
)
