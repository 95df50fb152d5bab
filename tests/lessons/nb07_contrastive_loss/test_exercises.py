"""The references of notebook 07 are the library's loss and its derivatives, and fresh wrong answers are refused."""

import math
import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from clip_tutor import losses
from clip_tutor.lab import check
from clip_tutor.lab.exercises.attempt import ExerciseError
from clip_tutor.lab.exercises.tried import with_gradients, without_autograd
from clip_tutor.lessons.nb07_contrastive_loss.further_exercises import best_logit_scale, multi_positive_loss
from clip_tutor.lessons.nb07_contrastive_loss.gradient_exercises import log_scale_gradient, logit_gradient
from clip_tutor.lessons.nb07_contrastive_loss.loss_exercises import contrastive_loss


@pytest.fixture
def pairs() -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    images, texts = F.normalize(torch.randn(2, 9, 6, dtype=torch.float64, generator=random), dim=-1)
    return images, F.normalize(images + texts, dim=-1)


@pytest.mark.parametrize(("dtype", "limit"), [(torch.float32, 1e-6), (torch.float64, 1e-10)])
def test_loss_and_gradients_are_the_librarys(pairs, dtype: torch.dtype, limit: float):
    inputs = [*(each.to(dtype) for each in pairs), torch.tensor(30.0, dtype=dtype)]
    mine, librarys = (with_gradients(loss, *inputs) for loss in (contrastive_loss, losses.contrastive_loss))
    assert len(mine) == 4
    for one, other in zip(mine, librarys, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=limit)


def test_the_derivatives_are_autograds(pairs):
    cosines = pairs[0] @ pairs[1].T
    log_scale = torch.tensor(2.66, dtype=torch.float64, requires_grad=True)
    losses.contrastive_loss(*pairs, log_scale.exp()).backward()
    torch.testing.assert_close(log_scale_gradient(cosines, log_scale.detach()), log_scale.grad)
    logits = (log_scale.exp() * cosines).detach().requires_grad_()
    own = torch.eye(9, dtype=torch.bool)
    multi_positive_loss(logits, own).backward()
    torch.testing.assert_close(logit_gradient(logits.detach()), logits.grad)
    torch.testing.assert_close(multi_positive_loss(logits, own), losses.contrastive_loss(*pairs, log_scale.exp()))


def test_no_scale_beside_the_best_costs_less(pairs):
    best = best_logit_scale(pairs[0] @ pairs[1].T, 0.1, 1000.0)
    assert 0.1 < best < 1000
    here = losses.contrastive_loss(*pairs, best)
    assert all(losses.contrastive_loss(*pairs, factor * best) > here for factor in (0.9, 0.99, 1.01, 1.1))


def refusal(exercise_id: str, answer: Callable[..., Any]) -> str:
    with pytest.raises(ExerciseError) as caught:
        check(exercise_id, answer)
    return str(caught.value)


def cross_entropies(logits, other):
    right = torch.arange(len(logits))
    return (F.cross_entropy(logits, right) + F.cross_entropy(other, right)) / 2


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda i, t, s: cross_entropies(s * i.data @ t.T, s * t @ i.data.T), "image_features were cut off"),
        (lambda i, t, s: cross_entropies(s * i @ t.detach().T, s * t.detach() @ i.T), "text_features were cut off"),
        (
            lambda i, t, s: cross_entropies(s * i @ t.T, (s * i @ t.T).detach().T),
            "the value is right, but the gradient",
        ),
        (
            lambda i, t, s: cross_entropies(torch.as_tensor(s).item() * i @ t.T, torch.as_tensor(s).item() * t @ i.T),
            "the temperature would never learn",
        ),
        (lambda i, t, s: cross_entropies(s * i @ t.T, s * i @ t.T), "only the rows were asked"),
        (lambda i, t, s: cross_entropies((s * i @ t.T).softmax(1), (s * t @ i.T).softmax(1)), "softmax twice"),
        (lambda i, t, s: -(s * i @ t.T).log_softmax(1).mean(dim=0).mean(), "once images and captions change places"),
        (lambda i, t, s: F.cross_entropy(s * i @ t.T, torch.zeros(len(i), dtype=torch.long)), "change places"),
        (lambda i, t, s: contrastive_loss(i, t, s).detach(), "does not remember where it came from"),
        (lambda i, t, s: contrastive_loss(i, t, s).reshape(1), "a tensor that holds one number"),
        (lambda i, t, s: contrastive_loss(i.mul_(2), t, s), "changed the values that it was given"),
        (lambda i, t, s: contrastive_loss(i, t, s * 14.3), "the price of guessing|a loss|pairs at logit_scale"),
    ],
)
def test_a_wrong_loss_is_told_what_is_wrong(answer: Callable[..., Any], says: str):
    assert re.search(says, refusal("07.2", answer))


@pytest.mark.parametrize(
    "answer",
    [
        losses.contrastive_loss,
        lambda i, t, s: losses.contrastive_loss(t, i, s),
        lambda i, t, s: losses.contrastive_loss(F.normalize(i, dim=-1), F.normalize(t, dim=-1), s),
        lambda i, t, s: cross_entropies(s * i @ t.T, s * t @ i.T),
        losses.chunked_contrastive_loss,
    ],
)
def test_a_right_loss_is_taken_however_it_is_written(answer: Callable[..., Any]):
    assert check("07.2", answer) is answer


def test_log_probabilities_must_lead_back():
    assert "a gradient of" in refusal("07.1", lambda logits: logits - logits.logsumexp(1, keepdim=True).detach())
    assert "07.1" in refusal("07.1", lambda logits: torch.tensor(logits.log_softmax(1).tolist()))


def test_a_derivative_by_autograd_is_no_answer():
    def by_autograd(logits):
        leaf = logits.clone().requires_grad_()
        cross_entropies(leaf, leaf.T).backward()
        return leaf.grad

    assert "autograd did the work" in refusal("07.3", by_autograd)


def test_an_answer_is_tried_as_training_does():
    x, y = torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0])
    value, gradient, none = with_gradients(lambda a, b: (a * b.detach()).sum(), x, y)
    assert (value, gradient.tolist(), none) == (11, [3, 4], None)
    assert with_gradients(lambda a, b: 7, x, y) == 7
    with_gradients(lambda a, b: (a.mul_(2) * b).sum(), x, y)
    assert x.tolist() == [2, 4], "a change in place is seen from outside"
    assert not without_autograd(lambda a: a.requires_grad_() * 2, torch.ones(1)).requires_grad


def test_the_by_hand_examples_of_the_notebook():
    assert logit_gradient(torch.zeros(2, 2)).tolist() == [[-0.25, 0.25], [0.25, -0.25]]
    wrong = log_scale_gradient(1 - torch.eye(2), torch.tensor(0.0))
    assert wrong.item() == pytest.approx(math.e / (1 + math.e))
    both = torch.ones(2, 2, dtype=torch.bool)
    assert multi_positive_loss(torch.zeros(2, 2), both).item() == pytest.approx(math.log(2))
