""" "None of these", and labels that overlap."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression

from clip_tutor.evaluation.classifier import Classifier
from clip_tutor.evaluation.none_of_these import NONE, answers_or_none, best_scores, p_values
from clip_tutor.evaluation.overlapping import LabelScale, fit_label_scale, label_probabilities

CLASSIFIER = Classifier(("a", "b", "c"), (("a",), ("b",), ("c",)), torch.eye(3, 8), 10.0, "made up")


def images(count: int, classes: bool, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(count, 8, generator=generator)
    return F.normalize(noise + (6 * torch.eye(3, 8)[torch.arange(count) % 3] if classes else 0), dim=1)


def test_a_p_value_counts_the_null_scores_that_are_as_high():
    null = torch.tensor([0.3, 0.1, 0.2, 0.2])
    assert p_values(torch.tensor([0.05, 0.2, 0.25, 0.9]), null).tolist() == pytest.approx([1, 0.8, 0.4, 0.2])
    with pytest.raises(ValueError, match="null distribution is empty"):
        p_values(torch.tensor([0.1]), torch.empty(0))


def test_images_of_no_class_are_called_one_in_no_more_than_the_level():
    null = best_scores(CLASSIFIER, images(400, classes=False, seed=0))
    shares = []
    for seed in range(1, 6):
        answers = answers_or_none(CLASSIFIER, images(400, classes=False, seed=seed), null, level=0.1)
        shares.append((answers != NONE).float().mean().item())
    assert 0.06 < np.mean(shares) < 0.14
    known = answers_or_none(CLASSIFIER, images(300, classes=True, seed=9), null, level=0.1)
    right = (known == torch.arange(300) % 3).float().mean()
    assert right > 0.9


def test_a_null_that_is_too_small_is_refused():
    with pytest.raises(ValueError, match=r"10 images that show none of the classes are too few to test at 0\.05"):
        answers_or_none(CLASSIFIER, images(3, True, 0), torch.zeros(10))
    with pytest.raises(ValueError, match="null distribution is empty"):
        answers_or_none(CLASSIFIER, images(3, True, 0), torch.empty(0))


def test_label_probabilities_do_not_share():
    p = label_probabilities(torch.tensor([[0.3, 0.3], [0.1, 0.1]]), LabelScale(20.0, -4.0))
    torch.testing.assert_close(p[:, 0], p[:, 1])
    torch.testing.assert_close(p[:, 0], torch.tensor([2.0, -2.0]).sigmoid())


def test_the_scale_is_logistic_regressions():
    generator = torch.Generator().manual_seed(0)
    truth = torch.rand(800, 4, generator=generator) < 0.2
    similarity = 0.2 + 0.08 * truth + 0.06 * torch.randn(800, 4, generator=generator)
    found = fit_label_scale(similarity, truth)
    theirs = LogisticRegression(C=1e9, tol=1e-10, max_iter=1000).fit(
        similarity.reshape(-1, 1).double(), truth.flatten()
    )
    assert found.scale == pytest.approx(theirs.coef_[0, 0], rel=0.02)  # Platt's targets are drawn in a little
    assert found.bias == pytest.approx(theirs.intercept_[0], rel=0.02)
    p = label_probabilities(similarity, found)
    assert p.mean().item() == pytest.approx(truth.float().mean().item(), abs=0.005)


def test_labels_that_a_threshold_separates_give_a_finite_scale():
    truth = torch.arange(40)[:, None] >= 30
    found = fit_label_scale(torch.linspace(0, 1, 40)[:, None], truth)
    p = label_probabilities(torch.linspace(0, 1, 40)[:, None], found)
    assert np.isfinite(found).all() and torch.equal(p > 0.5, truth)


def test_both_kinds_of_label_are_needed():
    with pytest.raises(ValueError, match="4 true and 0 false labels"):
        fit_label_scale(torch.rand(2, 2), torch.ones(2, 2, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"got \(2, 2\) and \(2,\)"):
        fit_label_scale(torch.rand(2, 2), torch.ones(2, dtype=torch.bool))
