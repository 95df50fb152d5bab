"""The sigmoid loss: its two forms, the published one, and what its start costs."""

import math

import pytest
import torch
import torch.nn.functional as F
from open_clip.loss import SigLipLoss

from clip_tutor.losses import sigmoid_loss, sigmoid_loss_spec


def inputs(n=7, scale=10.0, bias=-10.0, dtype=torch.float64):
    pair = F.normalize(torch.randn(2, n, 5, generator=torch.Generator().manual_seed(0), dtype=dtype), dim=-1)
    scalars = torch.tensor([scale, bias], dtype=dtype)
    return [tensor.clone().requires_grad_() for tensor in (*pair, *scalars)]


def unrelated(n):
    """Images and captions that have nothing to do with each other: every cosine is 0."""
    return torch.tensor([[1.0, 0.0]]).expand(n, 2), torch.tensor([[0.0, 1.0]]).expand(n, 2)


@pytest.mark.parametrize("other", [sigmoid_loss_spec, SigLipLoss()], ids=["spec", "open_clip"])
@pytest.mark.parametrize("n", [1, 2, 7])
@pytest.mark.parametrize(("scale", "bias"), [(10.0, -10.0), (1.0, 0.0), (117.3, -12.9)])
def test_loss_and_gradients_equal(other, n, scale, bias):
    arguments = inputs(n, scale, bias)
    loss, expected = sigmoid_loss(*arguments), other(*arguments)
    torch.testing.assert_close(loss, expected, atol=1e-10, rtol=1e-10)
    gradients, theirs = (torch.autograd.grad(value, arguments) for value in (loss, expected))
    torch.testing.assert_close(gradients, theirs, atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize(
    ("n", "bias", "cost"),
    [
        (8, -10.0, 10.00),
        (32_768, -10.0, 11.49),
        (512, 0.0, 512 * math.log(2)),
        (128, -math.log(127), 5.848),  # about ln N + 1
    ],
)
def test_what_knowing_nothing_costs(n, bias, cost):
    few = min(n, 512)
    one_wrong = sigmoid_loss(*unrelated(few), 10.0, bias) - F.softplus(torch.tensor(-bias))
    wrong = one_wrong * (n - 1) / (few - 1)  # 32,768² numbers are too many for a test
    assert F.softplus(torch.tensor(-bias)).item() + wrong.item() == pytest.approx(cost, abs=0.005)


def test_the_best_bias_of_a_model_that_knows_nothing_says_yes_once_in_n():
    n, bias = 128, torch.tensor(-math.log(127), requires_grad=True)
    sigmoid_loss(*unrelated(n), 10.0, bias).backward()
    assert bias.grad.item() == pytest.approx(0, abs=1e-6)
    assert bias.sigmoid().item() == pytest.approx(1 / n)


def test_no_pair_looks_at_another():
    """Moving one caption changes the cost of its own questions only; a softmax would share the change out."""
    images, texts, scale, bias = inputs()
    moved = torch.cat([texts[:1].roll(1, 1), texts[1:]])
    (before,), (after,) = (torch.autograd.grad(sigmoid_loss(images, t, scale, bias), t) for t in (texts, moved))
    torch.testing.assert_close(after[1:], before[1:], atol=1e-14, rtol=0)
    assert (after[0] - before[0]).norm() > 0.01


def test_it_asks_for_pairs_of_unit_length():
    images, texts, scale, bias = inputs()
    with pytest.raises(ValueError, match="text_features must have rows of unit length"):
        sigmoid_loss(images, 2 * texts, scale, bias)
    with pytest.raises(ValueError, match=r"\(7, 5\) image vectors and \(6, 5\) caption vectors"):
        sigmoid_loss(images, texts[:6], scale, bias)
