"""Exercise 22.6: CLIP guidance, the image moved by the gradient of a CLIP that reads noisy images."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe
from clip_tutor.lab.exercises.modules import random_tensor
from clip_tutor.lessons.nb22_text_to_image.toys import ToyEncoder


def my_clip_guided_x0(
    encode: Callable[..., torch.Tensor],
    noisy: torch.Tensor,
    t: torch.Tensor,
    x0: torch.Tensor,
    texts: torch.Tensor,
    alpha_bar: torch.Tensor,
    logit_scale: float,
    scale: float,
) -> torch.Tensor:
    """Return x_0, (B, 3, H, W) from -1 to 1, after a CLIP has moved it towards its text.

    noisy is x_t, (B, 3, H, W), and t is (B,). encode(noisy, t) returns (B, E), unit vectors. texts is (B, E), of the
    captions, unit vectors, too. An image's logit is logit_scale · (its vector · its text).
    The gradient of each logit is taken with respect to noisy. A sampler calls this where gradients are switched off:
    with torch.enable_grad(): switches them on.
    x0 is what a denoiser sees in noisy; alpha_bar is ᾱ_t, a single number. Add scale · (1 - ᾱ) / √ᾱ · gradient to x0,
    and cut off at -1 and 1.
    """
    with torch.enable_grad():
        variable = noisy.detach().requires_grad_()
        logits = logit_scale * (encode(variable, t) * texts).sum(dim=1)  # (B,)
        (gradient,) = torch.autograd.grad(logits.sum(), variable)  # (B, 3, H, W)
    return (x0 + scale * (1 - alpha_bar) / alpha_bar.sqrt() * gradient).clamp(-1, 1)


def _in_a_sampler(answer: Callable[..., Any], *arguments: Any) -> Any:
    """Call an answer where a sampler would: gradients are switched off there."""
    with torch.no_grad():
        return answer(*arguments)


_CASES = ((1, 0.36, 2.0, 1.0), (2, 0.36, 2.0, 1.0), (2, 0.7, 5.0, 2.0), (2, 0.01, 5.0, 3.0))  # B, ᾱ, logit scale, s


def _check_gradient(guided: Attempt) -> str:
    for B, alpha_bar, logit_scale, scale in _CASES:
        arguments = (
            ToyEncoder(),
            0.3 * random_tensor(B, 3, 2, 2),
            torch.arange(B) + 2,
            0.1 * random_tensor(B, 3, 2, 2, seed=1),
            torch.nn.functional.normalize(random_tensor(B, 3, seed=2), dim=-1),
            torch.tensor(alpha_bar),
            logit_scale,
            scale,
        )
        found, right = guided(*arguments), _in_a_sampler(my_clip_guided_x0, *arguments)
        demand(
            isinstance(found, Tensor) and found.shape == right.shape,
            f"the result is {describe(found)} for {B} images (3, 2, 2)",
            f"a tensor {tuple(right.shape)}",
        )
        far = (found - right).abs().flatten()
        place = int(far.argmax())
        before, seen, wanted = (one.flatten()[place].item() for one in (arguments[3], found, right))
        demand(
            far.max() < 1e-4,
            f"{seen:.4f} where x_0 was {before:.4f}, in one of {B}, with ᾱ = {alpha_bar:g}, logit scale "
            f"{logit_scale:g} and s = {scale:g}",
            f"{wanted:.4f}",
        )
    return "one image and two, each with its own text, three amounts of noise, with and without values that are cut off"


def _with(logits=None, step=None, at=None, on=None, end=None):  # type: ignore[no-untyped-def]
    """Return an answer with other logits, another step length, a gradient at or a step from another place."""
    logits = logits or (lambda vectors, texts, scale: scale * (vectors * texts).sum())
    step = step or (lambda a, scale: scale * (1 - a) / a.sqrt())
    at = at or (lambda noisy, x0: noisy)
    on = on or (lambda noisy, x0: x0)
    end = end or (lambda image: image.clamp(-1, 1))

    def answer(encode, noisy, t, x0, texts, alpha_bar, logit_scale, scale):  # type: ignore[no-untyped-def]
        with torch.enable_grad():
            variable = at(noisy, x0).detach().requires_grad_()
            (gradient,) = torch.autograd.grad(logits(encode(variable, t), texts, logit_scale), variable)
        return end(on(noisy, x0) + step(alpha_bar, scale) * gradient)

    return answer


def _switched_off(encode, noisy, t, x0, texts, alpha_bar, logit_scale, scale):  # type: ignore[no-untyped-def]
    variable = noisy.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(logit_scale * (encode(variable, t) * texts).sum(), variable)
    return (x0 + scale * (1 - alpha_bar) / alpha_bar.sqrt() * gradient).clamp(-1, 1)


CLIP_GRADIENT = Exercise(
    id="22.6",
    title="The gradient of a CLIP",
    difficulty=2,
    minutes=12,
    reference=my_clip_guided_x0,
    check=_check_gradient,
    use=_in_a_sampler,
    hints=(
        "Make a tensor of which gradients are wanted: `variable = noisy.detach().requires_grad_()`, and let `encode` "
        "read that one.",
        "`torch.autograd.grad(logits.sum(), variable)` returns a tuple of one. The sum mixes nothing up: an image's "
        "logit does not depend on another image.",
        "The text of an image is in its own row: `(vectors * texts).sum(dim=1)`, (B,).",
    ),
    mutants=(
        Mutant(
            _with(step=lambda a, scale: -scale * (1 - a) / a.sqrt()),
            "the gradient was subtracted: that leads away from the text",
        ),
        Mutant(
            _with(step=lambda a, scale: -scale * (1 - a).sqrt()),
            "that is what comes off the noise ε: for the image it is (1 - ᾱ) / √ᾱ, with a plus",
        ),
        Mutant(
            _with(step=lambda a, scale: scale * (1 - a).sqrt()),
            "√(1 - ᾱ) belongs to the noise ε: for the image it is (1 - ᾱ) / √ᾱ",
        ),
        Mutant(_with(step=lambda a, scale: scale), "the gradient was added as it is, without (1 - ᾱ) / √ᾱ"),
        Mutant(
            _with(step=lambda a, scale: scale * a / (1 - a).sqrt()),
            "ᾱ and 1 - ᾱ were swapped: the more noise, the longer the step",
        ),
        Mutant(_with(step=lambda a, scale: (1 - a) / a.sqrt()), "the guidance scale is missing"),
        Mutant(
            _with(logits=lambda vectors, texts, scale: (vectors * texts).sum()),
            "logit_scale is missing: it is the logit whose gradient is taken, not the cosine",
        ),
        Mutant(
            _with(logits=lambda vectors, texts, scale: scale * (vectors * texts).sum(dim=1).mean()),
            "the mean over images: each would be led the less, the more others there are",
        ),
        Mutant(
            _with(logits=lambda vectors, texts, scale: scale * (vectors @ texts.T).sum()),
            "each image was led towards all texts: its own is in its own row",
        ),
        Mutant(
            _with(logits=lambda vectors, texts, scale: (scale * vectors @ texts.T).log_softmax(dim=1).diagonal().sum()),
            "a softmax over the captions of the batch: it is the logit itself, and no other caption has a say",
        ),
        Mutant(_with(step=lambda a, scale: scale * (1 - a) / a), "divided by ᾱ without its root"),
        Mutant(_with(step=lambda a, scale: scale * (1 - a)), "1 - ᾱ alone: it is divided by √ᾱ"),
        Mutant(_with(on=lambda noisy, x0: noisy), "the gradient was added to the noisy image: it is x_0 that moves"),
        Mutant(_with(at=lambda noisy, x0: x0), "the gradient was taken at x_0: this CLIP reads the noisy image"),
        Mutant(_with(end=lambda image: image.clamp(0, 1)), "cut off at 0: images go from -1 to 1 here"),
        Mutant(_with(end=lambda image: image), "what goes beyond -1 and 1 was not cut off"),
        Mutant(
            _switched_off,
            "gradients are switched off in a sampler: `with torch.enable_grad():` around what they are wanted of",
        ),
    ),
)
