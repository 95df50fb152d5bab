"""Exercise 23.1: a teacher that is the average of its student's past."""

import copy
from typing import Any

import torch
from torch import Tensor, nn

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, same


class Teacher(nn.Module):
    """Answers like the average of a student's weights over its last steps, and never learns by itself.

    Its one part is `model`, which begins as a copy of the student.
    """

    def __init__(self, student: nn.Module, momentum: float) -> None:
        """Make the part; at each step the share ``momentum`` of the teacher's weights stays."""
        super().__init__()
        self.momentum = momentum
        self.model = copy.deepcopy(student).requires_grad_(False)

    @torch.no_grad()
    def follow(self, student: nn.Module) -> None:
        """Move every parameter a little towards the student's: w ← momentum · w + (1 − momentum) · student's w."""
        for own, newest in zip(self.model.parameters(), student.parameters(), strict=True):
            own.mul_(self.momentum).add_(newest, alpha=1 - self.momentum)

    def forward(self, x: Tensor) -> Tensor:
        """Return what the model says."""
        return self.model(x)


STEPS = 3


def _student(seed: int) -> nn.Module:
    student = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    _random(student, seed)
    return student


@torch.no_grad()
def _random(student: nn.Module, seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    for weights in student.parameters():
        weights.copy_(torch.randn(weights.shape, generator=random))


def use_teacher(kind: Any, task: str, momentum: float, seed: int) -> Any:
    """Return what is asked of a teacher: what it says after some steps, what the student says then, what learns."""
    student = _student(seed)
    mine = kind(student, momentum)
    x = torch.linspace(-1, 1, 6).view(2, 3)
    if task == "learns":
        return tuple(sorted(name for name, weights in mine.named_parameters() if weights.requires_grad))
    if task == "at first":
        _random(student, seed + 10)  # the student learns, and nobody has told the teacher yet
        return mine(x).detach()
    for step in range(STEPS):
        _random(student, seed + 20 + step)
        mine.follow(student)
    return (student if task == "student" else mine)(x).detach()


def _check_teacher(teacher: Attempt) -> str:
    cases = [
        (task, momentum, seed)
        for momentum, seed in ((0.9, 0), (0.25, 1), (1.0, 2))
        for task in ("at first", "followed", "student", "learns")
    ]
    found = {case: teacher(*case) for case in cases}
    right = {case: TEACHER.as_function(Teacher)(*case) for case in cases}
    said = {
        "at first": "the teacher's answer changed as soon as the student learned",
        "followed": f"after {STEPS} steps the teacher says",
        "student": f"after {STEPS} steps of the teacher the student says",
        "learns": "an optimizer would change",
    }
    for case in sorted(cases, key=lambda case: list(said).index(case[0])):
        value, wanted = found[case], right[case]
        task, momentum, _ = case
        if task == "learns":
            demand(value == (), f"{said[task]} {', '.join(value)}", "nothing of the teacher: no parameter asks for it")
            continue
        demand(
            isinstance(value, Tensor) and same(value, wanted),
            f"{said[task]} {_in_words(value)}, with momentum {momentum:g}",
            _in_words(wanted),
        )
    return f"copies at the start, {STEPS} steps with momenta of 0.25, 0.9 and 1, the student untouched, nothing learns"


def _in_words(answers: Any) -> str:
    return ", ".join(f"{value:.3f}" for value in answers.flatten().tolist()) if isinstance(answers, Tensor) else "?"


class _TheStudentItself(Teacher):
    def __init__(self, student, momentum):  # type: ignore[no-untyped-def]
        super().__init__(student, momentum)
        self.model = student


class _Swapped(Teacher):
    def __init__(self, student, momentum):  # type: ignore[no-untyped-def]
        super().__init__(student, 1 - momentum)


class _Newest(Teacher):
    def __init__(self, student, momentum):  # type: ignore[no-untyped-def]
        super().__init__(student, 0.0)


class _Added(Teacher):
    @torch.no_grad()
    def follow(self, student):  # type: ignore[no-untyped-def]
        for own, newest in zip(self.model.parameters(), student.parameters(), strict=True):
            own.add_(newest, alpha=1 - self.momentum)


class _MatricesOnly(Teacher):
    @torch.no_grad()
    def follow(self, student):  # type: ignore[no-untyped-def]
        for own, newest in zip(self.model.parameters(), student.parameters(), strict=True):
            if own.ndim > 1:
                own.lerp_(newest, 1 - self.momentum)


class _StudentFollows(Teacher):
    @torch.no_grad()
    def follow(self, student):  # type: ignore[no-untyped-def]
        super().follow(student)
        for newest, own in zip(student.parameters(), self.model.parameters(), strict=True):
            newest.copy_(own)


class _Learns(Teacher):
    def __init__(self, student, momentum):  # type: ignore[no-untyped-def]
        super().__init__(student, momentum)
        self.model.requires_grad_(True)


class _MeanOfAll(Teacher):
    def __init__(self, student, momentum):  # type: ignore[no-untyped-def]
        super().__init__(student, momentum)
        self.seen = 1

    @torch.no_grad()
    def follow(self, student):  # type: ignore[no-untyped-def]
        self.seen += 1
        for own, newest in zip(self.model.parameters(), student.parameters(), strict=True):
            own.lerp_(newest, 1 / self.seen)


TEACHER = Exercise(
    id="23.1",
    title="The teacher",
    difficulty=1,
    minutes=8,
    reference=Teacher,
    use=use_teacher,
    check=_check_teacher,
    hints=(
        "What happens to the teacher if the student learns and nobody calls `follow`? Nothing should.",
        "`copy.deepcopy(student)` has weights of its own; `.requires_grad_(False)` keeps optimizers away from them.",
        "In `follow`, walk over both models' `.parameters()` together, under `torch.no_grad()`, and change the "
        "teacher's in place: `own.mul_(momentum).add_(newest, alpha=1 - momentum)`.",
    ),
    mutants=(
        Mutant(_TheStudentItself, "the teacher IS the student: both names mean one model, so copy it"),
        Mutant(_Swapped, "momentum and 1 − momentum have changed places: it is the teacher's own share that is large"),
        Mutant(_Newest, "the teacher became the newest student: what it was before is gone, and nothing is averaged"),
        Mutant(
            _Added, "the student's share was added, and the teacher's own weights kept whole: they must shrink first"
        ),
        Mutant(_MatricesOnly, "only matrices follow: biases are parameters, too"),
        Mutant(_StudentFollows, "the student was changed: it learns by its gradients alone"),
        Mutant(_Learns, "the teacher's parameters ask for gradients: an optimizer would train both"),
        Mutant(_MeanOfAll, "all steps count the same: old ones should fade, each step by the factor momentum"),
    ),
)
