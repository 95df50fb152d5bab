"""Exercise 23.1: a teacher that is the average of its student's past."""

import copy
from typing import Any

import torch
from torch import Tensor, nn

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, same
from clip_tutor.lab.exercises.tried import cut_off, demand_like


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
    """Return what is asked: a teacher's parts, what it or the student says after some steps, what learns then."""
    student = _student(seed)
    mine = kind(student, momentum)
    x = torch.linspace(-1, 1, 6).view(2, 3)
    if task == "parts":
        return tuple(name for name, _ in mine.named_children())
    if task == "learns":
        return tuple(sorted(name for name, weights in mine.named_parameters() if weights.requires_grad))
    if task == "at first":
        _random(student, seed + 10)  # the student learns, and nobody has told the teacher yet
        return cut_off(mine(x))
    for step in range(STEPS):
        _random(student, seed + 20 + step)
        mine.follow(student)
    if task == "remembers":
        return tuple(sorted(name for name, weights in mine.named_parameters() if weights.grad_fn is not None))
    if task == "student stays":
        frozen = tuple(f"{name} frozen" for name, weights in student.named_parameters() if not weights.requires_grad)
        return frozen if student.training else (*frozen, "no longer in training mode")
    return cut_off((student if task == "student" else mine)(x))


def _check_teacher(teacher: Attempt) -> str:
    parts = teacher("parts", 0.9, 0)
    demand(
        parts == ("model",),
        f"the teacher's parts are: {', '.join(parts) or 'none'}",
        "one part, `model`",
        "a part is a module that __init__ sets as `self.model`: in a list it is none, and the student is not the "
        "teacher's",
    )
    cases = [
        (task, momentum, seed)
        for momentum, seed in ((0.9, 0), (0.25, 1), (1.0, 2))
        for task in ("at first", "followed", "student", "learns", "remembers", "student stays")
    ]
    found = {case: teacher(*case) for case in cases}
    right = {case: TEACHER.as_function(Teacher)(*case) for case in cases}
    said = {
        "at first": "the teacher's answer changed as soon as the student learned",
        "followed": f"after {STEPS} steps the teacher says",
        "student": f"after {STEPS} steps of the teacher the student says",
        "learns": "an optimizer would change",
        "remembers": f"after {STEPS} steps the teacher's weights remember how they were made:",
        "student stays": "the student was changed:",
    }
    nothing = {
        "learns": "nothing of the teacher: no parameter asks for it",
        "remembers": "numbers alone: autograd keeps each step of `follow` if nothing tells it not to",
        "student stays": "a student that learns on as before",
    }
    for case in sorted(cases, key=lambda case: list(said).index(case[0])):
        value, wanted = found[case], right[case]
        task, momentum, _ = case
        if task in nothing:
            demand(value == (), f"{said[task]} {', '.join(value)}", nothing[task])
            continue
        demand_like(value, wanted, "an answer")
        demand(
            same(value, wanted),
            f"{said[task]} {_in_words(value)}, with momentum {momentum:g}",
            _in_words(wanted),
        )
    return f"copies at the start, {STEPS} steps with momenta of 0.25, 0.9 and 1, the student untouched, no gradient"


def _in_words(answers: Tensor) -> str:
    return ", ".join(f"{value:.3f}" for value in answers.flatten().tolist())


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


class _FreezesStudent(Teacher):
    def __init__(self, student, momentum):  # type: ignore[no-untyped-def]
        super().__init__(student.requires_grad_(False), momentum)


class _Remembers(Teacher):
    def follow(self, student):  # type: ignore[no-untyped-def]
        for own, newest in zip(self.model.parameters(), student.parameters(), strict=True):
            own.mul_(self.momentum).add_(newest, alpha=1 - self.momentum)


class _NeverMoves(Teacher):
    def follow(self, student):  # type: ignore[no-untyped-def]
        """As `own = momentum * own + …` in a loop."""


class _FixedMomentum(Teacher):
    def __init__(self, student, momentum):  # type: ignore[no-untyped-def]
        super().__init__(student, 0.9)


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
        Mutant(_FreezesStudent, "the student was frozen, too: copy first, then freeze the copy"),
        Mutant(_Remembers, "autograd has recorded the steps: without torch.no_grad() each one makes its graph longer"),
        Mutant(
            _NeverMoves, "the teacher has not moved: `own = …` only names a new tensor, so change the old one in place"
        ),
        Mutant(_FixedMomentum, "a fixed momentum: take the one that was given"),
        Mutant(_MeanOfAll, "all steps count the same: old ones should fade, each step by the factor momentum"),
    ),
)
