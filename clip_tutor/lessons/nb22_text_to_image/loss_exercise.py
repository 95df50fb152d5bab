"""Exercise 22.2: the loss of a denoiser that says v, with some of the captions taken away."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe
from clip_tutor.lab.exercises.modules import random_tensor
from clip_tutor.lessons.nb22_text_to_image.toys import ToyDenoiser, demand_a_way_back, toy_alpha_bars


def my_v_loss(
    denoiser: Callable[..., torch.Tensor],
    x0: torch.Tensor,
    noise: torch.Tensor,
    t: torch.Tensor,
    states: torch.Tensor,
    null_states: torch.Tensor,
    is_dropped: torch.Tensor,
    alpha_bars: torch.Tensor,
) -> torch.Tensor:
    """Return the mean squared error of what a denoiser says about B noisy images, when it should say v.

    x0 and noise are (B, 3, H, W). t is (B,), the timestep of each image; alpha_bars[t] are their ᾱ.
    states is (B, T, D), of the captions, null_states (1, T, D), of no caption. is_dropped is (B,): where it is True, an
    image gets null_states in the place of its own.
    The noisy images are √ᾱ · x0 + √(1 - ᾱ) · noise; denoiser(noisy, t, states) returns (B, 3, H, W).
    v is √ᾱ · noise - √(1 - ᾱ) · x0.
    """
    alpha_bar = alpha_bars[t][:, None, None, None]  # (B, 1, 1, 1)
    noisy = alpha_bar.sqrt() * x0 + (1 - alpha_bar).sqrt() * noise
    v = alpha_bar.sqrt() * noise - (1 - alpha_bar).sqrt() * x0
    told = torch.where(is_dropped[:, None, None], null_states, states)  # (B, T, D)
    return F.mse_loss(denoiser(noisy, t, told), v)


# What a denoiser looks at, and what is found out by that.
_LISTENERS = {
    "nothing": "that says 0 whatever it is shown",
    "time": "that says the timestep",
    "noisy": "that says back the noisy image",
    "states": "that says what it was told about the caption",
}


def _check_loss(loss: Attempt) -> str:
    B = 4  # as many images as pixels in a row: a wrong broadcast raises no error
    for dropped in ((False,) * B, (False, True, False, False)):
        for looks_at, told in _LISTENERS.items():
            arguments = (
                ToyDenoiser(looks_at),
                random_tensor(B, 3, 4, 4),
                random_tensor(B, 3, 4, 4, seed=1),
                torch.tensor([0, 2, 5, 9]),
                random_tensor(B, 3, 5, seed=2),
                random_tensor(1, 3, 5, seed=3),
                torch.tensor(dropped),
                toy_alpha_bars(),
            )
            found, right = loss(*arguments), my_v_loss(*arguments)
            demand(
                isinstance(found, Tensor) and found.shape == (),
                f"the result is {describe(found)}",
                "a tensor of a single number: the mean over all images, channels and pixels",
            )
            many = f", {sum(dropped)} of {B} captions dropped" if any(dropped) else ""
            demand(
                torch.allclose(found, right, rtol=1e-4, atol=1e-6),
                f"{found:.4f} for a denoiser {told}{many}",
                f"{right:.4f}",
            )
    demand_a_way_back(loss, *arguments)
    return "what the denoiser is shown (image, time and caption) and what it should say, with and without dropped ones"


def _with(noisy=None, target=None, told=None, end=F.mse_loss):  # type: ignore[no-untyped-def]
    """Return an answer with another noisy image, another target, other states, or another measure.

    ``noisy`` and ``target`` get the image, the noise and the roots of ᾱ and 1 - ᾱ.
    """
    noisy = noisy or (lambda x0, noise, a, b: a * x0 + b * noise)
    target = target or (lambda x0, noise, a, b: a * noise - b * x0)
    told = told or (lambda states, null, dropped: torch.where(dropped[:, None, None], null, states))

    def answer(denoiser, x0, noise, t, states, null_states, is_dropped, alpha_bars):  # type: ignore[no-untyped-def]
        alpha_bar = alpha_bars[t][:, None, None, None]
        parts = (x0, noise, alpha_bar.sqrt(), (1 - alpha_bar).sqrt())
        return end(denoiser(noisy(*parts), t, told(states, null_states, is_dropped)), target(*parts))

    return answer


def _without_dropped(denoiser, x0, noise, t, states, null_states, is_dropped, alpha_bars):  # type: ignore[no-untyped-def]
    kept = ~is_dropped
    given = x0[kept], noise[kept], t[kept], states[kept], null_states, is_dropped[kept], alpha_bars
    return my_v_loss(denoiser, *given)


def _of_image(denoiser, x0, noise, t, states, null_states, is_dropped, alpha_bars):  # type: ignore[no-untyped-def]
    alpha_bar = alpha_bars[t][:, None, None, None]
    noisy = alpha_bar.sqrt() * x0 + (1 - alpha_bar).sqrt() * noise
    said = denoiser(noisy, t, torch.where(is_dropped[:, None, None], null_states, states))
    return F.mse_loss(alpha_bar.sqrt() * noisy - (1 - alpha_bar).sqrt() * said, x0)


def _broadcast(denoiser, x0, noise, t, states, null_states, is_dropped, alpha_bars):  # type: ignore[no-untyped-def]
    a, b = alpha_bars[t].sqrt(), (1 - alpha_bars[t]).sqrt()
    told = torch.where(is_dropped[:, None, None], null_states, states)
    return F.mse_loss(denoiser(a * x0 + b * noise, t, told), a * noise - b * x0)


LOSS = Exercise(
    id="22.2",
    title="The loss",
    difficulty=2,
    minutes=12,
    reference=my_v_loss,
    check=_check_loss,
    hints=(
        "Four lines: the noisy images, what should be said about them, what the denoiser is told, and the mean square "
        "of the difference.",
        "`alpha_bars[t]` is (B,). To be multiplied with images it has to be (B, 1, 1, 1): "
        "`alpha_bars[t][:, None, None, None]`.",
        "`torch.where(is_dropped[:, None, None], null_states, states)` chooses for each image, all tokens at once.",
    ),
    mutants=(
        Mutant(_with(target=lambda x0, noise, a, b: noise), "the target is the noise ε: this denoiser says v"),
        Mutant(_with(target=lambda x0, noise, a, b: x0), "the target is the image x_0: this denoiser says v"),
        Mutant(_with(target=lambda x0, noise, a, b: b * x0 - a * noise), "the sign of v is turned round"),
        Mutant(
            _with(target=lambda x0, noise, a, b: a * x0 + b * noise),
            "the target is the noisy image, which the denoiser is shown anyway",
        ),
        Mutant(
            _with(target=lambda x0, noise, a, b: b * noise - a * x0),
            "√ᾱ and √(1 - ᾱ) were swapped in v: at the noisy end it is the image that has to be said",
        ),
        Mutant(
            _with(noisy=lambda x0, noise, a, b: b * x0 + a * noise),
            "√ᾱ and √(1 - ᾱ) were swapped: at t = 0 the image is nearly untouched",
        ),
        Mutant(
            _with(noisy=lambda x0, noise, a, b: a**2 * x0 + b**2 * noise),
            "the shares without their roots: ᾱ is a share of variance, and variances go with the square",
        ),
        Mutant(_with(noisy=lambda x0, noise, a, b: x0), "the denoiser was shown the clean image"),
        Mutant(_with(told=lambda states, null, dropped: states), "no caption was dropped: is_dropped is not used"),
        Mutant(
            _with(told=lambda states, null, dropped: torch.where(dropped[:, None, None], states, null)),
            "the wrong captions were dropped: True means that it is taken away",
        ),
        Mutant(
            _with(told=lambda states, null, dropped: states * ~dropped[:, None, None]),
            "zeros in the place of null_states: no caption has states of its own, those of the empty one",
        ),
        Mutant(
            _with(told=lambda states, null, dropped: null.expand_as(states) if dropped.any() else states),
            "one dropped caption took all others with it: each image has its own",
        ),
        Mutant(_with(end=lambda one, other: F.mse_loss(one, other, reduction="sum")), "a sum: it is the mean"),
        Mutant(
            _with(end=lambda one, other: (one - other).square().sum(dim=(1, 2, 3)).mean()),
            "a sum over each image: the mean runs over channels and pixels, too",
        ),
        Mutant(_with(end=F.l1_loss), "absolute differences: they are squared"),
        Mutant(_with(end=lambda one, other: F.mse_loss(one, other).sqrt()), "the root of the mean square: no root"),
        Mutant(_without_dropped, "images without a caption were left out: they count, with null_states"),
        Mutant(_of_image, "the image that follows from v was compared with x0: compare v itself"),
        Mutant(
            lambda denoiser, x0, noise, t, states, null_states, is_dropped, alpha_bars: my_v_loss(
                denoiser, x0, noise, t, states, null_states, is_dropped, alpha_bars[t[:1]].expand_as(alpha_bars)
            ),
            "all images were mixed as the first one's timestep says: each has its own",
        ),
        Mutant(
            _broadcast,
            "ᾱ was laid along the columns of pixels: alpha_bars[t] is (B,) and broadcasts from the right, so give it "
            "three more dimensions",
        ),
    ),
)
