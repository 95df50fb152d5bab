"""Exercise 18.6: how much of what can be learned from images only is told right, with an interval."""

import math

import torch

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand


def beyond_the_prior(own: torch.Tensor, shuffled: torch.Tensor, resamples: torch.Tensor) -> tuple[float, float, float]:
    """Return which share of what chance and habit do not explain is told right, and its 95 % interval.

    own and shuffled are (N,), 1.0 where the caption of a scene is right: written from its own image, or from another.
    With r and s for the two means, the share is (r - s) / (1 - s): 0 if the image helps nothing, 1 if all is right.
    resamples is (R, N): R draws of N scenes with replacement, as scene numbers. Both captions of a scene go together.
    The interval holds the middle 95 % of the R shares: `torch.quantile` at 0.025 and 0.975.
    """

    def share(r: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
        return (r - s) / (1 - s)

    drawn = share(own[resamples].mean(dim=1), shuffled[resamples].mean(dim=1))  # (R,)
    low, high = torch.quantile(drawn, torch.tensor([0.025, 0.975])).tolist()
    return share(own.mean(), shuffled.mean()).item(), low, high


def _hits(N: int, right: float, by_chance: float, seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    luck = torch.rand(N, generator=random)  # what is easy for one is easy for both
    own, shuffled = (luck < right).float(), (luck + 0.2 * torch.rand(N, generator=random) < by_chance).float()
    return own, shuffled, torch.randint(N, (400, N), generator=random)


_CASES = ((60, 0.8, 0.5, 0), (40, 0.6, 0.7, 1), (80, 0.95, 0.2, 2))


def _check_prior(beyond: Attempt) -> str:
    cases = [_hits(*case) for case in _CASES]
    found = [beyond(*case) for case in cases]
    for result, case in zip(found, cases, strict=True):
        demand(
            isinstance(result, tuple) and len(result) == 3 and all(isinstance(one, float) for one in result),
            f"{result!r}",
            "three plain numbers: the share, and both ends of its interval",
        )
        for name, one, right in zip(("share", "lower end", "upper end"), result, beyond_the_prior(*case), strict=True):
            demand(
                math.isclose(one, right, abs_tol=1e-4),
                f"the {name} is {one:.4f} where {case[0].mean():.0%} are right with the own image and "
                f"{case[1].mean():.0%} with another",
                f"{right:.4f}",
            )
    return "share and interval of three made-up captioners, with pairs that stay together"


def _interval(drawn: torch.Tensor, low: float = 0.025, high: float = 0.975) -> list[float]:
    return torch.quantile(drawn, torch.tensor([low, high])).tolist()


def _with(share, low=0.025, high=0.975, paired=True):  # type: ignore[no-untyped-def]
    def answer(own, shuffled, resamples):  # type: ignore[no-untyped-def]
        others = resamples if paired else resamples.flip(0)
        drawn = share(own[resamples].mean(1), shuffled[others].mean(1))
        return share(own.mean(), shuffled.mean()).item(), *_interval(drawn, low, high)

    return answer


def _share(r, s):  # type: ignore[no-untyped-def]
    return (r - s) / (1 - s)


def _normal(own, shuffled, resamples):  # type: ignore[no-untyped-def]
    drawn = _share(own[resamples].mean(1), shuffled[resamples].mean(1))
    middle, spread = _share(own.mean(), shuffled.mean()).item(), drawn.std().item()
    return middle, middle - 1.96 * spread, middle + 1.96 * spread


def _fixed_prior(own, shuffled, resamples):  # type: ignore[no-untyped-def]
    return _share(own.mean(), shuffled.mean()).item(), *_interval(_share(own[resamples].mean(1), shuffled.mean()))


def _mean_of_draws(own, shuffled, resamples):  # type: ignore[no-untyped-def]
    drawn = _share(own[resamples].mean(1), shuffled[resamples].mean(1))
    return drawn.mean().item(), *_interval(drawn)


PRIOR = Exercise(
    id="18.6",
    title="Beyond the prior",
    difficulty=3,
    minutes=12,
    kind="further",
    reference=beyond_the_prior,
    check=_check_prior,
    hints=(
        "Write the share as a function of two means first. Then it can be asked about all scenes, and about each draw.",
        "`own[resamples]` is (R, N): the hits of each draw. Take the same resamples for `shuffled`: pairs stay pairs.",
    ),
    mutants=(
        Mutant(_with(lambda r, s: r - s), "the lead alone: divide it by what was left to learn, 1 - s"),
        Mutant(_with(lambda r, s: (r - s) / s), "divided by s: how much was left to learn is 1 - s"),
        Mutant(_with(lambda r, s: (r - s) / r), "divided by r: how much was left to learn is 1 - s"),
        Mutant(_with(_share, paired=False), "the two were drawn separately: both captions of a scene go together"),
        Mutant(_with(_share, 0.05, 0.95), "the middle 90 %: 2.5 % lie outside on either side"),
        Mutant(_with(_share, 0.0, 1.0), "the least and the largest of the draws: leave 2.5 % outside on either side"),
        Mutant(_normal, "plus and minus 1.96 standard deviations: the distribution is skewed, so take its quantiles"),
        Mutant(_fixed_prior, "s was taken from all scenes for every draw: it is uncertain, too, so draw it as well"),
        Mutant(_mean_of_draws, "the mean of the draws in the place of the share: the share is that of all scenes"),
        Mutant(
            lambda own, shuffled, resamples: _with(_share)(shuffled, own, resamples),
            "own and shuffled were swapped",
        ),
    ),
)
