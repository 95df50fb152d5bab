"""Exercises 20.1 and 20.2: affine layers become one, and the loss of choices between two images."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe, same
from clip_tutor.lab.exercises.tried import with_gradients

Layers = list[tuple[Tensor, Tensor]]


def collapse(layers: list[tuple[torch.Tensor, torch.Tensor]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the one affine map that several affine layers are, as its weight and its bias.

    Each layer is (weight, bias) with weight (after, before) and bias (after,), as nn.Linear has them: it turns x into
    weight @ x + bias. The first one comes first. The layers themselves stay as they are.
    """
    weight, bias = layers[0]
    for step, shift in layers[1:]:
        weight, bias = step @ weight, step @ bias + shift
    return weight, bias


def _layers(widths: tuple[int, ...], seed: int) -> Layers:
    random = torch.Generator().manual_seed(seed)
    return [
        (torch.randn(after, before, generator=random) / before**0.5, torch.randn(after, generator=random))
        for before, after in pairwise(widths)
    ]


def _check_collapse(collapse_: Attempt) -> str:
    for seed, widths in enumerate(((3, 3, 3), (4, 4, 4, 4), (5, 2), (6, 9, 4, 2, 1), (8, 16, 8, 4, 2, 1))):
        layers = _layers(widths, seed)
        kept = [(weight.clone(), bias.clone()) for weight, bias in layers]
        answer = collapse_(layers)
        demand(
            all(
                torch.equal(a, b) for new, old in zip(layers, kept, strict=True) for a, b in zip(new, old, strict=True)
            ),
            "the layers that were given have changed",
            "layers left as they are",
            "bias += … works in place, and the first bias belongs to the first layer",
        )
        demand(
            isinstance(answer, tuple) and len(answer) == 2 and all(isinstance(one, Tensor) for one in answer),
            f"{answer!r:.80}",
            "a weight and a bias",
        )
        weight, bias = collapse(layers)
        told = " → ".join(map(str, widths))
        demand(
            answer[0].shape == weight.shape and answer[1].shape == bias.shape,
            f"a weight {tuple(answer[0].shape)} and a bias {tuple(answer[1].shape)} for layers {told}",
            f"{tuple(weight.shape)} and {tuple(bias.shape)}",
        )
        x = torch.randn(widths[0], generator=torch.Generator().manual_seed(9))
        through = x
        for step, shift in layers:
            through = step @ through + shift
        found = answer[0] @ x + answer[1]
        demand(
            torch.allclose(found, through, atol=1e-4),
            f"{', '.join(f'{y:.3f}' for y in found.tolist()[:3])} for a vector through {told}",
            f"{', '.join(f'{y:.3f}' for y in through.tolist()[:3])}, as layer after layer gives it",
        )
        demand(same(answer[0], weight) and same(answer[1], bias), "another weight or bias", "those of the product")
    return "one to five layers of different widths: the same numbers come out, and the layers are unchanged"


def _biases_added(layers: Layers) -> tuple[Tensor, Tensor]:
    weight, bias = layers[0]
    for step, shift in layers[1:]:
        weight = step @ weight
        bias = bias + shift
    return weight, bias


def _other_order(layers: Layers) -> tuple[Tensor, Tensor]:
    weight, bias = layers[0]
    for step, shift in layers[1:]:
        weight, bias = weight @ step, step @ bias + shift
    return weight, bias


def _transposed(layers: Layers) -> tuple[Tensor, Tensor]:
    weight, bias = layers[0]
    for step, shift in layers[1:]:
        weight, bias = step.T @ weight, step.T @ bias + shift
    return weight, bias


def _bias_through_everything(layers: Layers) -> tuple[Tensor, Tensor]:
    weight, bias = layers[0]
    for step, shift in layers[1:]:
        weight, bias = step @ weight, step @ (bias + shift)
    return weight, bias


COLLAPSE = Exercise(
    id="20.1",
    title="Five layers are one",
    difficulty=1,
    minutes=8,
    reference=collapse,
    check=_check_collapse,
    hints=(
        "Two layers first. Write down W₂ (W₁ x + b₁) + b₂, and take the brackets away. What stands before x?",
        "Go through the layers with a weight and a bias so far. Both go through the next layer; only its own bias is "
        "new.",
        "`weight, bias = step @ weight, step @ bias + shift`, with `step` and `shift` of the next layer.",
    ),
    mutants=(
        Mutant(_biases_added, "the biases were added up: an early bias goes through all later weights, too"),
        Mutant(
            lambda layers: (collapse(layers)[0], layers[-1][1]),
            "the last bias alone: those of the layers before come out multiplied, and not as zero",
        ),
        Mutant(
            lambda layers: (collapse(layers)[0], torch.zeros_like(layers[-1][1])),
            "there are no biases: the map is affine, and not linear",
        ),
        Mutant(_other_order, "weight @ step: the layer that comes later stands on the left"),
        Mutant(_transposed, "the weights were transposed: nn.Linear keeps (after, before), ready for weight @ x"),
        Mutant(_bias_through_everything, "a layer's own bias does not go through its own weight"),
    ),
)


def bradley_terry_loss(scores: torch.Tensor, ratings: torch.Tensor) -> torch.Tensor:
    """Return the mean of −ln P(the better one is chosen) over pairs of images: a scalar, in nats.

    scores and ratings are (N,). P(a is chosen over b) = σ(score of a − score of b). Two images are a pair if their
    ratings differ, and each pair counts once, however large the difference of its ratings is. Scores may lie hundreds
    apart, and the loss is still a number.
    """
    better, worse = (ratings[:, None] > ratings[None, :]).nonzero(as_tuple=True)  # (P,) each
    return F.softplus(scores[worse] - scores[better]).mean()


def _rated(ratings: list[int], seed: int, scale: float = 1.0) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(seed)
    return scale * torch.randn(len(ratings), generator=random), torch.tensor(ratings)


_RATED = (([3, 8], 0), ([1, 5, 9, 2], 1), ([4, 4, 7, 7, 1], 2), ([1, 10, 10, 3, 3, 3, 6], 3))


def _check_pairs(loss: Attempt) -> str:
    cases = [_rated(*case) for case in _RATED]
    answers = [loss(*case) for case in cases]
    for answer, (scores, ratings) in zip(answers, cases, strict=True):
        value = answer[0] if isinstance(answer, tuple) else answer
        demand(
            isinstance(value, Tensor) and value.shape == (),
            f"the result is {describe(value)}",
            "a tensor that holds one number",
        )
        right, gradient = with_gradients(bradley_terry_loss, scores, ratings)
        demand(
            same(value.detach(), right),
            f"{value:.4f} for the ratings {ratings.tolist()}",
            f"{right:.4f}",
        )
        demand(
            isinstance(answer, tuple) and answer[1] is not None,
            "the result does not remember where it came from",
            "a loss that .backward() can be called on",
            ".item(), float() and .sign() cut the way back to the scores",
        )
        demand(same(answer[1], gradient), "the gradient at the scores is another one", "that of the mean over pairs")
    scores, ratings = torch.tensor([-150.0, 150.0]), torch.tensor([9, 2])
    answer = loss(scores, ratings)
    value = answer[0] if isinstance(answer, tuple) else answer
    demand(
        abs(float(value) - 300) < 1e-2,
        f"{float(value):.4g} for scores that lie 300 apart, the wrong way round",
        "300, as ln(1 + e³⁰⁰) is",
        "σ(−300) is 0 in float32, and its logarithm −∞: F.logsigmoid and F.softplus take both steps at once",
    )
    return "four sets of ratings with ties, the gradient, and scores that lie 300 apart"


def _with(of_pairs, compare=lambda r: r[:, None] > r[None, :]):  # type: ignore[no-untyped-def]
    def loss(scores, ratings):  # type: ignore[no-untyped-def]
        better, worse = compare(ratings).nonzero(as_tuple=True)
        return of_pairs(scores[better] - scores[worse], (ratings[better] - ratings[worse]).float())

    return loss


PAIRS = Exercise(
    id="20.2",
    title="A loss for pairs",
    difficulty=2,
    minutes=10,
    reference=bradley_terry_loss,
    use=with_gradients,
    check=_check_pairs,
    hints=(
        "`ratings[:, None] > ratings[None, :]` is an (N, N) table: in row a and column b, whether a is the better one. "
        "Each pair stands in it once.",
        "`table.nonzero(as_tuple=True)` gives the rows and the columns of what is true: the better and the worse one "
        "of each pair. Index the scores with both.",
        "−ln σ(d) is `F.softplus(-d)`, or `-F.logsigmoid(d)`: both stand differences of hundreds.",
    ),
    mutants=(
        Mutant(_with(lambda d, gap: F.softplus(d).mean()), "the sign: the better one is to get the higher score"),
        Mutant(_with(lambda d, gap: F.softplus(-d).sum()), "the pairs were added up: take their mean"),
        Mutant(
            _with(lambda d, gap: F.softplus(-d).mean(), lambda r: r[:, None] >= r[None, :]),
            "images with equal ratings count as pairs, each image with itself among them",
        ),
        Mutant(
            _with(lambda d, gap: F.softplus(-d).mean(), lambda r: r[:, None] != r[None, :]),
            "each pair counts twice, once the wrong way round: only the better one is to be first",
        ),
        Mutant(
            _with(lambda d, gap: (gap * F.softplus(-d)).sum() / gap.sum()),
            "pairs were weighted with the difference of their ratings: each counts the same, only the order is used",
        ),
        Mutant(
            _with(lambda d, gap: -torch.log(torch.sigmoid(d)).mean()),
            "log(sigmoid(…)) in two steps: σ(−300) is 0 in float32, and its logarithm −∞. F.logsigmoid takes both at "
            "once",
        ),
        Mutant(_with(lambda d, gap: torch.sigmoid(-d).mean()), "the probability itself: take −ln of it"),
        Mutant(
            _with(lambda d, gap: F.relu(1 - d).mean()), "that is a hinge loss: Bradley–Terry's is −ln σ(difference)"
        ),
        Mutant(
            _with(lambda d, gap: ((d - gap) ** 2).mean()),
            "that is a regression on the differences of ratings: only their order is to count",
        ),
    ),
)
