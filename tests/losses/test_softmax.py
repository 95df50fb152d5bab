"""The contrastive loss: its two forms, the published one, its gradient, and what it refuses."""

import math

import open_clip
import pytest
import torch
import torch.nn.functional as F

from clip_tutor.losses import contrastive_loss, contrastive_loss_spec


def features(n: int = 7, dim: int = 5, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    return tuple(F.normalize(torch.randn(2, n, dim, generator=torch.Generator().manual_seed(seed)), dim=-1))


@pytest.mark.parametrize("scale", [1.0, 14.3, 60.0])
@pytest.mark.parametrize("n", [1, 2, 7])
def test_fast_form_equals_the_spec(n, scale):
    images, texts = features(n)
    torch.testing.assert_close(contrastive_loss(images, texts, scale), contrastive_loss_spec(images, texts, scale))


@pytest.mark.parametrize("scale", [1.0, 14.3, 100.0])
def test_equal_to_open_clip(scale):
    images, texts = features(9)
    expected = open_clip.ClipLoss()(images, texts, torch.tensor(scale))
    torch.testing.assert_close(contrastive_loss(images, texts, torch.tensor(scale)), expected)


@pytest.mark.parametrize("n", [1, 2, 8, 128])
def test_guessing_costs_ln_n(n):
    same = F.normalize(torch.ones(n, 4), dim=-1)
    assert contrastive_loss(same, same, 14.3).item() == pytest.approx(math.log(n), abs=1e-6)


def test_being_right_costs_nothing_and_being_wrong_costs_the_scale():
    axes = torch.eye(4)
    assert contrastive_loss(axes, axes, 100).item() == pytest.approx(0, abs=1e-6)
    assert contrastive_loss(axes, axes.roll(1, 0), 100).item() == pytest.approx(100)


@pytest.mark.parametrize("smoothing", [0.1, 0.5])
def test_smoothing_spreads_a_share_of_the_truth_evenly(smoothing):
    images, texts = features()
    logits = 14.3 * images @ texts.T
    truth = (1 - smoothing) * torch.eye(7) + smoothing / 7
    expected = -(truth * (logits.log_softmax(dim=1) + logits.log_softmax(dim=0))).sum() / 2 / 7
    torch.testing.assert_close(contrastive_loss(images, texts, 14.3, smoothing), expected)


def test_with_smoothing_too_much_confidence_costs():
    """The best logit gap is finite: beyond it the loss rises again."""
    axes = torch.eye(8)
    losses = [contrastive_loss(axes, axes, scale, 0.1).item() for scale in (1, 4.28, 20, 100)]
    assert min(losses) == losses[1]  # e^4.28 = (0.9 + 0.1 / 8) / (0.1 / 8), the odds that the smoothed truth has
    assert losses[3] > 8


def test_pairs_may_come_in_any_order():
    images, texts = features()
    order = torch.tensor([3, 0, 6, 1, 5, 2, 4])
    torch.testing.assert_close(
        contrastive_loss(images[order], texts[order], 14.3), contrastive_loss(images, texts, 14.3)
    )


def test_each_vectors_gradient_moves_with_it():
    images, texts = (tensor.requires_grad_() for tensor in features())
    order = torch.tensor([3, 0, 6, 1, 5, 2, 4])
    (straight,) = torch.autograd.grad(contrastive_loss(images, texts, 14.3), images)
    (permuted,) = torch.autograd.grad(contrastive_loss(images[order], texts[order], 14.3), images)
    torch.testing.assert_close(permuted, straight, atol=1e-6, rtol=1e-5)


def test_images_and_captions_count_alike():
    images, texts = features()
    torch.testing.assert_close(contrastive_loss(texts, images, 14.3), contrastive_loss(images, texts, 14.3))


def test_gradients_equal_those_of_the_spec_in_double_precision():
    fast = [tensor.requires_grad_() for tensor in (*features(), torch.tensor(14.3))]
    spec = [tensor.detach().double().requires_grad_() for tensor in fast]
    measured = torch.autograd.grad(contrastive_loss(*fast), fast)
    expected = torch.autograd.grad(contrastive_loss_spec(*spec), spec)
    for ours, exact in zip(measured, expected, strict=True):
        torch.testing.assert_close(ours.double(), exact, atol=1e-6, rtol=1e-5)


def test_the_gradient_is_probability_minus_truth():
    images, texts = features()
    images.requires_grad_()
    logits = 14.3 * images.detach() @ texts.T
    surplus = (logits.softmax(dim=1) + logits.softmax(dim=0)) / 2 - torch.eye(7)
    (gradient,) = torch.autograd.grad(contrastive_loss(images, texts, 14.3), images)
    torch.testing.assert_close(gradient, 14.3 * surplus @ texts / 7, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("factor", [0.0, 0.5, 3.0, float("nan")])
@pytest.mark.parametrize("side", ["image_features", "text_features"])
def test_vectors_must_have_unit_length(side, factor):
    pair = dict(zip(("image_features", "text_features"), features(), strict=True))
    pair[side] = pair[side] * factor
    with pytest.raises(
        ValueError, match=rf"{side} must have rows of unit length, .* from {factor:.3g} to {factor:.3g}"
    ):
        contrastive_loss(**pair, logit_scale=14.3)


def test_there_must_be_one_caption_for_each_image():
    images, texts = features()
    with pytest.raises(
        ValueError, match=r"\(7, 5\) image vectors and \(6, 5\) caption vectors: .* one caption for each"
    ):
        contrastive_loss(images, texts[:6], 14.3)


def test_rounding_to_bfloat16_is_still_unit_length():
    images, texts = features(64, 256)
    rounded = contrastive_loss(images.bfloat16().float(), texts.bfloat16().float(), 14.3)
    torch.testing.assert_close(rounded, contrastive_loss(images, texts, 14.3), atol=0.02, rtol=0)
