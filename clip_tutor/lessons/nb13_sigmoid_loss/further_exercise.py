"""Exercise 13.4: images that several captions fit, and pairs of which nobody knows."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand
from clip_tutor.lab.exercises.tried import with_gradients
from clip_tutor.lessons.nb13_sigmoid_loss.exercise_parts import demand_loss, pairs, signs


def multi_positive_loss(
    image_features: torch.Tensor,
    text_features: torch.Tensor,
    logit_scale: torch.Tensor,
    logit_bias: torch.Tensor,
    labels: torch.Tensor,
) -> torch.Tensor:
    """Return the sigmoid loss of B images and M captions, any number of which may fit together, a scalar.

    image_features is (B, E), text_features (M, E), both with rows of unit length.
    labels is (B, M), whole numbers: 1 where the caption fits the image, -1 where it does not, 0 where nobody knows.
    A pair of which one knows costs what it costs in 13.1. One of which nobody knows costs nothing, and teaches nothing.
    The sum is divided by the number of pairs that fit.
    """
    logits = logit_bias + logit_scale * (image_features @ text_features.T)  # (B, M)
    known = labels != 0
    cost = -F.logsigmoid(labels * logits)  # (B, M); ln 2 where labels is 0
    return cost[known].sum() / (labels == 1).sum()


def _case(B: int, M: int, labels: list[list[int]], scale: float, bias: float) -> tuple[Tensor, ...]:
    images, texts = pairs(max(B, M), B + M)[0][:B], pairs(max(B, M), B + M)[1][:M]
    return images, texts, torch.tensor(scale), torch.tensor(bias), torch.tensor(labels)


def _check_positives(loss: Attempt) -> str:
    cases = [
        _case(4, 4, [[1, -1, -1, 1], [-1, 1, -1, -1], [1, 0, 1, -1], [-1, -1, 0, 1]], 7.0, -2.0),
        _case(3, 5, [[1, 1, -1, 0, -1], [-1, -1, 1, -1, 1], [0, -1, -1, 1, 1]], 4.0, 0.5),
        _case(5, 2, [[1, -1], [-1, 1], [-1, -1], [1, 0], [-1, 1]], 10.0, -1.5),
        (*pairs(4, 1), torch.tensor(6.0), torch.tensor(-1.0), signs(4).long()),
    ]
    demand_loss(loss, multi_positive_loss, cases, lambda labels: f"{int((labels == 1).sum())} pairs that fit, ")
    value, *_ = loss(*cases[0][:2], torch.tensor(1000.0), torch.tensor(0.0), cases[0][4])
    demand(
        bool(value.isfinite()),
        f"{value} at a logit scale of 1,000",
        "a finite loss",
        "sigmoid(-200) is 0 in float32, and its logarithm infinite: F.logsigmoid takes both steps in one",
    )
    return (
        "any number of right captions, tables that are not square, pairs of which nobody knows, four gradients; and "
        "where just the diagonal fits, the loss of 13.1"
    )


def _loss_with(  # type: ignore[no-untyped-def]
    cost_of: Callable[[Tensor, Tensor], Tensor] | None = None,
    divide_by: Callable[[Tensor], Any] | None = None,
    labels_of: Callable[[Tensor], Tensor] = lambda labels: labels,
):
    """Return a loss with other costs (B, M), another denominator, or other labels than the right ones."""

    def loss(i, t, s, b, labels):  # type: ignore[no-untyped-def]
        logits, z = s * i @ t.T + b, labels_of(labels)
        cost = cost_of(logits, z) if cost_of else -F.logsigmoid(z * logits) * (z != 0)
        return cost.sum() / (divide_by(labels) if divide_by else (labels == 1).sum())

    return loss


def _image_by_image(i, t, s, b, labels):  # type: ignore[no-untyped-def]
    cost = -F.logsigmoid(labels * (s * i @ t.T + b)) * (labels != 0)
    return (cost.sum(dim=1) / (labels == 1).sum(dim=1).clamp_min(1)).mean()


def _changed(**changes: Callable[[Tensor], Tensor]):  # type: ignore[no-untyped-def]
    """Return the right loss of inputs some of which were changed."""

    def loss(i, t, s, b, labels):  # type: ignore[no-untyped-def]
        given = {"i": i, "t": t, "s": s, "b": b, "labels": labels}
        given |= {name: change(given[name]) for name, change in changes.items()}
        return multi_positive_loss(*given.values())

    return loss


POSITIVES = Exercise(
    id="13.4",
    title="Several captions that fit",
    difficulty=2,
    minutes=12,
    reference=multi_positive_loss,
    check=_check_positives,
    kind="further",
    use=with_gradients,
    hints=(
        "The table of 13.1, with `labels` in the place of z. What does a pair cost whose label is 0?",
        "-log sigmoid(0) is ln 2, not 0: pairs of which nobody knows have to be left out of the sum.",
        "`cost[labels != 0].sum()`, divided by `(labels == 1).sum()`.",
    ),
    mutants=(
        Mutant(
            _loss_with(lambda logits, z: -F.logsigmoid(z * logits)),
            "a pair of which nobody knows costs ln 2 here, for -log sigmoid(0) is not 0: leave it out of the sum",
        ),
        Mutant(
            _loss_with(labels_of=lambda labels: torch.where(labels == 0, -1, labels)),
            "pairs of which nobody knows were called wrong: that is what the plain loss does to them",
        ),
        Mutant(
            _loss_with(labels_of=lambda labels: torch.where(labels == 0, 1, labels)),
            "pairs of which nobody knows were called right",
        ),
        Mutant(
            _loss_with(lambda logits, z: -F.logsigmoid(logits) * (z == 1)),
            "only the pairs that fit were asked: those that do not fit have a price, too",
        ),
        Mutant(
            _loss_with(lambda logits, z: -F.logsigmoid(-z * logits) * (z != 0)),
            "yes and no are swapped: a pair that fits has the label +1",
        ),
        Mutant(
            _loss_with(divide_by=lambda labels: len(labels)),
            "divided by the number of images: the denominator is the number of pairs that fit",
        ),
        Mutant(
            _loss_with(divide_by=lambda labels: labels.shape[1]),
            "divided by the number of captions: the denominator is the number of pairs that fit",
        ),
        Mutant(
            _loss_with(divide_by=lambda labels: (labels != 0).sum()),
            "a mean over all known pairs: the more wrong captions there are, the weaker would a right one be pulled",
        ),
        Mutant(
            _loss_with(divide_by=lambda labels: labels.sum()),
            "divided by the sum of the labels, in which every -1 takes one off: count those that are 1",
        ),
        Mutant(
            _loss_with(divide_by=lambda labels: 1), "summed and not divided: divide by the number of pairs that fit"
        ),
        Mutant(
            _image_by_image,
            "each image's cost was divided by its own number of right captions: sum over the whole table first",
        ),
        Mutant(
            _loss_with(lambda logits, z: -(z * logits).sigmoid().log() * (z != 0)),
            "sigmoid and logarithm one after the other: for large logits that is infinite, F.logsigmoid is not",
        ),
        Mutant(_changed(b=torch.zeros_like), "logit_bias is not used"),
        Mutant(
            _changed(t=Tensor.detach),
            "the captions were detached: the value is right, and the text encoder learns nothing from it",
        ),
        Mutant(
            _changed(i=Tensor.detach),
            "the images were detached: the value is right, and the image encoder learns nothing from it",
        ),
        Mutant(
            _changed(s=Tensor.detach, b=Tensor.detach),
            "scale and bias were detached: the value is right, and neither of them is ever learned",
        ),
        Mutant(
            lambda *given: multi_positive_loss(*given).item(),
            "a plain number has no gradient: leave .item() to the line that prints the loss",
        ),
    ),
)
