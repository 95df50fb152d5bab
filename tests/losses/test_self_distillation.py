"""Self-distillation is DINO's: its formula, who gets gradients, which pairs count, and how a collapse shows."""

import math

import pytest
import torch
import torch.nn.functional as F

from clip_tutor.losses.self_distillation import (
    collapse_margin,
    information,
    moved_center,
    self_distillation_loss,
    teacher_answers,
)


def logits(views, images=5, prototypes=7, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(views, images, prototypes, generator=generator, dtype=torch.float64).requires_grad_()


def written_out(student, teacher, center, shared):
    """DINO's loss view by view, image by image, prototype by prototype."""
    terms = []
    for t in range(len(teacher)):
        for s in range(len(student)):
            if s == t and s < shared:
                continue
            for b in range(student.shape[1]):
                p = [math.exp((teacher[t, b, k].item() - center[k].item()) / 0.04) for k in range(len(center))]
                q = [math.exp(student[s, b, k].item() / 0.1) for k in range(len(center))]
                terms.append(-sum(p[k] / sum(p) * math.log(q[k] / sum(q)) for k in range(len(center))))
    return sum(terms) / len(terms)


@pytest.mark.parametrize(("student_views", "teacher_views", "shared"), [(4, 2, 2), (3, 1, 0), (3, 2, 1)])
def test_the_loss_is_dinos(student_views, teacher_views, shared):
    student, teacher = logits(student_views), logits(teacher_views, seed=1)
    center = torch.linspace(-0.1, 0.2, 7, dtype=torch.float64)
    loss = self_distillation_loss(student, teacher, center, shared)
    assert loss.item() == pytest.approx(written_out(student, teacher, center, shared), rel=1e-9)


def test_no_gradient_reaches_the_teacher():
    student, teacher = logits(3), logits(1, seed=1)
    self_distillation_loss(student, teacher, torch.zeros(7)).backward()
    assert student.grad.abs().sum() > 0
    assert teacher.grad is None


def test_pairs_of_the_same_view_are_skipped():
    student, teacher = logits(2), logits(2, seed=1)
    losses = []
    for view in range(2):  # a student that copies the teacher where both see the same view gains nothing
        copied = student.detach().clone()
        copied[view] = 0.1 / 0.04 * teacher[view].detach()
        other = torch.stack([F.cross_entropy(copied[s] / 0.1, teacher_answers(teacher[1 - s], 0)) for s in (0, 1)])
        losses.append((self_distillation_loss(copied, teacher, torch.zeros(7), shared=2), other.mean()))
    for loss, expected in losses:
        torch.testing.assert_close(loss, expected)
    with pytest.raises(ValueError, match="the student's only view is the teacher's"):
        self_distillation_loss(student[:1], teacher[:1], torch.zeros(7), shared=1)
    with pytest.raises(ValueError, match="3 views cannot be shared by 2"):
        self_distillation_loss(student, teacher, torch.zeros(7), shared=3)


def test_saying_nothing_costs_ln_k():
    nothing = torch.zeros(2, 5, 7)
    loss = self_distillation_loss(nothing, nothing, torch.zeros(7))
    assert loss.item() == pytest.approx(math.log(7))
    assert collapse_margin(loss.item(), 7) == pytest.approx(0, abs=1e-6)
    assert math.log(65_536) == pytest.approx(11.09, abs=0.001)


def test_sharpening_and_centering_pull_apart():
    teacher = 0.1 * logits(1)[0].detach() + torch.eye(7)[0]  # all images are most like prototype 0
    sharp = teacher_answers(teacher, torch.zeros(7))
    assert (sharp.argmax(dim=1) == 0).all() and sharp.max() > 0.99
    centered = teacher_answers(teacher, teacher.mean(dim=0))
    assert len(centered.argmax(dim=1).unique()) > 1
    dull = teacher.softmax(dim=1)  # without sharpening
    assert dull.max() < 0.5


def test_the_center_moves_by_a_tenth():
    center, teacher = torch.full((7,), 2.0, dtype=torch.float64), logits(2)
    moved = moved_center(center, teacher)
    torch.testing.assert_close(moved, 0.9 * center + 0.1 * teacher.detach().mean(dim=(0, 1)))
    assert not moved.requires_grad


def test_either_collapse_tells_nothing_of_the_image():
    assert information(torch.full((6, 7), 1 / 7)).item() == pytest.approx(0, abs=1e-6)
    assert information(torch.eye(7)[[2] * 6]).item() == pytest.approx(0, abs=1e-6)
    assert information(torch.eye(7)).item() == pytest.approx(math.log(7))


def test_a_teacher_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"teacher's of shape \(1, 5, 8\).*make it as a copy of the student"):
        self_distillation_loss(logits(2), logits(1, prototypes=8), torch.zeros(8))
