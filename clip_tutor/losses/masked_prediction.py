"""Masked prediction: the student sees half of the patches, and says of each hidden one what the teacher saw there.

    teacher   ■ ■ ■ ■     student   ■ ? ? ■      at each ?, the student's answer is compared with the teacher's
              ■ ■ ■ ■               ? ■ ? ■      at the same place; at each ■, nothing is
              ■ ■ ■ ■               ■ ? ■ ?

Both see the same view, so that a place is the same place. The teacher sees all of it: to agree, the student must tell
from a cat's ears where its feet are. The loss is that of self-distillation, for each patch in place of each image; on
visible patches it would ask for a copy, and be the easy half of the mean.

Sources: Zhou et al. 2022 (iBOT), section 3.1; Maninis et al. 2025 (TIPS); Tschannen et al. 2025 (SigLIP 2), section
2.3: half of the embedded patches.
"""

import torch
from torch import Tensor

from clip_tutor.losses.self_distillation import check_alike, cross_entropy, teacher_answers


def random_mask(images: int, patches: int, ratio: float, generator: torch.Generator | None = None) -> Tensor:
    """Return (B, N), True at the patches to hide: of each image equally many, anywhere.

    Args:
        ratio: the share of the patches.
        generator: where the chance comes from; torch's global one if not given.

    Raises:
        ValueError: nothing would be hidden, or nothing be left to see.
    """
    hidden = round(ratio * patches)
    if not 0 < hidden < patches:
        raise ValueError(
            f"a mask ratio of {ratio:g} hides {hidden} of {patches} patches: some must be hidden, to be said, and some "
            "be left, to say them from. Take a ratio between 0 and 1, for instance 0.5"
        )
    order = torch.rand(images, patches, generator=generator).argsort(dim=1)
    return order < hidden  # each row of ``order`` is a permutation, so that just so many are below


def masked_prediction_loss(student: Tensor, teacher: Tensor, masked: Tensor, center: Tensor) -> Tensor:
    """Return the mean cross-entropy of the student with the teacher over the hidden patches, in nats.

    Args:
        student: (B, N, K), logits of each patch, of images with hidden patches.
        teacher: (B, N, K), logits of each patch, of the same images as they are.
        masked: (B, N), True where a patch was hidden.
        center: (K,), the mean of the teacher's logits of patches; see `self_distillation.moved_center`.

    Raises:
        ValueError: the shapes do not belong together, or no patch was hidden.
    """
    check_alike(student, teacher)
    if masked.shape != student.shape[:2] or not masked.any():
        raise ValueError(
            f"a mask of shape {tuple(masked.shape)} with {int(masked.sum())} hidden patches, for logits of shape "
            f"{tuple(student.shape)}: give (B, N), True where the student's patches were hidden"
        )
    return cross_entropy(student[masked], teacher_answers(teacher[masked], center)).mean()
