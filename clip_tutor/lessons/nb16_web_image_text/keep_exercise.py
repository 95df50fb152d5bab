"""Exercise 16.3: how likely a pair stays, for all pairs at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from clip_tutor.data.curation.balancing import keep_probability
from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe


def keep_probabilities(owner: Tensor, query: Tensor, counts: Tensor, t: int, B: int) -> Tensor:
    """Return (B,): how likely each of B pairs stays.

    owner and query are (K,): match k says that query number query[k] occurs in the caption of pair number owner[k].
    counts is (Q,): in how many pairs each of Q queries occurs.
    A query wants t of its pairs, or all of them if it has fewer, and each of its pairs with equal probability.
    A pair stays if at least one of its queries wants it; queries want or do not want independently of each other.
    """
    wants = (t / counts).clamp(max=1)  # (Q,)
    nobody = torch.ones(B).scatter_reduce(0, owner, 1 - wants[query], "prod")  # (B,) and 1 for a pair without a match
    return 1 - nobody


def _case(found: Sequence[Sequence[int]], counts: Sequence[int], t: int) -> tuple[Tensor, Tensor, Tensor, int, int]:
    owner = torch.tensor([pair for pair, queries in enumerate(found) for _ in queries], dtype=torch.long)
    query = torch.tensor([one for queries in found for one in queries], dtype=torch.long)
    return owner, query, torch.tensor(counts), t, len(found)


_CASES = (
    ([[0], [1], [0, 1, 2], [2]], [40, 20, 80], 10),
    ([[0, 1, 2], [0, 2], [], [3], [0, 1], []], [1000, 400, 250, 60], 100),
    ([[1, 0], [0, 2, 3], [3, 4]], [500, 300, 900, 50, 7], 20),
    ([[0, 1], [2, 0, 1], [1], []], [200, 100, 0], 100),
)


def _check(keep: Attempt) -> str:
    for found, counts, t in _CASES:
        if any(counts[one] == 0 for queries in found for one in queries):
            found = [[one for one in queries if counts[one]] for queries in found]
        given = keep(*_case(found, counts, t))
        demand(
            isinstance(given, Tensor) and given.shape == (len(found),),
            f"{describe(given)} for {len(found)} pairs",
            f"a tensor ({len(found)},), one probability a pair",
        )
        for queries, value in zip(found, given.tolist(), strict=True):
            right = keep_probability(queries, counts, t)
            told = ", ".join(f"{counts[one]:,}" for one in queries)
            told = f"whose queries have {told} pairs" if told else "without any query"
            demand(
                math.isclose(value, right, rel_tol=1e-3, abs_tol=1e-6),
                f"{value:.3f} for a pair {told}, t = {t}",
                f"{right:.3f}",
            )
    large = torch.arange(3000)
    given = keep(large.repeat(2), torch.cat([large % 7, 7 + large % 3]), torch.full((10,), 900), 90, 3000)
    demand(
        given.shape == (3000,) and torch.allclose(given.float(), torch.tensor(0.19), atol=1e-4),
        f"{describe(given)} of 3,000 pairs with two queries of 900 pairs each, t = 90",
        "0.19 for each",
        "do the matches of one pair have to stand side by side? Here they do not",
    )
    return (
        "heads, tails and both in one caption; a query with fewer than t pairs, a pair without any, matches in any "
        "order"
    )


def _by_pair(total: Callable[[list[float]], float], wanted: Callable[[float], float] = lambda p: min(1.0, p)):  # type: ignore[no-untyped-def]
    """Return an answer that makes a pair's probability of its queries' t / count in another way."""

    def answer(owner, query, counts, t, B):  # type: ignore[no-untyped-def]
        pairs: list[list[float]] = [[] for _ in range(B)]
        for pair, one in zip(owner.tolist(), query.tolist(), strict=True):
            pairs[pair].append(wanted(t / counts[one].item()))
        return torch.tensor([float(total(pair)) for pair in pairs])

    return answer


def _nobody(pair: list[float]) -> float:
    return math.prod(1 - p for p in pair)


def _side_by_side(owner, query, counts, t, B):  # type: ignore[no-untyped-def]
    wants = (t / counts).clamp(max=1)
    runs = torch.unique_consecutive(owner, return_counts=True)
    keep = torch.zeros(B)
    for pair, part in zip(runs[0].tolist(), wants[query].split(runs[1].tolist()), strict=True):
        keep[pair] = 1 - (1 - part).prod()
    return keep


KEEP = Exercise(
    id="16.3",
    title="Who stays",
    difficulty=2,
    minutes=12,
    reference=keep_probabilities,
    check=_check,
    hints=(
        "Begin with the queries: (Q,) numbers between 0 and 1, t / counts where a query has more than t pairs, and 1 "
        "where it has fewer.",
        "A pair stays if any query wants it. So ask for the opposite: how likely is it that none of its queries wants "
        "it? Those are independent, and 1 minus each is a factor.",
        "`1 - wants[query]` has a factor for each match, (K,). To multiply those of each pair: `torch.ones(B)"
        '.scatter_reduce(0, owner, factors, "prod")`; or add up `torch.log1p(-wants[query])` by `index_add`, and take '
        "`-torch.expm1` of the sums.",
    ),
    mutants=(
        Mutant(
            _by_pair(lambda pair: math.prod(pair) if pair else 0.0),
            "the product of the queries' probabilities: a pair then stays only if all of them want it, and a rare "
            "word is lost beside a frequent one",
        ),
        Mutant(
            _by_pair(lambda pair: min(pair, default=0.0)),
            "the minimum: the most frequent query alone decides, and 'a' is in nearly every caption",
        ),
        Mutant(
            _by_pair(lambda pair: max(pair, default=0.0)),
            "the maximum: the rarest query alone decides; the others can want the pair, too",
        ),
        Mutant(
            _by_pair(lambda pair: min(1.0, sum(pair))),
            "the sum: what two queries both want is counted twice",
        ),
        Mutant(
            _by_pair(lambda pair: sum(pair) / len(pair) if pair else 0.0),
            "the mean: then a frequent query drives out what a rare one wants",
        ),
        Mutant(_by_pair(_nobody), "this is how likely a pair goes: 1 minus it"),
        Mutant(
            _by_pair(lambda pair: 1 - _nobody(pair), wanted=lambda p: p),
            "t / count is more than 1 where a query has fewer than t pairs: it wants all of them, and no more",
        ),
        Mutant(
            _by_pair(lambda pair: 1 - _nobody(pair) if pair else 1.0),
            "a pair without any query stays: nobody wants it, so it goes",
        ),
        Mutant(_by_pair(lambda pair: 1 - _nobody(pair[:1])), "only the first match of each pair was used"),
        Mutant(
            _by_pair(lambda pair: 1 - _nobody(pair), wanted=lambda p: min(1.0, 1 / p)),
            "count / t instead of t / count: the more pairs a query has, the fewer of them it wants",
        ),
        Mutant(_side_by_side, "this expects the matches of a pair side by side: owner says whose each of them is"),
    ),
)
