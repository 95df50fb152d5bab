"""Self-distillation: a student that sees a part answers like a teacher that sees the whole.

    image ─┬─ a large view ──▶ teacher ─▶ (logits - center) / 0.04 ─ softmax ─▶ p      no gradient
           └─ small views ───▶ student ─▶  logits           / 0.10 ─ softmax ─▶ q      loss = - Σ p log q

The teacher is an average of the student's own past weights, so nobody knows the right answer, and there are two ways to
agree on nothing. Two rules of the teacher's hold them off, and each alone would drive it into the other one:

    all images the same prototype       centering: subtract from each prototype's logit its mean over images
    all prototypes alike, for any image  sharpening: a temperature below the student's

At an even answer of both the loss is ln K; `collapse_margin` says how far from there it is. And `information` says how
much the teacher's answers differ from image to image: 0 nats in either collapse.

A pair of one and the same view would ask the student to copy what it sees: such pairs are skipped.

Sources: Caron et al. 2021 (DINO), section 3.1 and algorithm 1; facebookresearch/dino ``main_dino.py``, class DINOLoss,
whose temperatures and momentum these are; Naeem et al. 2023 (SILC), for local views beside captions.
"""

import math

import torch
from torch import Tensor

STUDENT_TEMPERATURE, TEACHER_TEMPERATURE = 0.1, 0.04
CENTER_MOMENTUM = 0.9


def teacher_answers(logits: Tensor, center: Tensor) -> Tensor:
    """Return (..., K) probabilities, centered and sharpened, through which no gradient returns.

    Args:
        logits: (..., K), the teacher's.
        center: (K,), the mean logit of each prototype over past images.
    """
    return ((logits.detach() - center) / TEACHER_TEMPERATURE).softmax(dim=-1)


def cross_entropy(student: Tensor, answers: Tensor) -> Tensor:
    """Return (...), the cross-entropy of the student's (..., K) logits with the teacher's answers (..., K), in nats."""
    return -(answers * (student / STUDENT_TEMPERATURE).log_softmax(dim=-1)).sum(dim=-1)


def self_distillation_loss(student: Tensor, teacher: Tensor, center: Tensor, shared: int = 0) -> Tensor:
    """Return the mean cross-entropy over all pairs of a student's and a teacher's view, but those of the same view.

    Args:
        student: (S, B, K), the student's logits of S views of each of B images.
        teacher: (G, B, K), the teacher's logits of G views.
        center: (K,), see `moved_center`.
        shared: so many of the student's first views are the teacher's first ones, in the same order: 2 in DINO, whose
            student sees the large views, too; none in SigLIP 2, whose student sees small ones only.

    Raises:
        ValueError: the two are not of the same images and prototypes, or no pair is left.
    """
    check_alike(student, teacher)
    if not 0 <= shared <= min(len(student), len(teacher)):
        raise ValueError(
            f"{shared} views cannot be shared by {len(student)} of the student's and {len(teacher)} of the teacher's"
        )
    pairs = [(s, t) for t in range(len(teacher)) for s in range(len(student)) if not (s == t and s < shared)]
    if not pairs:
        raise ValueError(
            "the student's only view is the teacher's: each would be compared with itself, and nothing learned. Give "
            "the student local views"
        )
    answers = teacher_answers(teacher, center)  # (G, B, K)
    return torch.stack([cross_entropy(student[s], answers[t]).mean() for s, t in pairs]).mean()


def moved_center(center: Tensor, teacher: Tensor) -> Tensor:
    """Return (K,): the center after it has seen one more batch of the teacher's logits (..., K).

    It moves slowly, by a tenth of the way, since few images of a batch are not all images.
    """
    return CENTER_MOMENTUM * center + (1 - CENTER_MOMENTUM) * teacher.detach().flatten(0, -2).mean(dim=0)


def collapse_margin(loss: float, prototypes: int) -> float:
    """Return how many nats a loss lies below ln K, what a student and a teacher that say nothing would have."""
    return math.log(prototypes) - loss


def information(answers: Tensor) -> Tensor:
    """Return how many nats the answers (M, K) tell of which image it is: 0 where all are alike, sharp or even.

    It is the entropy of the mean answer less the mean entropy of an answer, and at most ln M or ln K.
    """
    return _entropy(answers.mean(dim=0)) - _entropy(answers).mean()


def check_alike(student: Tensor, teacher: Tensor) -> None:
    """Raise a ValueError unless the two have the same images and prototypes, the last dimensions of their shapes."""
    if student.shape[1:] != teacher.shape[1:]:
        raise ValueError(
            f"a student's logits of shape {tuple(student.shape)} and a teacher's of shape {tuple(teacher.shape)}: the "
            "teacher must see the same images through a head of the same shape; make it as a copy of the student"
        )


def _entropy(answers: Tensor) -> Tensor:
    return torch.special.entr(answers).sum(dim=-1)
