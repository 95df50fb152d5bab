"""Exercises 16.5 and 16.6: images that captions do not balance, and a threshold for each language."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe

# ---------------------------------------------------------------------------------------------------------------- 16.5


def thin_groups(keep: Tensor, group: Tensor, t: float) -> Tensor:
    """Return (B,): how likely each pair stays once its image has been looked at, too.

    keep is (B,), how likely each pair stays as its caption has it; group is (B,), which group of similar images it is
    in. Of each group t pairs are to stay on average, or as many as would stay anyway if those are fewer. Within a group
    all pairs are thinned alike, so that what the captions balanced stays balanced.
    """
    expected = torch.zeros(int(group.max()) + 1, dtype=keep.dtype).index_add(0, group, keep)  # (G,)
    share = (t / expected).clamp(max=1)  # (G,) infinite, and so 1, for a group of which nothing stays
    return keep * share[group]


def _groups(seed: int, B: int, G: int) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(seed)
    group = (torch.rand(B, generator=random) ** 2 * G).long()
    keep = torch.rand(B, generator=random) ** 2
    keep[::7] = 1.0
    return keep, group


def _check_groups(thin: Attempt) -> str:
    hand = torch.tensor([1.0, 0.5, 0.5, 1.0, 0.2]), torch.tensor([0, 0, 0, 1, 1])
    cases = [(*hand, 1.0), (*hand, 1.5), (*_groups(0, 200, 6), 9.0), (*_groups(1, 300, 5), 14.5)]
    nothing = torch.tensor([0.0, 0.0, 1.0, 1.0]), torch.tensor([0, 0, 2, 2])
    for keep, group, t in [*cases, (*nothing, 1.0)]:
        given = thin(keep, group, t)
        demand(
            isinstance(given, Tensor) and given.shape == keep.shape,
            f"{describe(given)} for {len(keep)} pairs",
            f"a tensor ({len(keep)},)",
        )
        demand(
            bool(given.isfinite().all()),
            "a probability that is not a number",
            "0 for the pairs of a group of which nothing stays",
            "t divided by 0, times 0",
        )
        demand(
            bool((given <= keep + 1e-6).all()),
            f"a pair with {keep[given.argmax()]:.2f} now stays with {given.max():.2f}",
            "no pair is more likely to stay than its caption has it",
        )
        for number in group.unique().tolist():
            own, before = given[group == number], keep[group == number]
            wanted = min(t, before.sum().item())
            demand(
                math.isclose(own.sum().item(), wanted, rel_tol=1e-3, abs_tol=1e-5),
                f"{own.sum():.2f} pairs on average of a group of {len(own)} with {before.sum():.2f} before, t = {t:g}",
                f"{wanted:.2f}",
            )
        right = thin_groups(keep, group, t)
        demand(
            torch.allclose(given.to(right), right, rtol=1e-3, atol=1e-6),
            "as many pairs of each group as there should be, but not all of them thinned by the same factor",
            "one factor for a group: what was half as likely as another pair before is so afterwards",
        )
    return "each group has t pairs on average or what it had, by one factor for all of its pairs; 5 sets of groups"


def _factor(share: Callable[[Tensor, Tensor, float], Tensor], combine: Callable[[Tensor, Tensor], Tensor]):  # type: ignore[no-untyped-def]
    """Return an answer of another factor for each group, or another way to apply it."""

    def answer(keep: Tensor, group: Tensor, t: float) -> Tensor:
        return combine(keep, share(keep, group, t)[group])

    return answer


def _sums(keep: Tensor, group: Tensor) -> Tensor:
    return torch.zeros(int(group.max()) + 1).index_add(0, group, keep)


def _times(keep: Tensor, share: Tensor) -> Tensor:
    return keep * share


def _right(keep: Tensor, group: Tensor, t: float) -> Tensor:
    return (t / _sums(keep, group)).clamp(max=1)


def _sizes(keep: Tensor, group: Tensor, t: float) -> Tensor:
    return (t / torch.bincount(group)).clamp(max=1)


GROUPS = Exercise(
    id="16.5",
    title="What captions do not say",
    difficulty=2,
    minutes=12,
    kind="further",
    reference=thin_groups,
    check=_check_groups,
    hints=(
        "How many pairs of a group stay after the captions are balanced? Nobody has drawn yet, so it is an average.",
        "The average number that stays is the sum of the probabilities: `index_add` adds up keep by group. The factor "
        "of a group is t divided by that, and never more than 1.",
    ),
    mutants=(
        Mutant(
            _factor(_sizes, _times),
            "the groups were counted before the captions had thinned them: a group that has few pairs left is thinned "
            "a second time",
        ),
        Mutant(
            _factor(_sizes, torch.minimum),
            "the minimum of both probabilities: that counts the groups before the captions had thinned them",
        ),
        Mutant(
            _factor(_right, torch.minimum),
            "the minimum of both: the pairs of a group are then not thinned alike, and rare words lose what they had",
        ),
        Mutant(
            _factor(_sizes, lambda keep, share: 1 - (1 - keep) * (1 - share)),
            "the rule of 16.3 with the group as one more query: an image would be kept because of what it shows, and "
            "more pairs stay than before",
        ),
        Mutant(
            _factor(lambda keep, group, t: t / _sums(keep, group), _times),
            "groups with fewer than t pairs were blown up: they keep what they have",
        ),
        Mutant(_factor(_right, lambda keep, share: share), "what the captions had decided was forgotten: keep is lost"),
        Mutant(
            _factor(lambda keep, group, t: (t / keep.sum()).clamp(max=1).expand(int(group.max()) + 1), _times),
            "one factor for all groups: then those of few images shrink as the large ones do",
        ),
    ),
)

# ---------------------------------------------------------------------------------------------------------------- 16.6


def t_for_share(counts: Tensor, share: float) -> int:
    """Return the smallest t whose tail has at least the given share of all matches.

    counts is (Q,): how many pairs each query occurs in; a pair with three queries is three matches.
    The tail are the queries with t pairs or fewer. share lies above 0, and is 1 at most.
    """
    rising = counts.sort().values  # (Q,)
    matches = rising.cumsum(0)  # (Q,) of a query and all that are rarer
    enough = matches >= share * matches[-1]
    return int(rising[enough.nonzero()[0, 0]])


def _check_share(answer: Attempt) -> str:
    cases = (
        ([2, 2, 5, 7, 9, 15], (0.25, 0.6, 0.05, 1.0)),
        ([50, 1, 3, 0, 9, 1, 0, 27, 9], (0.1, 0.2, 0.4, 0.5, 0.9)),
        ([5, 5, 5, 5], (0.2, 1.0)),
        ([1000, 700, 3, 3, 2, 900, 40, 40], (0.01, 0.03, 0.3)),
    )
    for counts, shares in cases:
        for share in shares:
            given = answer(torch.tensor(counts), share)
            demand(
                isinstance(given, (int, Tensor)) and (not isinstance(given, Tensor) or given.numel() == 1),
                f"{describe(given)}",
                "one whole number",
            )
            t, total = int(given), sum(counts)
            right = t_for_share(torch.tensor(counts), share)
            tail = sum(count for count in counts if count <= t)
            demand(
                t == right,
                f"t = {t} for the counts {counts}: its tail has {tail} of {total} matches, {tail / total:.1%}",
                f"t = {right}, the smallest whose tail has {share:.0%} or more",
            )
    return "counts in any order, several of one size, queries without a pair, and shares up to 1"


def _quantile(counts: Tensor, share: float) -> int:
    rising = counts.sort().values
    return int(rising[max(0, math.ceil(share * len(rising)) - 1)])


def _cut(counts: Tensor, share: float, falling: bool = False, more: bool = False, back: int = 0) -> int:
    """Return a t that is found in another order, by more than the share, or some places too early."""
    ordered = counts.sort(descending=falling).values
    matches = ordered.cumsum(0)
    enough = matches > share * matches[-1] if more else matches >= share * matches[-1]
    place = int(enough.nonzero()[0, 0]) if enough.any() else len(ordered) - 1
    return int(ordered[max(0, place - back)])


def _unsorted(counts: Tensor, share: float) -> int:
    matches = counts.cumsum(0)
    return int(counts[(matches >= share * matches[-1]).nonzero()[0, 0]])


SHARE = Exercise(
    id="16.6",
    title="A threshold for each language",
    difficulty=2,
    minutes=10,
    kind="further",
    reference=t_for_share,
    check=_check_share,
    hints=(
        "How many matches does the tail of a given t have? The sum of all counts that are t or less. Which values of t "
        "need to be tried at all?",
        "Sort the counts and add them up one by one (`cumsum`): each sum is the tail of one t. Take the first that is "
        "large enough.",
    ),
    mutants=(
        Mutant(
            _quantile,
            "this is a share of the queries, not of the matches: most queries are rare, and have few matches together",
        ),
        Mutant(
            lambda counts, share: _cut(counts, share, falling=True),
            "the sum began with the most frequent: that is a head",
        ),
        Mutant(_unsorted, "the counts have to be sorted before they are added up: they come in any order"),
        Mutant(
            lambda counts, share: _cut(counts, share, back=1),
            "one query too few: the tail has to have the whole share",
        ),
        Mutant(
            lambda counts, share: _cut(counts, share, more=True),
            "at least the share: where a tail has just that, a larger one is not needed",
        ),
        Mutant(
            lambda counts, share: math.ceil(share * int(counts.max())),
            "a share of the highest count says nothing of how many matches lie below",
        ),
        Mutant(
            lambda counts, share: int((counts.sort().values.cumsum(0) >= share * counts.sum()).nonzero()[0, 0]),
            "this is a place among the sorted counts; t is the count that stands there",
        ),
        Mutant(
            lambda counts, share: math.ceil(share * int(counts.sum())),
            "this is how many matches the tail should have; t is the count of a single query",
        ),
    ),
)
