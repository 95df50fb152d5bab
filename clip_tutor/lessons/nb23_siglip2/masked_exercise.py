"""Exercise 23.3: the loss of patches that the student did not see."""

import torch
import torch.nn.functional as F
from torch import Tensor

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, same
from clip_tutor.lab.exercises.tried import demand_like, with_gradients


def masked_loss(
    student_logits: torch.Tensor, teacher_answers: torch.Tensor, masked: torch.Tensor, temperature: float
) -> torch.Tensor:
    """Return the mean cross-entropy of the student with the teacher at the hidden patches: a scalar, in nats.

    student_logits is (B, N, K): at each of N patches, how much it is like each of K prototypes, of images with hidden
    patches; its softmax has the temperature. teacher_answers is (B, N, K), probabilities, of the same images whole; no
    gradient returns to them. masked is (B, N), True where a patch was hidden. Every hidden patch counts the same.
    """
    log_shares = (student_logits / temperature).log_softmax(dim=-1)  # (B, N, K)
    losses = -(teacher_answers.detach() * log_shares).sum(dim=-1)  # (B, N)
    return losses[masked].mean()


def _case(shape: tuple[int, int, int], hidden: tuple[int, ...], seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return random logits, answers and a mask that hides so many patches of each image."""
    random = torch.Generator().manual_seed(seed)
    order = torch.rand(shape[:2], generator=random).argsort(dim=1)
    answers = (3 * torch.randn(shape, generator=random)).softmax(dim=-1)
    return torch.randn(shape, generator=random), answers, order < torch.tensor(hidden)[:, None]


_CASES = (((1, 4, 3), (2,), 1.0), ((2, 6, 4), (1, 4), 0.1), ((3, 5, 2), (3, 0, 5), 0.5))


def _check_masked(loss: Attempt) -> str:
    cases = [(*_case(shape, hidden, seed), t) for seed, (shape, hidden, t) in enumerate(_CASES)]
    found = [loss(*case) for case in cases]
    for answer, case in zip(found, cases, strict=True):
        _, _, masked, temperature = case
        value = answer[0] if isinstance(answer, tuple) else answer
        right = with_gradients(masked_loss, *case)
        demand_like(value, right[0])
        where = f"{int(masked.sum())} of {masked.numel()} patches hidden, temperature {temperature:g}"
        demand(same(value.detach(), right[0]), f"{value:.4f} with {where}", f"{right[0]:.4f}")
        demand(
            isinstance(answer, tuple) and answer[1] is not None,
            "the result does not remember where it came from",
            "a loss that .backward() can be called on",
            ".item(), .detach(), float() and torch.no_grad() cut the way back to the weights",
        )
        demand(answer[2] is None, "a gradient returns to the teacher's answers", "a gradient for the student alone")
        demand(same(answer[1], right[1]), "the gradient at the logits is another one", "that of the mean cross-entropy")
    return "three batches at three temperatures, images with all and with none of their patches hidden, the gradients"


def _changed(change, where=lambda masked: masked):  # type: ignore[no-untyped-def]
    """Return a loss with other losses (B, N) of the patches, or of other patches."""

    def loss(student, answers, masked, temperature):  # type: ignore[no-untyped-def]
        return change(student, answers.detach(), temperature)[where(masked)].mean()

    return loss


def _losses(student, answers, temperature):  # type: ignore[no-untyped-def]
    return -(answers * (student / temperature).log_softmax(dim=-1)).sum(dim=-1)


def _an_image_each(student, answers, masked, temperature):  # type: ignore[no-untyped-def]
    losses = _losses(student, answers.detach(), temperature) * masked
    return (losses.sum(dim=1) / masked.sum(dim=1).clamp(min=1)).mean()


def _an_image_each_or_nan(student, answers, masked, temperature):  # type: ignore[no-untyped-def]
    losses = _losses(student, answers.detach(), temperature)
    return torch.stack([own[hidden].mean() for own, hidden in zip(losses, masked, strict=True)]).mean()


def _visible_count_zero(student, answers, masked, temperature):  # type: ignore[no-untyped-def]
    return (_losses(student, answers.detach(), temperature) * masked).mean()


def _hard(student, answers, temperature):  # type: ignore[no-untyped-def]
    return -(student / temperature).log_softmax(dim=-1).gather(-1, answers.argmax(-1, keepdim=True))[..., 0]


MASKED = Exercise(
    id="23.3",
    title="The masked loss",
    difficulty=2,
    minutes=10,
    reference=masked_loss,
    use=with_gradients,
    check=_check_masked,
    hints=(
        "Write down the cross-entropy of one patch with two prototypes: the teacher says 0.9 and 0.1, the student 0.5 "
        "and 0.5. It is ln 2, whatever the teacher says.",
        "`log_softmax` over prototypes, times the teacher's probabilities, added up over prototypes: (B, N).",
        "`losses[masked]` picks the hidden patches of all images into one row; its mean is what is wanted. "
        "`.detach()` keeps the gradient from the teacher.",
    ),
    mutants=(
        Mutant(
            _changed(_losses, torch.ones_like),
            "all patches count: a visible one can be copied, and the copies hide how badly the others are guessed",
        ),
        Mutant(_changed(_losses, torch.logical_not), "the visible patches count, and the hidden ones do not"),
        Mutant(_visible_count_zero, "visible patches cost nothing but are counted when the mean is taken"),
        Mutant(_an_image_each, "a mean for each image, and the mean of these: every hidden patch counts the same"),
        Mutant(
            _an_image_each_or_nan,
            "a mean for each image, which is NaN where nothing is hidden: every hidden patch counts the same",
        ),
        Mutant(
            lambda s, a, m, t: masked_loss(s, a, m, t) * m.sum(),
            "the patches were added up: the mean divides by how many are hidden",
        ),
        Mutant(lambda s, a, m, t: masked_loss(s, a, m, 1.0), "the student's temperature is missing"),
        Mutant(lambda s, a, m, t: masked_loss(s * t, a, m, 1.0), "times the temperature flattens: divide by it"),
        Mutant(
            _changed(lambda s, a, t: _losses(s, a, t) + torch.xlogy(a, a).sum(-1)),
            "the KL divergence: the cross-entropy is larger by the entropy of the teacher's answers",
        ),
        Mutant(
            _changed(lambda s, a, t: -(a * (s / t).softmax(-1)).sum(-1)), "the logarithm of the student's is missing"
        ),
        Mutant(
            lambda s, a, m, t: F.cross_entropy(s / t, a.detach()),
            "F.cross_entropy takes the second dimension for that of the classes, and here it is the patches: pick the "
            "hidden ones first",
        ),
        Mutant(
            _changed(lambda s, a, t: -(a * (s / t).log_softmax(1)).sum(-1)),
            "softmax over patches: it is over prototypes, the last dimension",
        ),
        Mutant(
            _changed(lambda s, a, t: -((s / t).softmax(-1) * a.clamp(min=1e-9).log()).sum(-1)),
            "student and teacher have changed places: the logarithm is the student's",
        ),
        Mutant(
            _changed(_hard), "only the teacher's favorite counts: how sure it is, and of what else, is what it teaches"
        ),
        Mutant(
            _changed(lambda s, a, t: -(a.softmax(-1) * (s / t).log_softmax(-1)).sum(-1)),
            "a softmax over the answers: they are probabilities already",
        ),
        Mutant(
            _changed(lambda s, a, t: -(a * (s / t).log_softmax(-1)).mean(-1)),
            "a mean over prototypes: a cross-entropy is their sum",
        ),
        Mutant(lambda s, a, m, t: -masked_loss(s, a, m, t), "the sign: a cross-entropy is not negative"),
        Mutant(
            lambda s, a, m, t: _losses(s, a, t)[m].mean(),
            "the teacher's answers were not detached: the teacher would learn to be easy to guess",
        ),
    ),
)
