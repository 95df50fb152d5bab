"""At most about t pairs a query: what everybody shows is thinned out, what is rare stays.

    count_i  how many pairs query i occurs in              head: more than t pairs · tail: t or fewer
    p_i = min(1, t / count_i)                              query i wants so large a share of its pairs
    P(keep) = 1 − ∏ (1 − p_i)  over a pair's queries       a pair stays if any of its queries wants it

A pair with a tail query always stays, and one without any query never does. The counts come first, from all pairs; then
each pair is decided alone, by a random number that its own name and the seed give: in any order, on any machine, in any
division into shards.

Source: MetaCLIP v1, ``balancing.py``, which tosses a coin for each query of a pair. It comes to the same: the test
``test_coins_for_each_query_come_to_the_same`` tosses them. t = 20,000 is CLIP's (Radford et al. 2021, section 2.2).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clip_tutor.data.curation.automaton import Matches
from clip_tutor.data.random_numbers import counter_rng

PAIRS_A_QUERY = 20_000


def keep_probability(queries: Iterable[int], counts: Sequence[int], t: int = PAIRS_A_QUERY) -> float:
    """Return how likely one pair stays.

    Args:
        queries: the numbers of the queries that occur in its caption.
        counts: of each query, how many pairs it occurs in.
        t: about how many pairs of each query stay.

    >>> keep_probability([0, 1], counts=[40, 20], t=10), keep_probability([], counts=[], t=10)
    (0.625, 0.0)
    """
    return 1.0 - math.prod(1 - min(1, t / counts[query]) for query in queries)


def count_matches(matches: Iterable[Matches], queries: int) -> NDArray[np.int64]:
    """Return (Q,): how many pairs each of the ``queries`` occurs in, over any number of shards."""
    counts = np.zeros(queries, np.int64)
    for part in matches:
        counts += np.bincount(part.queries, minlength=queries)
    return counts


def keep_probabilities(matches: Matches, counts: NDArray[np.int64], t: int = PAIRS_A_QUERY) -> NDArray[np.float64]:
    """Return (B,): for each pair what `keep_probability` says.

    Raises:
        ValueError: ``t`` is less than 1, or a query has matches and the count 0: the counts are of other pairs.
    """
    check_t(t)
    own = counts[matches.queries]  # (K,)
    if not own.all():
        raise ValueError("a query occurs in these pairs and has the count 0: count all shards before you balance one")
    with np.errstate(divide="ignore"):  # log 0 where nothing is dropped
        drop = np.log1p(-np.minimum(1, t / own))  # (K,) log(1 − p_i)
    owner = np.repeat(np.arange(len(matches)), matches.counts())  # (K,)
    return -np.expm1(np.bincount(owner, weights=drop, minlength=len(matches)))


def draw(names: Sequence[str], seed: int) -> NDArray[np.float64]:
    """Return (B,) numbers, uniform in [0, 1): each depends on the seed and one name alone."""
    digests = [hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest() for name in names]
    return counter_rng(seed, np.frombuffer(b"".join(digests), np.dtype("<i8")).astype(np.int64), 1)[:, 0]


@dataclass
class BalanceReport:
    """What balancing did to some pairs; reports of shards add up."""

    t: int
    seed: int
    pairs: int = 0  # that came in
    unmatched: int = 0  # of them, without any query
    kept: int = 0

    def __str__(self) -> str:
        share = self.kept / max(1, self.pairs)
        return (
            f"{self.kept:,} of {self.pairs:,} pairs kept ({share:.1%}), {self.unmatched:,} had no query; "
            f"t = {self.t:,}, seed {self.seed}"
        )


def balance(
    names: Sequence[str], matches: Matches, counts: NDArray[np.int64], report: BalanceReport
) -> NDArray[np.bool_]:
    """Return (B,): does this pair stay? The report takes note.

    Args:
        names: what each pair is called; two of one name share their random number.
        matches: the queries that occur in each caption.
        counts: (Q,) of each query, how many pairs of the whole collection it occurs in.
        report: says t and the seed.

    Raises:
        ValueError: there are more or fewer names than matches, or as `keep_probabilities`.
    """
    if len(names) != len(matches):
        raise ValueError(f"{len(names)} names and the matches of {len(matches)} captions: give one name for each")
    stays = draw(names, report.seed) < keep_probabilities(matches, counts, report.t)
    report.pairs += len(stays)
    report.unmatched += int((matches.counts() == 0).sum())
    report.kept += int(stays.sum())
    return stays


def check_t(t: int) -> None:
    """Refuse a threshold that would keep nothing.

    Raises:
        ValueError: it is less than 1.
    """
    if t < 1:
        raise ValueError(f"t is how many pairs of each query stay, 1 or more, and not {t}")
