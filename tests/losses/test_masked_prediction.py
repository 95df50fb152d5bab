"""Masked prediction: on hidden patches only, against the teacher's answers at the same places."""

import pytest
import torch

from clip_tutor.losses.masked_prediction import masked_prediction_loss, random_mask
from clip_tutor.losses.self_distillation import cross_entropy, teacher_answers


def patches(prototypes=6, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(3, 8, prototypes, generator=generator).requires_grad_()


def test_only_hidden_patches_count():
    student, teacher, center = patches(), patches(seed=1), torch.linspace(-1, 1, 6)
    masked = random_mask(3, 8, 0.5, torch.Generator().manual_seed(0))
    loss = masked_prediction_loss(student, teacher, masked, center)
    at = masked.nonzero().tolist()
    each = [cross_entropy(student[b, n], teacher_answers(teacher[b, n], center)) for b, n in at]
    torch.testing.assert_close(loss, torch.stack(each).mean())
    loss.backward()
    assert torch.equal(student.grad.abs().sum(dim=-1) > 0, masked)


def test_no_gradient_reaches_the_teachers_patches():
    student, teacher = patches(), patches(seed=1)
    masked_prediction_loss(student, teacher, random_mask(3, 8, 0.5), torch.zeros(6)).backward()
    assert teacher.grad is None


def test_each_image_has_as_many_hidden_patches():
    masked = random_mask(200, 64, 0.5, torch.Generator().manual_seed(0))
    assert (masked.sum(dim=1) == 32).all()
    often = masked.float().mean(dim=0)
    assert often.min() > 0.3 and often.max() < 0.7, "anywhere"
    assert (random_mask(5, 64, 0.25).sum(dim=1) == 16).all()


@pytest.mark.parametrize("ratio", [0.0, 1.0, -0.5, 0.001])
def test_a_ratio_that_hides_nothing_or_all_is_refused(ratio):
    with pytest.raises(ValueError, match=rf"a mask ratio of {ratio:g} hides .* of 64 patches"):
        random_mask(2, 64, ratio)


def test_what_does_not_belong_together_is_refused():
    student, masked = patches(), random_mask(3, 8, 0.5)
    with pytest.raises(ValueError, match=r"teacher's of shape \(3, 8, 7\)"):
        masked_prediction_loss(student, patches(7), masked, torch.zeros(7))
    with pytest.raises(ValueError, match=r"a mask of shape \(3, 7\)"):
        masked_prediction_loss(student, patches(), masked[:, :7], torch.zeros(6))
    with pytest.raises(ValueError, match="with 0 hidden patches"):
        masked_prediction_loss(student, patches(), masked & False, torch.zeros(6))
