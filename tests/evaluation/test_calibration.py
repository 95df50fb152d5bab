"""How sure against how often right: bins, ECE, and one temperature fitted where nothing is measured."""

import numpy as np
import pytest
import torch
from sklearn.calibration import calibration_curve

from clip_tutor.evaluation.calibration import calibration, fit_temperature, negative_log_likelihood


def made_up(images: int = 3000, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits whose softmax is the truth: labels are drawn from it."""
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(images, 6, generator=generator)
    labels = torch.multinomial(logits.softmax(dim=1), 1, generator=generator).flatten()
    return logits, labels


def test_bins_are_scikit_learns():
    logits, labels = made_up()
    found = calibration(logits, labels, bins=10)
    confidence, answers = logits.double().softmax(dim=1).max(dim=1)
    accuracy, mean = calibration_curve(answers == labels, confidence, n_bins=10)
    filled = found.images > 0
    assert found.images.sum() == 3000 and (~filled).any()
    np.testing.assert_allclose(found.accuracy[filled], accuracy, atol=1e-6)
    np.testing.assert_allclose(found.confidence[filled], mean, atol=1e-6)


def test_ece_is_the_papers_formula():
    """Guo et al. 2017, equation 3, as a plain loop over bins (low, high]."""
    logits, labels = made_up(500)
    confidence, answers = (logits / 0.5).softmax(dim=1).max(dim=1)
    expected = 0.0
    for k in range(15):
        inside = (confidence > k / 15) & (confidence <= (k + 1) / 15)
        if inside.any():
            right = (answers == labels)[inside].double().mean()
            expected += inside.double().mean() * (right - confidence[inside].double().mean()).abs()
    assert calibration(logits, labels, temperature=0.5).ece == pytest.approx(float(expected), abs=1e-6)


def test_the_temperature_that_made_the_labels_is_found():
    logits, labels = made_up()
    for too_sure in (5.0, 0.2):
        temperature = fit_temperature(logits * too_sure, labels)
        assert temperature == pytest.approx(too_sure, rel=0.1)
        near = [negative_log_likelihood(logits * too_sure, labels, temperature * f) for f in (0.97, 1, 1.03)]
        assert near[1] == min(near)
        before, after = (calibration(logits * too_sure, labels, t).ece for t in (1.0, temperature))
        assert after < 0.03 < 0.1 < before


def test_a_temperature_exists_where_there_is_none_to_find():
    logits, _ = made_up(200)
    right, wrong = logits.argmax(dim=1), logits.argmin(dim=1)
    assert fit_temperature(logits, right) == pytest.approx(1e-3, rel=0.1)
    assert fit_temperature(logits, wrong) == pytest.approx(1e3, rel=0.1)


def test_of_nothing_there_is_no_calibration():
    with pytest.raises(ValueError, match="no image to measure on"):
        calibration(torch.empty(0, 3), torch.empty(0).long())
    with pytest.raises(ValueError, match=r"got \(3, 2\) and \(4,\)"):
        fit_temperature(torch.zeros(3, 2), torch.zeros(4).long())
    assert "0 images" not in str(calibration(*made_up(50))) and "ECE" in str(calibration(*made_up(50)))
