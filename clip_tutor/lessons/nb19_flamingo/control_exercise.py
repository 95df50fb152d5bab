"""Exercise 19.5: how much the labels of the shots are worth, with an interval; the control gives them to others."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand

Answers = Callable[[Tensor], Tensor]


def label_gain(
    hits_of: Callable[[torch.Tensor], torch.Tensor],
    labels: torch.Tensor,
    orders: torch.Tensor,
    resamples: torch.Tensor,
) -> tuple[float, float, float]:
    """Return what the true labels of the shots add to the accuracy over permuted ones, and its 95 % interval.

    labels is (N, S), those of the S shots of N episodes. hits_of(labels) asks a model about all N images with whatever
    labels (N, S) the shots are given, and returns (N,): 1.0 where it is right, else 0.0.
    orders is (N, S), integers: in the control, shot s of episode n gets the label of shot orders[n, s] of that episode.
    resamples is (R, N): R draws of N episodes with replacement. Both answers of an episode go together.
    The interval holds the middle 95 % of the R gains: `torch.quantile` at 0.025 and 0.975.
    """
    permuted = labels.gather(1, orders)  # (N, S)
    gains = hits_of(labels) - hits_of(permuted)  # (N,): 1, 0 or -1
    drawn = gains[resamples].mean(dim=1)  # (R,)
    low, high = drawn.quantile(torch.tensor([0.025, 0.975])).tolist()
    return gains.mean().item(), low, high


class Toy:
    """A model of nothing: whether it is right depends on the labels, on their order, and on how hard an episode is."""

    def __init__(self, N: int, S: int, seed: int) -> None:
        random = torch.Generator().manual_seed(seed)
        self.weights, self.hard = torch.randn(N, S, generator=random), 0.6 * torch.randn(N, generator=random)
        self.truth = torch.randint(2, (N, S), generator=random)

    def __call__(self, labels: Tensor) -> Tensor:
        """Return (N,): 1.0 where most of the labels are the true ones."""
        like = torch.where(labels == self.truth, 1.0, -1.0)
        return ((like * self.weights.abs()).mean(dim=1) + self.hard > 0).float()

    def __repr__(self) -> str:
        return "a made-up model"


def _case(N: int, S: int, seed: int) -> tuple[Answers, Tensor, Tensor, Tensor]:
    random = torch.Generator().manual_seed(seed)
    toy = Toy(N, S, seed)
    orders = torch.rand(N, S, generator=random).argsort(dim=1)
    return toy, toy.truth, orders, torch.randint(N, (400, N), generator=random)


_CASES = ((50, 4, 0), (70, 3, 1), (40, 8, 2))


def _check_control(gain_of: Attempt) -> str:
    cases = [_case(*case) for case in _CASES]
    found = [gain_of(*case) for case in cases]
    for result, case, (N, S, _) in zip(found, cases, _CASES, strict=True):
        demand(
            isinstance(result, tuple) and len(result) == 3 and all(isinstance(one, float) for one in result),
            f"{result!r}",
            "three plain numbers: the gain, and both ends of its interval",
        )
        for name, one, right in zip(("gain", "lower end", "upper end"), result, label_gain(*case), strict=True):
            demand(
                math.isclose(one, right, abs_tol=1e-4),
                f"the {name} is {one:.4f} for {N} episodes of {S} shots, of which {case[0](case[1]).mean():.0%} are "
                "right with the true labels",
                f"{right:.4f}",
            )
    return "gain and interval of three made-up models, labels permuted within each episode, answers that stay paired"


def _interval(drawn: Tensor, low: float = 0.025, high: float = 0.975) -> list[float]:
    return torch.quantile(drawn, torch.tensor([low, high])).tolist()


def _with(control=None, gain=torch.sub, low=0.025, high=0.975, others=None):  # type: ignore[no-untyped-def]
    def answer(hits_of, labels, orders, resamples):  # type: ignore[no-untyped-def]
        permuted = control(labels, orders) if control else labels.gather(1, orders)
        own, other = hits_of(labels), hits_of(permuted)
        second = others(resamples) if others else resamples
        drawn = gain(own[resamples].mean(1), other[second].mean(1))
        return gain(own.mean(), other.mean()).item(), *_interval(drawn, low, high)

    return answer


def _normal(hits_of, labels, orders, resamples):  # type: ignore[no-untyped-def]
    gains = hits_of(labels) - hits_of(labels.gather(1, orders))
    middle, spread = gains.mean().item(), gains.std().item()
    return middle, middle - 1.96 * spread, middle + 1.96 * spread


CONTROL = Exercise(
    id="19.5",
    title="The control",
    difficulty=2,
    minutes=12,
    kind="further",
    reference=label_gain,
    check=_check_control,
    hints=(
        "`labels.gather(1, orders)` deals the labels of each episode out anew. Ask the model once with each kind.",
        "The difference of the two answers is 1, 0 or -1 for each episode. Draw these differences, `gains[resamples]`: "
        "then the two answers of an episode stay together by themselves.",
    ),
    mutants=(
        Mutant(
            _with(control=lambda labels, orders: labels.roll(1, 0)),
            "the labels of another episode: there the letters are other ones; deal them out within each episode",
        ),
        Mutant(
            _with(control=lambda labels, orders: labels.flip(1)),
            "the labels in reverse: in some episodes that changes nothing or everything; use the orders that are given",
        ),
        Mutant(
            _with(control=lambda labels, orders: labels.gather(1, orders[:1].expand_as(orders))),
            "all episodes were permuted in the same way: row n of orders is that of episode n",
        ),
        Mutant(
            _with(control=lambda labels, orders: torch.zeros_like(labels).scatter(1, orders, labels)),
            "scattered: shot s was to get the label of shot orders[s], and here it gave its own to shot orders[s]",
        ),
        Mutant(
            _with(control=lambda labels, orders: labels),
            "the control has the true labels: nothing can gain over it",
        ),
        Mutant(
            _with(control=lambda labels, orders: 1 - labels),
            "labels that were swapped mislead; permuted ones say nothing, and that is what a control needs",
        ),
        Mutant(_with(gain=lambda own, other: other - own), "the sign: the gain is that of the true labels"),
        Mutant(_with(gain=lambda own, other: (own - other) / other), "divided by the control: it is a difference"),
        Mutant(_with(gain=lambda own, other: own), "the accuracy alone: what the control reaches must come off"),
        Mutant(
            _with(others=lambda resamples: resamples.flip(0)),
            "the two were drawn separately: both answers of an episode go together",
        ),
        Mutant(_with(low=0.05, high=0.95), "the middle 90 %: 2.5 % lie outside on either side"),
        Mutant(_normal, "the spread of single episodes: the interval is that of their mean, and so much narrower"),
    ),
)
