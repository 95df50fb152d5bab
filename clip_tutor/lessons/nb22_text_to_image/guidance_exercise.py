"""Exercise 22.5: classifier-free guidance, in the two ways in which papers count."""

from collections.abc import Callable

import torch
from torch import Tensor

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe
from clip_tutor.lab.exercises.modules import random_tensor
from clip_tutor.lessons.nb22_text_to_image.toys import ToyDenoiser


def my_guided_output(
    denoiser: Callable[..., torch.Tensor],
    noisy: torch.Tensor,
    t: torch.Tensor,
    states: torch.Tensor,
    null_states: torch.Tensor,
    w: float,
    convention: str,
) -> torch.Tensor:
    """Return what a denoiser says under guidance, (B, 3, H, W).

    noisy is (B, 3, H, W), t is (B,), states is (B, T, D), of the captions, and null_states is (1, T, D), of no caption.
    denoiser(noisy, t, states) wants a timestep and a caption for each image. With the captions it says c, without u.
    convention says how w counts: "imagen", u + w · (c - u); or "ho_salimans", (1 + w) · c - w · u.
    """
    twice = torch.cat([null_states.expand_as(states), states])  # (2 · B, T, D)
    u, c = denoiser(torch.cat([noisy, noisy]), torch.cat([t, t]), twice).chunk(2)
    scale = w if convention == "imagen" else 1 + w
    return u + scale * (c - u)


_CONVENTIONS = ("imagen", "ho_salimans")
_CASES = ((1, 1.0), (3, 0.0), (3, 1.0), (3, 3.0), (2, 7.5))  # B, w


def _check_guidance(guided: Attempt) -> str:
    for B, w in _CASES:
        given = (
            ToyDenoiser("all"),
            random_tensor(B, 3, 2, 2),
            torch.arange(B) + 2,
            random_tensor(B, 3, 4, seed=1),
            random_tensor(1, 3, 4, seed=2),
            w,
        )
        answers = {convention: guided(*given, convention) for convention in _CONVENTIONS}
        for convention, found in answers.items():
            right = my_guided_output(*given, convention)
            demand(
                isinstance(found, Tensor) and found.shape == right.shape,
                f"the result is {describe(found)} for {B} images (3, 2, 2)",
                f"a tensor {tuple(right.shape)}",
            )
            for b, (seen, wanted) in enumerate(zip(found.flatten(1), right.flatten(1), strict=True)):
                place = int((seen - wanted).abs().argmax())
                demand(
                    (seen - wanted).abs().max() < 1e-4,
                    f"{seen[place]:.4f} in image {b} of {B}, with w = {w:g} as {convention} counts",
                    f"{wanted[place]:.4f}",
                )
    return "both conventions at five values of w, for one image and several, each with its own caption and timestep"


def _with(scale=None, end=None, asked=None):  # type: ignore[no-untyped-def]
    """Return an answer with another scale for (w, convention), another line, or other questions."""
    scale = scale or (lambda w, convention: w if convention == "imagen" else 1 + w)
    end = end or (lambda u, c, s: u + s * (c - u))

    def ask(denoiser, noisy, t, states, null_states):  # type: ignore[no-untyped-def]
        return denoiser(noisy, t, null_states.expand_as(states)), denoiser(noisy, t, states)

    def answer(denoiser, noisy, t, states, null_states, w, convention):  # type: ignore[no-untyped-def]
        return end(*(asked or ask)(denoiser, noisy, t, states, null_states), scale(w, convention))

    return answer


def _mixed(denoiser, noisy, t, states, null_states):  # type: ignore[no-untyped-def]
    twice = torch.cat([null_states.expand_as(states), states])
    return denoiser(noisy.repeat_interleave(2, dim=0), t.repeat_interleave(2, dim=0), twice).chunk(2)


def _first_alone(denoiser, noisy, t, states, null_states):  # type: ignore[no-untyped-def]
    return denoiser(noisy, t, null_states.expand_as(states)), denoiser(noisy, t, states[:1].expand_as(states))


def _first_time(denoiser, noisy, t, states, null_states):  # type: ignore[no-untyped-def]
    time = t[:1].expand_as(t)
    return denoiser(noisy, time, null_states.expand_as(states)), denoiser(noisy, time, states)


def _without_w_at_u(denoiser, noisy, t, states, null_states, w, convention):  # type: ignore[no-untyped-def]
    u, c = denoiser(noisy, t, null_states.expand_as(states)), denoiser(noisy, t, states)
    return u + w * (c - u) if convention == "imagen" else (1 + w) * c - u


def _of_states(denoiser, noisy, t, states, null_states, w, convention):  # type: ignore[no-untyped-def]
    s = w if convention == "imagen" else 1 + w
    return denoiser(noisy, t, null_states + s * (states - null_states))


def _zeros(denoiser, noisy, t, states, null_states):  # type: ignore[no-untyped-def]
    return denoiser(noisy, t, torch.zeros_like(states)), denoiser(noisy, t, states)


GUIDANCE = Exercise(
    id="22.5",
    title="Guidance, counted in two ways",
    difficulty=2,
    minutes=10,
    reference=my_guided_output,
    check=_check_guidance,
    hints=(
        "Ask twice, once with `null_states.expand_as(states)` and once with `states`, and join the two answers.",
        "Both questions fit in one batch of 2 · B images: `torch.cat([noisy, noisy])`, and `.chunk(2)` of the answer.",
        "The two formulas are the same line: what is 1 · c - 0 · u, and which w gives the same in the other one?",
    ),
    mutants=(
        Mutant(
            _with(scale=lambda w, convention: w),
            "both conventions were taken for Imagen's: Ho and Salimans' w = 0 is the caption alone, s = 1 + w",
        ),
        Mutant(
            _with(scale=lambda w, convention: 1 + w),
            "both conventions were taken for Ho and Salimans': Imagen's w = 1 is the caption alone",
        ),
        Mutant(
            _with(scale=lambda w, convention: 1 + w if convention == "imagen" else w),
            "the two conventions were swapped",
        ),
        Mutant(
            _with(scale=lambda w, convention: w if convention == "imagen" else w - 1),
            "s = w - 1: it is the other way round, 1 + w",
        ),
        Mutant(_with(end=lambda u, c, s: c + s * (u - c)), "u and c were swapped: guidance leads towards the caption"),
        Mutant(_with(end=lambda u, c, s: c + s * (c - u)), "the way is counted from c: it begins at u, no caption"),
        Mutant(_with(end=lambda u, c, s: s * (c - u)), "u is missing: the difference alone is no answer"),
        Mutant(_with(end=lambda u, c, s: s * c), "without u there is nothing to lead away from"),
        Mutant(
            _with(end=lambda u, c, s: (u + s * (c - u)) / max(s, 1.0)),
            "divided by the scale: the two factors add up to 1 already",
        ),
        Mutant(
            _with(asked=_mixed),
            "images and captions got mixed up: with repeat_interleave an image's two copies stand side by side, with "
            "cat they are B apart",
        ),
        Mutant(_with(asked=_first_alone), "every image got the first caption"),
        Mutant(_with(asked=_first_time), "every image got the first timestep"),
        Mutant(_with(asked=_zeros), "zeros in the place of null_states: no caption is the empty caption"),
        Mutant(_without_w_at_u, "(1 + w) · c - u: it is w times u that comes off, so that the two factors add up to 1"),
        Mutant(_of_states, "the states were guided and the denoiser asked once: it is its two answers that count"),
    ),
)
