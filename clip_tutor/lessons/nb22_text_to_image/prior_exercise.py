"""Exercise 22.7: the loss of a prior, which is told a caption and says which image embedding it is."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe
from clip_tutor.lab.exercises.modules import random_tensor
from clip_tutor.lessons.nb22_text_to_image.toys import ToyPrior, demand_a_way_back, toy_alpha_bars


def my_prior_loss(
    prior: Callable[..., torch.Tensor],
    images: torch.Tensor,
    states: torch.Tensor,
    texts: torch.Tensor,
    noise: torch.Tensor,
    t: torch.Tensor,
    alpha_bars: torch.Tensor,
) -> torch.Tensor:
    """Return the mean squared error of what a prior says about B noisy image embeddings.

    images is (B, E), of the images, texts (B, E), of their captions: unit vectors. states is (B, T, D). noise is
    (B, E). t is (B,), the timestep of each; alpha_bars[t] are their ᾱ.
    Beside noise a unit vector is too short: images and texts are first made √E times as long.
    The noisy embeddings are √ᾱ · images + √(1 - ᾱ) · noise. prior(noisy, t, states, texts) returns (B, E), and should
    say the image embeddings, as long as they were when the noise was mixed in.
    """
    root = images.shape[1] ** 0.5
    long = root * images  # (B, E)
    alpha_bar = alpha_bars[t][:, None]  # (B, 1)
    noisy = alpha_bar.sqrt() * long + (1 - alpha_bar).sqrt() * noise
    return F.mse_loss(prior(noisy, t, states, root * texts), long)


# What a prior looks at, and what is found out by that.
_LISTENERS = {
    "nothing": "that says 0 whatever it is told",
    "texts": "that says back the text embedding",
    "noisy": "that says back the noisy embedding",
    "time": "that says the timestep",
    "states": "that says the mean of the states",
}


def _check_loss(loss: Attempt) -> str:
    for B, E in ((4, 4), (3, 9)):  # first as many embeddings as numbers in one: a wrong broadcast raises no error
        given = (
            F.normalize(random_tensor(B, E), dim=-1),
            random_tensor(B, 3, 5, seed=1),
            F.normalize(random_tensor(B, E, seed=2), dim=-1),
            random_tensor(B, E, seed=3),
            torch.tensor([0, 2, 5, 9])[:B],
            toy_alpha_bars(),
        )
        answers = {looks_at: loss(ToyPrior(looks_at), *given) for looks_at in _LISTENERS}
        for looks_at, found in answers.items():
            right = my_prior_loss(ToyPrior(looks_at), *given)
            demand(
                isinstance(found, Tensor) and found.shape == (),
                f"the result is {describe(found)}",
                "a tensor of a single number: the mean over all embeddings and their numbers",
            )
            demand(
                torch.allclose(found, right, rtol=1e-4, atol=1e-6),
                f"{found:.4f} for a prior {_LISTENERS[looks_at]}, and {B} embeddings of {E} numbers",
                f"{right:.4f}",
            )
    demand_a_way_back(loss, ToyPrior("texts"), *given)
    return "what the prior is told (noisy embedding, time, states, text embedding), what it should say, the gradient"


def _with(target=None, noisy=None, told=None, long=None, end=F.mse_loss):  # type: ignore[no-untyped-def]
    """Return an answer with another target, another noisy embedding, another text, other lengths, or another measure.

    ``target`` and ``noisy`` get the long embedding, the noise and the roots of ᾱ and 1 - ᾱ.
    """
    target = target or (lambda x0, noise, a, b: x0)
    noisy = noisy or (lambda x0, noise, a, b: a * x0 + b * noise)
    told = told or (lambda texts, root: root * texts)
    long = long or (lambda images, root: root * images)

    def answer(prior, images, states, texts, noise, t, alpha_bars):  # type: ignore[no-untyped-def]
        root, alpha_bar = images.shape[1] ** 0.5, alpha_bars[t][:, None]
        parts = (long(images, root), noise, alpha_bar.sqrt(), (1 - alpha_bar).sqrt())
        return end(prior(noisy(*parts), t, states, told(texts, root)), target(*parts))

    return answer


def _broadcast(prior, images, states, texts, noise, t, alpha_bars):  # type: ignore[no-untyped-def]
    root = images.shape[1] ** 0.5
    noisy = alpha_bars[t].sqrt() * root * images + (1 - alpha_bars[t]).sqrt() * noise
    return F.mse_loss(prior(noisy, t, states, root * texts), root * images)


def _swapped(prior, images, states, texts, noise, t, alpha_bars):  # type: ignore[no-untyped-def]
    return my_prior_loss(prior, texts, states, images, noise, t, alpha_bars)


def _by_batch(prior, images, states, texts, noise, t, alpha_bars):  # type: ignore[no-untyped-def]
    factor = (len(images) / images.shape[1]) ** 0.5
    return my_prior_loss(prior, factor * images, states, factor * texts, noise, t, alpha_bars)


def _short_target(prior, images, states, texts, noise, t, alpha_bars):  # type: ignore[no-untyped-def]
    root, alpha_bar = images.shape[1] ** 0.5, alpha_bars[t][:, None]
    noisy = alpha_bar.sqrt() * root * images + (1 - alpha_bar).sqrt() * noise
    return F.mse_loss(prior(noisy, t, states, root * texts), images)


PRIOR_LOSS = Exercise(
    id="22.7",
    title="The loss of a prior",
    difficulty=2,
    minutes=10,
    reference=my_prior_loss,
    check=_check_loss,
    hints=(
        "It is the loss of 22.2 with vectors in the place of images. What is the target, and how long is it?",
        "`alpha_bars[t]` is (B,). To be multiplied with (B, E) it has to be (B, 1): `alpha_bars[t][:, None]`.",
        "√E is `images.shape[1] ** 0.5`. Three things are that long: what the noise is mixed into, the text embedding "
        "that the prior is told, and the target.",
    ),
    mutants=(
        Mutant(_with(target=lambda x0, noise, a, b: noise), "the target is the noise ε: a prior says the embedding"),
        Mutant(
            _with(target=lambda x0, noise, a, b: a * noise - b * x0), "the target is v: a prior says the embedding x_0"
        ),
        Mutant(
            _with(target=lambda x0, noise, a, b: a * x0 + b * noise),
            "the target is the noisy embedding, which the prior is shown anyway",
        ),
        Mutant(_swapped, "images and texts were swapped: from the text to the image is the way"),
        Mutant(
            _with(long=lambda images, root: images, told=lambda texts, root: texts),
            "nothing was made longer: a unit vector is lost in noise of length √E at the first timesteps",
        ),
        Mutant(_with(long=lambda images, root: images), "the images' embeddings were not made longer"),
        Mutant(_with(told=lambda texts, root: texts), "the texts' embeddings were not made longer"),
        Mutant(
            _short_target, "the target is the unit vector: the prior says it as long as the noise was mixed into it"
        ),
        Mutant(
            _with(long=lambda images, root: root**2 * images, told=lambda texts, root: root**2 * texts),
            "E times as long: it is √E, for the mean square of a number is to be 1",
        ),
        Mutant(
            _with(noisy=lambda x0, noise, a, b: b * x0 + a * noise),
            "√ᾱ and √(1 - ᾱ) were swapped: at t = 0 the embedding is nearly untouched",
        ),
        Mutant(
            _with(noisy=lambda x0, noise, a, b: a**2 * x0 + b**2 * noise),
            "the shares without their roots: ᾱ is a share of variance",
        ),
        Mutant(_with(noisy=lambda x0, noise, a, b: x0), "the prior was shown the embedding without noise"),
        Mutant(
            _with(noisy=lambda x0, noise, a, b: a * x0 / x0.shape[1] ** 0.5 + b * noise),
            "the noise was mixed into the unit vector: make it longer first",
        ),
        Mutant(
            _by_batch, "√B times as long: E, the numbers of an embedding, is `images.shape[1]`, and B is `len(images)`"
        ),
        Mutant(_with(end=lambda one, other: F.mse_loss(one, other, reduction="sum")), "a sum: it is the mean"),
        Mutant(
            _with(end=lambda one, other: (one - other).square().sum(dim=1).mean()),
            "a sum over the numbers of an embedding: the mean runs over them, too",
        ),
        Mutant(_with(end=F.l1_loss), "absolute differences: they are squared"),
        Mutant(
            _with(end=lambda one, other: 1 - F.cosine_similarity(one, other).mean()),
            "a cosine: the paper's loss is the mean squared error",
        ),
        Mutant(
            _broadcast,
            "ᾱ was laid along the numbers of an embedding: alpha_bars[t] is (B,) and broadcasts from the right",
        ),
    ),
)
