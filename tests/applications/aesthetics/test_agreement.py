"""Held-out agreement: what it is worth, and when it says nothing."""

import pytest
import torch

from clip_tutor.applications.aesthetics import agreement, fit_ratings, held_out_agreement
from clip_tutor.applications.aesthetics.agreement import held_out_differences


def test_held_out_scores_are_those_of_a_fit_on_the_others(features, random):
    features, ratings = features[:12], torch.randint(0, 10, (12,), generator=random)
    found = held_out_differences(features, ratings, 0.2)
    for i, j in ((0, 1), (3, 11), (7, 2)):
        others = [n for n in range(12) if n not in (i, j)]
        scores = fit_ratings(features[others], ratings[others], 0.2).score(features[[i, j]])
        torch.testing.assert_close(found[i, j].float(), scores[0] - scores[1], atol=1e-5, rtol=1e-5)


def test_agreement_counts_pairs_and_takes_a_tie_for_half():
    ratings = torch.tensor([1, 1, 2, 3, 9])
    found = agreement(torch.tensor([0.1, 0.2, 0.2, 0.5, 0.4]), ratings)
    assert found.pairs == 9 and found.share == pytest.approx(7.5 / 9)
    assert agreement(ratings.float(), ratings).share == 1 and agreement(-ratings.float(), ratings).share == 0


def test_leaving_one_out_is_below_chance_and_two_is_not(features, random):
    one, two = [], []
    for _ in range(60):
        chosen = torch.randperm(80, generator=random)[:10]
        x, ratings = features[chosen], torch.rand(10, generator=random)
        rest = [[m for m in range(10) if m != n] for n in range(10)]
        alone = [fit_ratings(x[r], ratings[r], 1.0).score(x[[n]]).item() for n, r in enumerate(rest)]
        one.append(agreement(torch.tensor(alone), ratings).share)
        two.append(held_out_agreement(x, ratings, 1.0).share)
    assert sum(one) / 60 < 0.41 < 0.45 < sum(two) / 60 < 0.56


def test_the_interval_is_wide_with_few_ratings_and_narrows(features, taste, random):
    liking = features @ taste + 0.1 * torch.randn(80, generator=random)
    few, many = (held_out_agreement(features[:n], liking[:n]) for n in (12, 80))
    assert few.high - few.low > 1.5 * (many.high - many.low)
    assert many.decided and many.low < many.share < many.high


def test_what_means_nothing_is_not_decided(features, random):
    found = held_out_agreement(features[:30], torch.rand(30, generator=random))
    assert not found.decided and "holds 0.5" in str(found)


def test_too_few_to_leave_two_out(features):
    with pytest.raises(ValueError, match=r"6 ratings leave 4 to fit: rate at least 7"):
        held_out_agreement(features[:6], torch.arange(6))
