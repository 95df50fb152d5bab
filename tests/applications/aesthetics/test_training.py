"""A taste from ratings and from pairs."""

import pytest
import torch
import torch.nn.functional as F
from sklearn.linear_model import Ridge

from clip_tutor.applications.aesthetics import fit_pairs, fit_ratings, pairs_of


def test_ratings_give_the_ridge_regression_of_scikit_learn(features, random):
    ratings = torch.randint(0, 10, (20,), generator=random)
    ridge = Ridge(alpha=0.3).fit(features[:20].double().numpy(), ratings.numpy())
    expected = torch.from_numpy(ridge.predict(features.double().numpy())).float()
    torch.testing.assert_close(fit_ratings(features[:20], ratings, 0.3).score(features), expected, atol=1e-5, rtol=1e-5)


def test_a_known_taste_is_found(features, taste):
    liking = features @ taste
    for head in (fit_ratings(features, liking, 0.01), fit_pairs(features, pairs_of(liking), 0.01)):
        assert F.cosine_similarity(head.direction, taste, dim=0) > 0.97


def test_pairs_minimize_the_bradley_terry_loss(features, taste):
    liking = (features[:12] @ taste * 5).round()
    pairs, l2 = pairs_of(liking), 0.2
    weight = fit_pairs(features[:12], pairs, l2).weight.double().requires_grad_()
    scores = features[:12].double() @ weight
    loss = F.softplus(scores[pairs[:, 1]] - scores[pairs[:, 0]]).sum() + l2 / 2 * weight @ weight
    (gradient,) = torch.autograd.grad(loss, weight)
    assert gradient.abs().max() < 1e-4


def test_pairs_are_those_that_were_rated_differently_the_better_first():
    assert pairs_of(torch.tensor([2, 5, 2])).tolist() == [[1, 0], [1, 2]]


def test_pairs_know_the_order_alone(features, random):
    """Who gives sevens and eights only has the same pairs as who uses the whole scale."""
    ratings = torch.randint(0, 5, (15,), generator=random).float()
    timid = 7 + ratings / 10
    assert torch.equal(pairs_of(ratings), pairs_of(timid))


def test_what_cannot_be_fitted_is_refused(features):
    with pytest.raises(ValueError, match=r"all 10 ratings are 4: a taste is in the differences"):
        fit_ratings(features[:10], torch.full((10,), 4))
    with pytest.raises(ValueError, match=r"4 ratings are too few .* at least 5"):
        fit_ratings(features[:4], torch.arange(4))
    with pytest.raises(ValueError, match=r"vectors \(80, 24\) and ratings \(10,\)"):
        fit_ratings(features, torch.arange(10))
    with pytest.raises(ValueError, match="not a number"):
        fit_ratings(features[:10], torch.arange(10) / 0)
    with pytest.raises(ValueError, match=r"λ is 0"):
        fit_ratings(features[:10], torch.arange(10), 0)
    with pytest.raises(ValueError, match=r"got \(0, 2\).* all equal"):
        fit_pairs(features, pairs_of(torch.full((10,), 4)))
    with pytest.raises(ValueError, match="two different rows from 0 to 79"):
        fit_pairs(features, torch.tensor([[3, 3]] * 6))
