"""Exercise 10.1: exact search, with a mask of what may be found."""

from typing import Any

import torch
import torch.nn.functional as F

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe, same


def exact_search(
    vectors: torch.Tensor, queries: torch.Tensor, k: int, allowed: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return for each of Q queries the k largest cosine similarities and their rows, (Q, k) each, the best first.

    vectors is (N, E) and queries (Q, E), both of any length.
    allowed is (N,) of bools: which rows may be found; None: all of them.
    If fewer than k rows may be found, all of those are returned.
    """
    similarity = F.normalize(queries, dim=-1) @ F.normalize(vectors, dim=-1).T  # (Q, N)
    there = similarity.shape[1]
    if allowed is not None:
        similarity = similarity.masked_fill(~allowed, -torch.inf)
        there = int(allowed.sum())
    best = similarity.topk(min(k, there), dim=1)
    return best.values, best.indices


def _vectors(count: int, seed: int) -> torch.Tensor:
    """Return (count, 6) vectors of very different lengths."""
    random = torch.Generator().manual_seed(seed)
    lengths = 0.3 + 8 * torch.rand(count, 1, generator=random)
    return F.normalize(torch.randn(count, 6, generator=random), dim=-1) * lengths


def check_pair(found: object, right: tuple[torch.Tensor, torch.Tensor], what: str) -> None:
    """Demand scores and rows, in a tuple, as they should be."""
    demand(isinstance(found, tuple) and len(found) == 2, f"{what}, {describe(found)}", "two results: scores and rows")
    assert isinstance(found, tuple)
    for name, one, true in zip(("scores", "rows"), found, right, strict=True):
        demand(
            isinstance(one, torch.Tensor) and one.shape == true.shape,
            f"{what}, {name} that are {describe(one)}",
            f"a tensor {tuple(true.shape)}",
        )
    (scores, rows), (best, own) = found, right
    demand(not rows.is_floating_point(), f"{what}, rows that are fractions", "whole numbers: places of the index")
    demand(
        torch.equal(rows.long(), own),
        f"{what}, rows {rows.tolist()}",
        f"{own.tolist()}",
    )
    demand(
        same(scores, best),
        f"{what}, scores {[round(one, 3) for one in scores.flatten().tolist()]}",
        f"{[round(one, 3) for one in best.flatten().tolist()]}",
    )


def _check(answer: Attempt) -> str:
    vectors, queries = _vectors(12, 0), _vectors(2, 1)
    # In the first mask the rows that are most alike to the first query are all forbidden.
    far = (F.normalize(queries[:1], dim=-1) @ F.normalize(vectors, dim=-1).T)[0] < -0.05
    cases: tuple[tuple[Any, ...], ...] = (
        (vectors, queries, 4, None, "for 12 vectors and 2 queries"),
        (vectors, queries[:1], 3, far, f"with only the rows {far.nonzero()[:, 0].tolist()} allowed"),
        (vectors, queries, 5, torch.arange(12) % 5 == 3, "with only the rows 3 and 8 allowed, and k = 5"),
        (_vectors(3, 2), _vectors(1, 3), 10, None, "for k = 10 and 3 vectors"),
        (_vectors(40, 4), _vectors(3, 5), 6, torch.arange(40) % 2 == 0, "with every other row allowed"),
    )
    for given in cases:
        *arguments, what = given
        check_pair(answer(*arguments), exact_search(*arguments), what)
    return "the best rows by cosine similarity, with and without a mask, and what there is where k is too large"


def _cosines(vectors, queries):  # type: ignore[no-untyped-def]
    return F.normalize(queries, dim=-1) @ F.normalize(vectors, dim=-1).T


def _best(similarity, k):  # type: ignore[no-untyped-def]
    best = similarity.topk(min(k, similarity.shape[1]), dim=1)
    return best.values, best.indices


def _masked(similarity, k, allowed):  # type: ignore[no-untyped-def]
    if allowed is None:
        return _best(similarity, k)
    return _best(similarity.masked_fill(~allowed, -torch.inf), min(k, int(allowed.sum())))


def _multiplied(vectors, queries, k, allowed=None):  # type: ignore[no-untyped-def]
    similarity = _cosines(vectors, queries)
    return _best(similarity if allowed is None else similarity * allowed, k)


def _filtered_later(vectors, queries, k, allowed=None):  # type: ignore[no-untyped-def]
    scores, rows = _best(_cosines(vectors, queries), k)
    if allowed is None:
        return scores, rows
    kept = allowed[rows].all(dim=0)
    return scores[:, kept], rows[:, kept]


def _rows_among_allowed(vectors, queries, k, allowed=None):  # type: ignore[no-untyped-def]
    return _best(_cosines(vectors if allowed is None else vectors[allowed], queries), k)


def _filled_up(vectors, queries, k, allowed=None):  # type: ignore[no-untyped-def]
    similarity = _cosines(vectors, queries)
    return _best(similarity if allowed is None else similarity.masked_fill(~allowed, -torch.inf), k)


EXACT = Exercise(
    id="10.1",
    title="Exact search, with a mask",
    difficulty=1,
    minutes=8,
    reference=exact_search,
    check=_check,
    hints=(
        "One matrix product compares every query with every row. What has to be done to both before it is the cosine?",
        "A row that may not be found must lose against every other one, whatever the other's score: which number is "
        "smaller than all cosines? `masked_fill` writes it.",
        "`topk(k, dim=1)` has `.values` and `.indices`, and it refuses a k above the number of columns. How many rows "
        "may be found at all?",
    ),
    mutants=(
        Mutant(
            lambda v, q, k, allowed=None: _masked(q @ v.T, k, allowed),
            "dot products of vectors of any length: a long one wins, wherever it points. Normalize both sides",
        ),
        Mutant(
            lambda v, q, k, allowed=None: _masked(q @ F.normalize(v, dim=-1).T, k, allowed),
            "the queries kept their lengths: the order is right, and the scores are no cosines",
        ),
        Mutant(
            _multiplied,
            "scores times the mask: what may not be found gets a score of 0, and beats all that are below zero",
        ),
        Mutant(
            _filtered_later,
            "the mask came after the k best were chosen: what it takes away is not filled up by what comes next",
        ),
        Mutant(
            _rows_among_allowed,
            "these are places among the allowed rows: the caller wants places in the whole index",
        ),
        Mutant(
            _filled_up,
            "rows that may not be found come last, with a score of minus infinity: return fewer instead",
        ),
    ),
    kept=True,
)
