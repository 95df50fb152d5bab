"""Balancing: the formula, MetaCLIP's coins, and draws that no order of shards can change."""

import random

import numpy as np
import pytest

from clip_tutor.data.curation.automaton import Matches
from clip_tutor.data.curation.balancing import (
    BalanceReport,
    balance,
    count_matches,
    draw,
    keep_probabilities,
    keep_probability,
)


def matches_of(rows):
    ends = np.cumsum([len(row) for row in rows], dtype=np.int64)
    return Matches(ends, np.array([query for row in rows for query in row], np.int32))


def random_rows(seed, pairs=200, queries=12):
    """Queries of pairs: low numbers in most pairs, high ones in few."""
    chance = random.Random(seed)
    return [[query for query in range(queries) if chance.random() < 0.8 ** (query + 1)] for _ in range(pairs)]


def test_the_probability_is_a_product_and_no_minimum():
    assert keep_probability([0, 1], [40, 20], t=10) == 1 - 0.75 * 0.5
    assert keep_probability([1], [40, 20], t=10) == 0.5
    assert keep_probability([0, 1], [40, 10], t=10) == 1, "of the tail, all stay"
    assert keep_probability([], [40, 20], t=10) == 0


def test_counts_are_those_of_a_loop():
    shards = [random_rows(seed) for seed in range(3)]
    expected = [sum(query in row for rows in shards for row in rows) for query in range(12)]
    assert count_matches(map(matches_of, shards), 12).tolist() == expected
    assert count_matches([], 3).tolist() == [0, 0, 0]


@pytest.mark.parametrize("t", [1, 7, 60, 20_000])
@pytest.mark.parametrize("seed", range(5))
def test_all_pairs_at_once_get_what_each_gets(seed, t):
    rows = random_rows(seed)
    counts = count_matches([matches_of(rows)], 13)  # the last query never occurs
    expected = [keep_probability(row, counts.tolist(), t) for row in rows]
    np.testing.assert_allclose(keep_probabilities(matches_of(rows), counts, t), expected, rtol=1e-12, atol=1e-15)


def test_coins_for_each_query_come_to_the_same():
    """MetaCLIP keeps a pair as soon as one of its queries throws less than t / max(count, t)."""
    rows, t = [[0, 1, 2], [0], [1, 2], [2], []], 10
    counts = np.array([200, 50, 12])
    chance, tries = np.random.default_rng(0), 40_000
    shares = t / np.maximum(counts, t)
    kept = [np.mean((chance.random((tries, len(row))) < shares[row]).any(axis=1)) for row in rows]
    np.testing.assert_allclose(keep_probabilities(matches_of(rows), counts, t), kept, atol=0.01)


def test_about_t_pairs_of_a_query_stay_where_pairs_have_one_query():
    rows = [[0]] * 5000 + [[1]] * 300 + [[2]] * 40 + [[]] * 100
    names = [f"pair {number}" for number in range(len(rows))]
    report = BalanceReport(t=300, seed=0)
    stays = balance(names, matches_of(rows), count_matches([matches_of(rows)], 3), report)
    assert 240 < stays[:5000].sum() < 360
    assert stays[5000:5340].all()
    assert not stays[5340:].any()
    assert report == BalanceReport(300, 0, pairs=5440, unmatched=100, kept=int(stays.sum()))
    assert "of 5,440 pairs kept" in str(report) and "100 had no query; t = 300, seed 0" in str(report)


def test_which_pairs_stay_does_not_depend_on_order_or_shards():
    rows = random_rows(0)
    names = [f"{number:05}.jpg" for number in range(len(rows))]
    counts = count_matches([matches_of(rows)], 12)
    whole = balance(names, matches_of(rows), counts, BalanceReport(20, 3))
    order = np.random.default_rng(0).permutation(len(rows))
    report, stays = BalanceReport(20, 3), np.zeros(len(rows), bool)
    for part in np.array_split(order, 7):
        stays[part] = balance([names[n] for n in part], matches_of([rows[n] for n in part]), counts, report)
    assert stays.tolist() == whole.tolist()
    assert (report.pairs, report.kept) == (len(rows), int(whole.sum()))
    other = balance(names, matches_of(rows), counts, BalanceReport(20, 4))
    assert other.tolist() != whole.tolist()


def test_draws_are_uniform_and_those_of_their_names():
    names = [f"{number}" for number in range(20_000)] + ["", "é", "\ud83d"]
    drawn = draw(names, seed=0)
    assert drawn.min() >= 0 and drawn.max() < 1
    assert np.abs(np.histogram(drawn, 10, (0, 1))[0] / len(names) - 0.1).max() < 0.01
    assert draw(names[5:8], seed=0).tolist() == drawn[5:8].tolist()
    assert draw([], seed=0).shape == (0,)
    assert abs(np.corrcoef(drawn, draw(names, seed=1))[0, 1]) < 0.03


def test_what_does_not_fit_together_is_refused():
    with pytest.raises(ValueError, match="1 names and the matches of 2 captions"):
        balance(["a"], matches_of([[0], []]), np.array([1]), BalanceReport(1, 0))
    with pytest.raises(ValueError, match="count all shards before you balance one"):
        keep_probabilities(matches_of([[0]]), np.array([0, 5]), 10)
    with pytest.raises(ValueError, match="1 or more, and not 0"):
        keep_probabilities(matches_of([[0]]), np.array([5]), 0)
