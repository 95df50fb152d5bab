"""Exercise 23.2: the two rules that keep a teacher from saying the same of every image."""

from typing import Any

import torch
from torch import Tensor, nn

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, same
from clip_tutor.lab.exercises.tried import with_gradients


class Centering(nn.Module):
    """Turns a teacher's logits into answers, centered and sharpened.

    Its one part is `center`, a buffer (K,) that begins with zeros: the mean logit of each of K prototypes.
    """

    def __init__(self, prototypes: int, momentum: float, temperature: float) -> None:
        """Make the part; at each batch the share ``momentum`` of the center stays."""
        super().__init__()
        self.momentum, self.temperature = momentum, temperature
        self.center: Tensor
        self.register_buffer("center", torch.zeros(prototypes))

    def forward(self, logits: Tensor) -> Tensor:
        """Return the answers (B, K) to logits (B, K): less the center, through a softmax with the temperature.

        No gradient returns to the teacher. The center stays as it is.
        """
        return ((logits.detach() - self.center) / self.temperature).softmax(dim=-1)

    def move(self, logits: Tensor) -> None:
        """Move the center towards the mean logit of each prototype over this batch (B, K), by 1 − momentum."""
        mean = logits.detach().mean(dim=0)
        self.center = self.momentum * self.center + (1 - self.momentum) * mean


def _logits(B: int, K: int, seed: int) -> Tensor:
    """Logits in which each prototype has a level of its own."""
    random = torch.Generator().manual_seed(seed)
    return torch.randn(B, K, generator=random) + 2 * torch.randn(K, generator=random)


def use_centering(kind: Any, task: str, momentum: float, temperature: float, *batches: Tensor) -> Any:
    """Return what is asked: the center after all batches, the answers to the last then, or what a gradient finds."""
    mine = kind(batches[0].shape[1], momentum, temperature)
    if task == "gradients":
        return with_gradients(mine, batches[-1])
    for logits in batches:
        mine.move(logits)
    if task == "center":
        return mine.center.detach().clone()
    answers = mine(batches[-1])
    return answers.detach(), same(mine.center, use_centering(kind, "center", momentum, temperature, *batches))


_CASES = ((0.9, 0.04, (5, 4), 1), (0.5, 0.5, (3, 6), 3), (0.0, 1.0, (4, 4), 2))


def _check_centering(centering: Attempt) -> str:
    found = []
    for place, (momentum, temperature, shape, count) in enumerate(_CASES):
        batches = tuple(_logits(*shape, 10 * place + n) for n in range(count))
        after = f"after {count} batches, with momentum {momentum:g}"
        for task in ("center", "answers", "gradients"):
            case = (task, momentum, temperature, *batches)
            answer, right = centering(*case), CENTERING.as_function(Centering)(*case)
            found.append((task, after, temperature, answer, right))
    for task, after, temperature, value, wanted in found:
        if task == "center":
            demand(same(value, wanted), f"the center is {_in_words(value)} {after}", _in_words(wanted))
        if task == "answers":
            answers, stays = value
            demand(stays, "asking for answers moved the center", "a center that only `move` moves")
            demand(
                same(answers, wanted[0]),
                f"the first answer is {_in_words(answers[0])} {after} and temperature {temperature:g}",
                _in_words(wanted[0][0]),
            )
        if task == "gradients":
            demand(
                isinstance(value, Tensor) and not value.requires_grad,
                "a gradient returns to the teacher's logits",
                "answers that remember no way back",
            )
    return "centers after 1, 2 and 3 batches, answers at three temperatures, and no gradient for the teacher"


def _in_words(numbers: Any) -> str:
    return f"({', '.join(f'{value:.3f}' for value in numbers.tolist())})" if isinstance(numbers, Tensor) else "?"


def _answers(change):  # type: ignore[no-untyped-def]
    class Changed(Centering):
        def forward(self, logits):  # type: ignore[no-untyped-def]
            return change(logits.detach(), self.center, self.temperature)

    return Changed


def _moves(change):  # type: ignore[no-untyped-def]
    class Changed(Centering):
        def move(self, logits):  # type: ignore[no-untyped-def]
            self.center = change(logits.detach(), self.center, self.momentum)

    return Changed


class _Gradient(Centering):
    def forward(self, logits):  # type: ignore[no-untyped-def]
        return ((logits - self.center) / self.temperature).softmax(dim=-1)


class _MovesByItself(Centering):
    def forward(self, logits):  # type: ignore[no-untyped-def]
        answers = super().forward(logits)
        self.move(logits)
        return answers


CENTERING = Exercise(
    id="23.2",
    title="Centering and sharpening",
    difficulty=2,
    minutes=12,
    reference=Centering,
    use=use_centering,
    check=_check_centering,
    hints=(
        "Which prototype would win for every image, if one had a high logit whatever it is shown? Take away what it "
        "has on average.",
        "The mean is over images, one number for each prototype. A low temperature divides: differences grow.",
        "`((logits.detach() - self.center) / self.temperature).softmax(dim=-1)`; and the center is an average like the "
        "teacher's weights: momentum of itself, the rest of `logits.mean(dim=0)`.",
    ),
    mutants=(
        Mutant(_answers(lambda x, c, t: ((x + c) / t).softmax(-1)), "the center was added: who wins always, wins more"),
        Mutant(_answers(lambda x, c, t: (x / t - c).softmax(-1)), "divided first: center and logits are of one scale"),
        Mutant(_answers(lambda x, c, t: (x - c).softmax(-1)), "the temperature is missing: nothing sharpens"),
        Mutant(_answers(lambda x, c, t: ((x - c) * t).softmax(-1)), "times the temperature flattens: divide by it"),
        Mutant(_answers(lambda x, c, t: (x / t).softmax(-1)), "the center is never taken away"),
        Mutant(_answers(lambda x, c, t: (x - c) / t), "no softmax: these are logits yet, and a row must add up to 1"),
        Mutant(
            _answers(lambda x, c, t: ((x - c) / t).softmax(0)),
            "softmax over images: each answer is over prototypes, the last dimension",
        ),
        Mutant(
            _answers(lambda x, c, t: ((x - x.mean(0)) / t).softmax(-1)),
            "centered by this batch alone: the center remembers batches before",
        ),
        Mutant(
            _moves(lambda x, c, m: (1 - m) * c + m * x.mean(0)),
            "the shares have changed places: it is the old center that keeps the share momentum",
        ),
        Mutant(_moves(lambda x, c, m: x.mean(0)), "the old center is forgotten at each batch"),
        Mutant(
            _moves(lambda x, c, m: m * c + (1 - m) * x.mean()),
            "one mean of all numbers: taking the same from every logit changes no softmax",
        ),
        Mutant(
            _moves(lambda x, c, m: m * c + (1 - m) * x.sum(0)),
            "a sum in place of a mean: the center would grow with the batch",
        ),
        Mutant(
            _moves(lambda x, c, m: m * c + (1 - m) * x.softmax(-1).mean(0)),
            "the mean of probabilities: it is logits from which the center is taken away",
        ),
        Mutant(_MovesByItself, "answering moves the center, too: it would move twice a batch"),
        Mutant(_Gradient, "the answers remember their way back: the teacher would be trained to please the student"),
    ),
)
