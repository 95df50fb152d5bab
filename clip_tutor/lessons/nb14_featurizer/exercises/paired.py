"""Exercise 14.3: is one classifier better than another on the same test images?"""

import torch

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe


def paired_interval(first: torch.Tensor, second: torch.Tensor, draws: torch.Tensor) -> tuple[float, float, float]:
    """Return how much more often the first classifier is right than the second, and both ends of its 95 % interval.

    first and second are (N,) of True and False: whether each got test image n right.
    draws is (R, N): each row is one resampled test set, N numbers of images drawn with replacement. The interval
    leaves out 2.5 % of the R differences on either side. All three results are ordinary Python numbers.
    """
    differences = first.float() - second.float()  # (N,)
    resampled = differences[draws].mean(dim=1)  # (R,)
    low, high = resampled.quantile(torch.tensor([0.025, 0.975])).tolist()
    return differences.mean().item(), low, high


def _check(answer: Attempt) -> str:
    random = torch.Generator().manual_seed(4)
    for N, agree in ((40, 0.7), (120, 0.9), (90, 0.0)):
        first = torch.rand(N, generator=random) < 0.7
        other = torch.rand(N, generator=random) < 0.6
        second = torch.where(torch.rand(N, generator=random) < agree, first, other)
        draws = torch.randint(N, (400, N), generator=random)
        found, right = answer(first, second, draws), paired_interval(first, second, draws)
        demand(
            isinstance(found, tuple) and len(found) == 3 and all(isinstance(each, int | float) for each in found),
            describe(found),
            "three Python numbers: the difference, and the lower and upper end of its interval",
        )
        names = ("difference", "lower end", "upper end")
        for name, value, wanted in zip(names, found, right, strict=True):
            demand(abs(value - wanted) < 1e-4, f"{N} images, {name} {value:+.4f}", f"{wanted:+.4f}")
    return "difference and interval on three test sets, of which the last has two classifiers that hardly agree"


def _from_means(resampled: torch.Tensor, value: float, ends: tuple[float, float] = (0.025, 0.975)):  # type: ignore[no-untyped-def]
    low, high = resampled.quantile(torch.tensor(ends)).tolist()
    return value, low, high


def _apart(first, second, draws):  # type: ignore[no-untyped-def]
    a, b = first.float(), second.float()
    return _from_means(a[draws].mean(dim=1) - b[draws.flip(0)].mean(dim=1), (a - b).mean().item())


def _narrow(first, second, draws):  # type: ignore[no-untyped-def]
    d = first.float() - second.float()
    return _from_means(d[draws].mean(dim=1), d.mean().item(), (0.05, 0.95))


def _absolute(first, second, draws):  # type: ignore[no-untyped-def]
    d = first.float() - second.float()
    return _from_means(d[draws].mean(dim=1).abs(), d.mean().abs().item())


def _turned(first, second, draws):  # type: ignore[no-untyped-def]
    return _narrowless(second, first, draws)


def _narrowless(first, second, draws):  # type: ignore[no-untyped-def]
    d = first.float() - second.float()
    return _from_means(d[draws].mean(dim=1), d.mean().item())


def _singles(first, second, draws):  # type: ignore[no-untyped-def]
    a, b = first.float(), second.float()
    ends = torch.tensor([0.025, 0.975])
    low, high = a[draws].mean(dim=1).quantile(ends) - b[draws].mean(dim=1).quantile(ends.flip(0))
    return (a - b).mean().item(), low.item(), high.item()


def _images(first, second, draws):  # type: ignore[no-untyped-def]
    d = first.float() - second.float()
    low, high = d.quantile(torch.tensor([0.025, 0.975])).tolist()
    return d.mean().item(), low, high


def _columns(first, second, draws):  # type: ignore[no-untyped-def]
    d = first.float() - second.float()
    return _from_means(d[draws].mean(dim=0), d.mean().item())


PAIRED = Exercise(
    id="14.3",
    title="The paired test",
    difficulty=2,
    minutes=10,
    reference=paired_interval,
    check=_check,
    hints=(
        "For each image there is one number: +1 if only the first is right, −1 if only the second is, else 0. What is "
        "their mean?",
        "`differences[draws]` is (R, N): R test sets at once. Take the mean of each.",
        "`resampled.quantile(torch.tensor([0.025, 0.975]))` are the ends; `.tolist()` makes Python numbers of them.",
    ),
    mutants=(
        Mutant(
            _apart,
            "the two classifiers were given different images: then the difference carries the luck of both draws, and "
            "what is hard for both no longer cancels out",
        ),
        Mutant(_narrow, "5 % were left out on either side: that is a 90 % interval"),
        Mutant(_absolute, "the sign was lost: a difference below zero says that the second one is better"),
        Mutant(_turned, "first and second have changed places: above zero means that the first is better"),
        Mutant(
            _singles,
            "the ends of two single intervals were subtracted: that supposes that one had bad luck just where the "
            "other had good luck",
        ),
        Mutant(_images, "these are quantiles of single images, not of the means of resampled test sets"),
        Mutant(_columns, "the mean was taken over the draws, not over the images of each: dim=1"),
    ),
)
