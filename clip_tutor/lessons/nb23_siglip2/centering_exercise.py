"""Exercise 23.2: the two rules that keep a teacher from saying the same of every image."""

from typing import Any

import torch
from torch import Tensor, nn

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, same
from clip_tutor.lab.exercises.modules import in_words, names_and_shapes
from clip_tutor.lab.exercises.tried import cut_off, demand_like, with_gradients


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
        """Move the center, by 1 − momentum, towards each prototype's mean logit over a batch (B, K): no gradient."""
        mean = logits.detach().mean(dim=0)
        self.center = self.momentum * self.center + (1 - self.momentum) * mean


def _logits(B: int, K: int, seed: int) -> Tensor:
    """Logits in which each prototype has a level of its own."""
    random = torch.Generator().manual_seed(seed)
    return torch.randn(B, K, generator=random) + 2 * torch.randn(K, generator=random)


def use_centering(kind: Any, task: str, momentum: float, temperature: float, *batches: Tensor) -> Any:
    """Return what is asked: the parts, the center after all batches, the answers to the last, what gradients find."""
    mine = kind(batches[0].shape[1], momentum, temperature)
    if task == "parts":
        buffers = tuple(f"{name} {tuple(values.shape)}" for name, values in mine.named_buffers())
        return buffers, names_and_shapes(mine)
    if task == "gradients":
        answers = with_gradients(lambda logits: (mine.move(logits), mine(logits))[1], batches[-1])
        return isinstance(answers, tuple), mine.center.requires_grad
    for logits in batches:
        mine.move(logits)
    if task == "answers":
        return cut_off(mine(batches[-1]))
    if task == "center after answers":
        mine(batches[-1])
    return cut_off(mine.center)


_CASES = ((0.9, 0.04, (5, 4), 1), (0.5, 0.5, (3, 6), 3), (0.0, 1.0, (4, 4), 2))


def _check_centering(centering: Attempt) -> str:
    buffers, parameters = centering("parts", 0.9, 0.04, _logits(5, 4, 0))
    demand(
        (buffers, parameters) == (("center (4,)",), ()),
        f"buffers: {', '.join(buffers) or 'none'}; parameters: {', '.join(parameters) or 'none'}",
        "buffers: center (4,); parameters: none",
        '`self.register_buffer("center", …)`: a tensor that is only set would be left out when the module moves to a '
        "GPU or is saved, and a parameter would be trained",
    )
    found = []
    for place, (momentum, temperature, shape, count) in enumerate(_CASES):
        batches = tuple(_logits(*shape, 10 * place + n) for n in range(count))
        after = f"after {count} {'batch' if count == 1 else 'batches'}, with momentum {momentum:g}"
        for task in ("center", "answers", "center after answers", "gradients"):
            case = (task, momentum, temperature, *batches)
            answer, right = centering(*case), CENTERING.as_function(Centering)(*case)
            found.append((task, after, temperature, answer, right))
    for task, after, temperature, value, wanted in found:
        if task == "center":
            demand_like(value, wanted, "the center")
            demand(
                same(value, wanted),
                f"the center is ({in_words(value, wanted)}) {after}",
                f"({in_words(wanted, value)})",
            )
        if task == "answers":
            demand_like(value, wanted, "what forward returns")
            for n, (answer, right) in enumerate(zip(value, wanted, strict=True)):
                demand(
                    same(answer, right),
                    f"answer {n} is ({in_words(answer, right)}) {after} and temperature {temperature:g}",
                    f"({in_words(right, answer)})",
                )
        if task == "center after answers":
            demand(same(value, wanted), "asking for answers moved the center", "a center that only `move` moves")
        if task == "gradients":
            answers_do, center_does = value
            demand(
                not center_does,
                "the center remembers the logits that have moved it",
                "numbers alone",
                "detach the logits in `move`, too: else the graphs of all batches are kept",
            )
            demand(not answers_do, "a gradient returns to the teacher's logits", "answers that remember no way back")
    return "centers after 1, 2 and 3 batches, answers at three temperatures, and no gradient for the teacher"


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


class _MoveRemembers(Centering):
    def move(self, logits):  # type: ignore[no-untyped-def]
        self.center = self.momentum * self.center + (1 - self.momentum) * logits.mean(dim=0)


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
        "teacher's weights: momentum of itself, the rest of `logits.detach().mean(dim=0)`.",
    ),
    mutants=(
        Mutant(_answers(lambda x, c, t: ((x + c) / t).softmax(-1)), "the center was added: who wins always, wins more"),
        Mutant(_answers(lambda x, c, t: (x / t - c).softmax(-1)), "divided first: center and logits are of one scale"),
        Mutant(_answers(lambda x, c, t: (x - c).softmax(-1)), "the temperature is missing: nothing sharpens"),
        Mutant(_answers(lambda x, c, t: ((x - c) * t).softmax(-1)), "times the temperature flattens: divide by it"),
        Mutant(_answers(lambda x, c, t: (x / t).softmax(-1)), "the center is never taken away"),
        Mutant(
            _answers(lambda x, c, t: ((x - c) / 0.04).softmax(-1)), "a fixed 0.04: take the temperature that is given"
        ),
        Mutant(_answers(lambda x, c, t: ((x - c) / t).log_softmax(-1)), "logarithms: the answers are probabilities"),
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
        Mutant(
            _moves(lambda x, c, m: c),
            "the center has not moved: `center = …` in `move` is a name of its own, `self.center` is the buffer",
        ),
        Mutant(_moves(lambda x, c, m: 0.9 * c + 0.1 * x.mean(0)), "a fixed 0.9: take the momentum that is given"),
        Mutant(
            _moves(lambda x, c, m: c + (1 - m) * x.mean(0)),
            "the batch's share was added, and the old center kept whole: it must shrink first",
        ),
        Mutant(
            _moves(lambda x, c, m: m * c + (1 - m) * x.mean(1)),
            "a mean for each image: the center has a mean for each prototype",
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
        Mutant(_MoveRemembers, "`move` keeps the way back to the logits: detach them there, too"),
        Mutant(_Gradient, "the answers remember their way back: the teacher would be trained to please the student"),
    ),
)
