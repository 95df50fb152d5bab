"""Exercises of notebook 13, the sigmoid loss.

build     13.1 the loss   13.2 where training starts   13.3 a few rows at a time
further   13.4 several right captions, and unknown ones   13.5 around a ring of processes
"""

import math

import torch
import torch.nn.functional as F

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand
from clip_tutor.lab.exercises.tried import with_gradients
from clip_tutor.lessons.nb13_sigmoid_loss.exercise_parts import PARTS, RING, demand_loss, pairs, signs
from clip_tutor.lessons.nb13_sigmoid_loss.further_exercise import POSITIVES

# ---------------------------------------------------------------------------------------------------------------- 13.1


def sigmoid_loss(
    image_features: torch.Tensor, text_features: torch.Tensor, logit_scale: torch.Tensor, logit_bias: torch.Tensor
) -> torch.Tensor:
    """Return the sigmoid loss of N pairs, a scalar: the cost of all N · N answers, divided by N.

    image_features and text_features are (N, E), rows of unit length, row i belonging to row i.
    The logit of an image and a caption is logit_scale times their cosine, plus logit_bias.
    An answer costs -log sigmoid(z · logit), where z is +1 if the two belong together and -1 if not.
    """
    N = len(image_features)
    logits = logit_scale * image_features @ text_features.T + logit_bias  # (N, N)
    z = 2 * torch.eye(N, device=logits.device) - 1  # (N, N), +1 on the diagonal, else -1
    return -F.logsigmoid(z * logits).sum() / N


def _check_loss(loss: Attempt) -> str:
    cases = [(*pairs(B, B), torch.tensor(scale), torch.tensor(bias)) for B, scale, bias in
             ((3, 7.0, -2.0), (5, 3.0, 1.0), (6, 10.0, -1.5))]  # fmt: skip
    demand_loss(loss, sigmoid_loss, cases)
    images, texts = pairs(4, seed=9)
    value, *_ = loss(images, texts, torch.tensor(1000.0), torch.tensor(0.0))
    demand(
        bool(value.isfinite()),
        f"{value} at a logit scale of 1,000",
        "a finite loss",
        "sigmoid(-200) is 0 in float32, and its logarithm infinite: F.logsigmoid takes both steps in one",
    )
    return "one number and its four gradients, finite for large logits, and equal to the library's on 3 batches"


def _loss_with(z_of, divide_by=lambda N: N, logits_of=lambda i, t, s, b: s * i @ t.T + b):  # type: ignore[no-untyped-def]
    """Return a sigmoid loss with other labels, another denominator or other logits than the right ones."""

    def loss(i, t, s, b):  # type: ignore[no-untyped-def]
        N = len(i)
        return -F.logsigmoid(z_of(N) * logits_of(i, t, s, b)).sum() / divide_by(N)

    return loss


def _softmax(i, t, s, b):  # type: ignore[no-untyped-def]
    logits, right = s * i @ t.T + b, torch.arange(len(i))
    return (F.cross_entropy(logits, right) + F.cross_entropy(logits.T, right)) / 2


def _diagonal_alone(i, t, s, b):  # type: ignore[no-untyped-def]
    return -F.logsigmoid(s * (i * t).sum(dim=1) + b).mean()


LOSS = Exercise(
    id="13.1",
    title="The sigmoid loss",
    difficulty=1,
    minutes=10,
    reference=sigmoid_loss,
    check=_check_loss,
    kept=True,
    use=with_gradients,
    hints=(
        "Make the (N, N) table of logits first; do not forget the bias. Which cells are to be answered with yes?",
        "A table z with +1 on the diagonal and -1 everywhere else: `2 * torch.eye(N) - 1`.",
        "`F.logsigmoid(z * logits)`, all cells summed up, a minus in front, divided by N.",
    ),
    mutants=(
        Mutant(
            _loss_with(signs, lambda N: N * N),
            "divided by N²: an image has one caption however large the batch, and its pull would fade",
        ),
        Mutant(_loss_with(signs, lambda N: 1), "summed and not divided: the loss has a 1/N in front"),
        Mutant(
            _loss_with(signs, logits_of=lambda i, t, s, b: s * i @ t.T),
            "logit_bias is not used: without it an untrained model says yes to half of everything",
        ),
        Mutant(
            _loss_with(signs, logits_of=lambda i, t, s, b: s * (i @ t.T + b)),
            "the bias was multiplied by the scale: it is added after that",
        ),
        Mutant(
            _loss_with(torch.eye),
            "z is 0 for the wrong pairs: then they cost ln 2 whatever the model says, and are never pushed; z is -1",
        ),
        Mutant(_loss_with(lambda N: -signs(N)), "yes and no are swapped: z is +1 on the diagonal and -1 elsewhere"),
        Mutant(
            _loss_with(lambda N: torch.ones(N, N)),
            "every pair was called right: z is -1 off the diagonal",
        ),
        Mutant(
            _loss_with(signs, lambda N: -N), "the minus sign is missing: log sigmoid is below 0, and the loss is above"
        ),
        Mutant(_diagonal_alone, "only the right pairs were asked: all N · N answers have a price"),
        Mutant(_softmax, "a softmax: here no answer knows of the others, each pair is asked for itself"),
        Mutant(
            lambda i, t, s, b: -(signs(len(i)) * (s * i @ t.T + b)).sigmoid().log().sum() / len(i),
            "sigmoid and logarithm one after the other: for large logits that is infinite, F.logsigmoid is not",
        ),
        Mutant(
            lambda i, t, s, b: sigmoid_loss(i, t.detach(), s, b),
            "the captions were detached: the value is right, and the text encoder learns nothing from it",
        ),
        Mutant(
            lambda i, t, s, b: sigmoid_loss(i.detach(), t, s, b),
            "the images were detached: the value is right, and the image encoder learns nothing from it",
        ),
        Mutant(
            lambda i, t, s, b: sigmoid_loss(i, t, s.detach(), b.detach()),
            "scale and bias were detached: the value is right, and neither of them is ever learned",
        ),
        Mutant(
            lambda i, t, s, b: sigmoid_loss(i, t, s, b).item(),
            "a plain number has no gradient: leave .item() to the line that prints the loss",
        ),
    ),
)

# ---------------------------------------------------------------------------------------------------------------- 13.2


def starting_point(batch_size: int) -> tuple[float, float]:
    """Return the bias to start training with, and the loss before the first step; batch_size is 2 or more.

    An untrained model knows nothing: all its cosines are taken to be 0, so the bias alone is every logit.
    Of batch_size captions one belongs to an image, so every probability of yes is to be 1 / batch_size.
    """
    bias = -math.log(batch_size - 1)  # sigmoid(bias) = 1 / batch_size
    says_yes = 1 / batch_size
    loss = -math.log(says_yes) - (batch_size - 1) * math.log(1 - says_yes)  # one yes a row, all others no
    return bias, loss


def _check_start(start: Attempt) -> str:
    sizes = (2, 8, 128, 32_768)
    found = [start(size) for size in sizes]
    for size, value in zip(sizes, found, strict=True):
        demand(
            isinstance(value, tuple) and len(value) == 2 and all(isinstance(one, (int, float)) for one in value),
            f"{value!r} for a batch of {size}",
            "two numbers: bias and loss",
        )
    for place, name in enumerate(("bias", "loss")):
        for size, value in zip(sizes, found, strict=True):
            right = starting_point(size)[place]
            demand(
                math.isclose(value[place], right, rel_tol=1e-3, abs_tol=1e-6),
                f"a {name} of {value[place]:.4f} for a batch of {size:,}",
                f"{right:.4f}",
            )
    return "bias and loss for batches of 2, 8, 128 and 32,768; -10 would be right for 22,027"


def _start(bias_of, loss_of):  # type: ignore[no-untyped-def]
    def answer(N):  # type: ignore[no-untyped-def]
        return bias_of(N), loss_of(N)

    return answer


def _bias(N: int) -> float:
    return starting_point(N)[0]


def _price(N: int, bias: float) -> float:
    return math.log1p(math.exp(-bias)) + (N - 1) * math.log1p(math.exp(bias))


START = Exercise(
    id="13.2",
    title="The bias to start with",
    difficulty=2,
    minutes=8,
    reference=starting_point,
    check=_check_start,
    hints=(
        "sigmoid(b) = 1 / (1 + e^-b). For which b is that 1 / N?",
        "One row of the table: one right answer, which costs -ln of the probability of yes, and N - 1 others, which "
        "cost -ln of the probability of no. The sum over N rows is divided by N.",
        "1 + e^-b = N, so b = -ln(N - 1). The loss is ln N - (N - 1) · ln(1 - 1 / N).",
    ),
    mutants=(
        Mutant(
            _start(lambda N: -_bias(N), lambda N: starting_point(N)[1]), "the bias has the wrong sign: no is the rule"
        ),
        Mutant(
            _start(lambda N: -math.log(N), lambda N: starting_point(N)[1]),
            "-ln N: that is the log of the probability; the odds are 1 to N - 1",
        ),
        Mutant(
            _start(lambda N: -math.log(N), lambda N: _price(N, -math.log(N))),
            "-ln N, and the loss with it: that is the log of the probability; the odds are 1 to N - 1",
        ),
        Mutant(
            _start(lambda N: -math.log(N * N - 1), lambda N: _price(N, -math.log(N * N - 1))),
            "one yes among N²: of N² answers N are yes",
        ),
        Mutant(_start(lambda N: -10.0, lambda N: _price(N, -10.0)), "-10 for all: that fits one batch size alone"),
        Mutant(_start(lambda N: 0.0, lambda N: _price(N, 0.0)), "a bias of 0: yes to half of everything"),
        Mutant(
            _start(_bias, lambda N: starting_point(N)[1] / N), "the loss was divided by N twice, or is a mean over N²"
        ),
        Mutant(
            _start(_bias, lambda N: math.log(N)), "ln N is the price of the right answers; the wrong ones cost, too"
        ),
        Mutant(_start(_bias, lambda N: N * starting_point(N)[1]), "summed over the rows: the sum is divided by N"),
        Mutant(
            _start(_bias, lambda N: math.log(N) - N * math.log(1 - 1 / N)),
            "N wrong answers a row: one of the N is the right one",
        ),
        Mutant(lambda N: starting_point(N)[::-1], "the two came in the other order: bias first"),
    ),
)

EXERCISES = (LOSS, START, PARTS, POSITIVES, RING)
