"""Ranks, recall and intervals on matrices small enough to check by eye."""

import pytest
import torch

from clip_tutor.evaluation.retrieval import bootstrap_interval, ranks, recall_at_k, retrieval_report

HAND_MADE = torch.tensor(
    [
        [0.9, 0.1, 0.2],  # its own is best
        [0.8, 0.5, 0.1],  # one is better
        [0.3, 0.2, 0.1],  # two are better
    ]
)


def test_a_rank_counts_who_is_preferred():
    assert ranks(HAND_MADE).tolist() == [0, 1, 2]
    assert [recall_at_k(HAND_MADE, k) for k in (1, 2, 3)] == pytest.approx([1 / 3, 2 / 3, 1])


def test_ties_count_against_the_query():
    assert ranks(torch.tensor([[0.5, 0.5, 0.1], [0.2, 0.5, 0.5], [0.1, 0.2, 0.5]])).tolist() == [1, 1, 0]
    assert recall_at_k(torch.ones(20, 20), 10) == 0, "calling everything equal earns nothing"


def test_a_model_that_has_diverged_earns_nothing():
    assert recall_at_k(torch.full((20, 20), float("nan")), 10) == 0
    one_bad = torch.eye(3)
    one_bad[1, 1] = float("nan")
    assert ranks(one_bad).tolist() == [0, 2, 0]


@pytest.mark.parametrize("shape", [(3, 4), (3,), (2, 3, 3)])
def test_queries_and_candidates_must_match(shape):
    with pytest.raises(ValueError, match="one row a query and one column a candidate, in the same order: got"):
        ranks(torch.zeros(shape))


def test_the_report_looks_both_ways():
    pictures = torch.eye(3)
    captions = torch.tensor([[1.0, 0.0, 0.0], [0.8, 0.6, 0.0], [0.0, 0.6, 0.8]])
    report = retrieval_report(pictures, captions)
    assert report["recall_at_1"] == pytest.approx(2 / 3), "the second caption prefers the first picture"
    assert report["image_to_text_recall_at_1"] == pytest.approx(2 / 3), "the second picture is wanted by two captions"
    captions[2] = torch.tensor([0.0, 0.0, 1.0])
    report = retrieval_report(pictures, captions)
    assert report["recall_at_1"] == pytest.approx(2 / 3)
    assert report["image_to_text_recall_at_1"] == 1, "but every picture prefers its own caption"
    assert set(report) == {f"{way}recall_at_{k}" for way in ("", "image_to_text_") for k in (1, 5, 10)}
    assert report["recall_at_5"] == 1


def test_the_interval_holds_the_mean_and_narrows_with_more_data():
    few, many = torch.arange(50) % 5 > 0, torch.arange(5000) % 5 > 0
    for hits in (few, many):
        low, high = bootstrap_interval(hits)
        assert low < 0.8 < high
        assert high - low == pytest.approx(2 * 1.96 * (0.8 * 0.2 / len(hits)) ** 0.5, rel=0.2)
    assert bootstrap_interval(many) == bootstrap_interval(many.numpy()) != bootstrap_interval(many, seed=1)


def test_the_interval_covers_the_truth_about_19_times_in_20():
    generator = torch.Generator().manual_seed(0)
    runs = [torch.rand(200, generator=generator) < 0.7 for _ in range(200)]
    intervals = [bootstrap_interval(hits, draws=500) for hits in runs]
    assert 0.90 <= sum(low <= 0.7 <= high for low, high in intervals) / 200 <= 0.985


def test_the_interval_of_certainty_is_a_point():
    assert bootstrap_interval(torch.ones(30, dtype=torch.bool)) == (1, 1)
