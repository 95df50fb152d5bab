"""Exercises 07.1 and 07.2: log-probabilities that survive large logits, and the contrastive loss itself."""

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe, same
from clip_tutor.lab.exercises.tried import with_gradients

# ---------------------------------------------------------------------------------------------------------------- 07.1


def log_probabilities(logits: torch.Tensor) -> torch.Tensor:
    """Return (N, M): the natural log of the probability that each row gives to each of its columns.

    logits is (N, M), of any size: 1,000 is allowed, and so is -1,000. The result is finite all the same.
    Without softmax, log_softmax or logsumexp.
    """
    highest = logits.max(dim=1, keepdim=True).values  # (N, 1)
    lowered = logits - highest  # the same probabilities, and nothing above 0
    return lowered - lowered.exp().sum(dim=1, keepdim=True).log()


def _check_probabilities(log_probabilities_of: Attempt) -> str:
    small = torch.tensor([[0.0, 1.0, 2.0], [3.0, 0.0, -1.0]])
    large = torch.tensor([[100.0, 30.0, -100.0], [90.0, 100.0, 40.0]])
    uneven = torch.tensor([[1000.0, 990.0, 0.0], [-1000.0, -990.0, -1001.0]])
    square = torch.tensor([[1.0, 2.0], [5.0, 3.0]])
    tables = {"small logits": small, "a square table": square, "logits of 100": large, "rows near 1,000": uneven}
    found = {name: log_probabilities_of(table) for name, table in tables.items()}
    for name, table in tables.items():
        value, right = found[name], with_gradients(log_probabilities, table)
        number = value[0] if isinstance(value, tuple) else value
        demand(
            isinstance(number, torch.Tensor) and number.shape == table.shape,
            f"for {name}, {describe(number)}",
            f"a tensor {tuple(table.shape)}, a number for each logit",
        )
        demand(
            bool(number.isfinite().all()),
            f"for {name}, {_list(number)}",
            "numbers that are finite",
            "e to the power of 89 is more than float32 can hold, e to the power of -104 less: what may be subtracted "
            "from all logits of a row without changing a probability?",
        )
        demand(same(number, right[0]), f"for {name}, {_list(number)}", f"{_list(right[0])}")
        demand(
            isinstance(value, tuple) and same(value[1], right[1]),
            f"right numbers for {name}, but a gradient of {_list(value[1]) if isinstance(value, tuple) else 'nothing'}",
            f"{_list(right[1])}: training follows the gradient, and not the value",
            "the sum is part of the answer: nothing in it may be detached, or turned into a plain number",
        )
    return "rows that sum to 1, in any shape, finite for logits of 100 and of 1,000, gradients and all"


def _list(values: Any) -> str:
    if not isinstance(values, torch.Tensor):
        return "nothing"
    return "[" + ", ".join(f"{one:.3f}".replace("-0.000", "0.000") for one in values.flatten().tolist()) + "]"


def _naive(logits):  # type: ignore[no-untyped-def]  # the mutants take what their exercise takes
    return logits - logits.exp().sum(dim=1, keepdim=True).log()


def _sum_of_columns(logits):  # type: ignore[no-untyped-def]
    lowered = logits - logits.max(dim=1, keepdim=True).values
    return lowered - lowered.exp().sum(dim=0, keepdim=True).log()


def _one_highest_for_all(logits):  # type: ignore[no-untyped-def]
    lowered = logits - logits.max()
    return lowered - lowered.exp().sum(dim=1, keepdim=True).log()


def _sum_detached(logits):  # type: ignore[no-untyped-def]
    return logits - logits.logsumexp(dim=1, keepdim=True).detach()


PROBABILITIES = Exercise(
    id="07.1",
    title="Log-probabilities that survive",
    difficulty=2,
    minutes=8,
    reference=log_probabilities,
    check=_check_probabilities,
    kept=True,
    use=with_gradients,
    hints=(
        "ln of a fraction is a difference: ln (e^a / Σ e^b) = a − ln Σ e^b. That is right, and breaks at 89. Why?",
        "Subtract the same number from all logits of a row, and its probabilities stay the same. Which number makes "
        "the largest power e^0?",
        "`highest = logits.max(dim=1, keepdim=True).values`, and `keepdim=True` once more in the sum.",
    ),
    mutants=(
        Mutant(_naive, "e^100 has 44 digits, and float32 ends at 39: lower each row by its highest logit first"),
        Mutant(
            lambda logits: logits.softmax(dim=1).log(),
            "the log of a probability that was rounded to 0 is -inf: stay with logs all the way",
        ),
        Mutant(
            _one_highest_for_all,
            "one highest logit for the whole table: rows far below it vanish; each row has a highest of its own",
        ),
        Mutant(
            lambda logits: logits - logits.exp().sum(dim=0, keepdim=True).log(),
            "the sum runs down the columns: dim=1 runs along a row",
        ),
        Mutant(
            _sum_of_columns,
            "the highest of each row, but the sum of each column: both run along a row, dim=1",
        ),
        Mutant(
            lambda logits: log_probabilities(logits.T).T,
            "each column sums to 1 instead of each row: dim=1 runs along a row",
        ),
        Mutant(lambda logits: log_probabilities(logits).exp(), "probabilities, but their logs were asked for"),
        Mutant(
            lambda logits: log_probabilities(logits) / torch.tensor(10.0).log(),
            "log10: the natural logarithm is .log(), and the loss is counted in nats",
        ),
        Mutant(lambda logits: -log_probabilities(logits), "the sign: a probability is below 1, so its log is below 0"),
        Mutant(
            _sum_detached,
            "the sum was detached: the values are right, but the gradient no longer knows that the columns of a row "
            "compete",
        ),
    ),
)

# ---------------------------------------------------------------------------------------------------------------- 07.2


def contrastive_loss(
    image_features: torch.Tensor, text_features: torch.Tensor, logit_scale: torch.Tensor | float
) -> torch.Tensor:
    """Return the symmetric contrastive loss (InfoNCE) of B pairs, in nats, a scalar.

    image_features and text_features are (B, E), rows of unit length; row i of one belongs to row i of the other.
    logit_scale is a positive scalar, 1 / temperature: it multiplies the cosines.
    """
    logits = logit_scale * image_features @ text_features.T  # (B, B), a row for each image
    image_to_text = -log_probabilities(logits).diagonal().mean()
    text_to_image = -log_probabilities(logits.T).diagonal().mean()
    return (image_to_text + text_to_image) / 2


def _pairs(B: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    images = F.normalize(torch.randn(B, 8, generator=random), dim=-1)
    texts = F.normalize(images + torch.randn(B, 8, generator=random) / 2, dim=-1)
    return images, texts


def _loss_and_gradients(loss: Callable[..., Any], image_features: Any, text_features: Any, logit_scale: Any) -> Any:
    """Return the loss and its gradients; of those at unit vectors only what is tangential to the sphere.

    A model divides its vectors by their length before it hands them over, and what points along them gets lost there:
    a loss that divides once more is right.
    """
    result = with_gradients(loss, image_features, text_features, logit_scale)
    if not isinstance(result, tuple):
        return result
    value, *gradients = result
    for place, unit in enumerate((image_features, text_features)):
        if (gradient := gradients[place]) is not None:
            gradients[place] = gradient - (gradient * unit).sum(dim=-1, keepdim=True) * unit
    return value, *gradients


def _right(*arguments: Any) -> Any:
    return _loss_and_gradients(contrastive_loss, *arguments)


NAMES = ("image_features", "text_features", "logit_scale")


def _check_loss(loss: Attempt) -> str:
    seven = torch.tensor(7.0)
    first = loss(*_pairs(5, seed=0), seven)
    value = first[0] if isinstance(first, tuple) else first
    demand(
        isinstance(value, torch.Tensor) and value.shape == (),
        f"the result is {describe(value)}",
        "a tensor that holds one number",
        "the loss is averaged over the batch, and stays a tensor",
    )
    demand(
        isinstance(first, tuple),
        "the result does not remember where it came from",
        "a loss that .backward() can be called on",
        ".item(), .detach(), float() and torch.no_grad() cut the way back to the weights",
    )
    images, texts = _pairs(6, seed=1)
    value, swapped = loss(images, texts, seven)[0], loss(texts, images, seven)[0]
    demand(
        same(value, swapped),
        f"{value:.4f}, but {swapped:.4f} once images and captions change places",
        "the same: the two directions count alike",
        "rows ask which caption belongs to an image, columns which image belongs to a caption",
    )
    alike = F.normalize(torch.ones(4, 8), dim=-1)
    value = loss(alike, alike, seven)[0]
    demand(
        same(value, torch.tensor(math.log(4))),
        f"{value:.4f} for four pairs that all look the same",
        f"ln 4 = {math.log(4):.4f}, the price of guessing among four",
    )
    batches = [(_pairs(6, seed=1), seven), *((_pairs(3 + n, n), torch.tensor(3.0 * n)) for n in range(2, 5))]
    for (images, texts), scale in batches:
        found, right = loss(images, texts, scale), _right(images, texts, scale)
        demand(
            same(found[0], right[0]), f"{found[0]:.4f} for {len(images)} pairs at logit_scale {scale:.0f}",
            f"{right[0]:.4f}",
        )  # fmt: skip
        for name, gradient, wanted in zip(NAMES, found[1:], right[1:], strict=True):
            demand(
                same(gradient, wanted),
                f"the value is right, but the gradient at {name} is {_size(gradient)}",
                _size(wanted),
                f"value and gradient part where something is cut off: what do you do with {name} before it is used?",
            )
    _check_precision(loss)
    return (
        "one number with a way back, both directions alike, ln N for guessing; values and gradients at the images, "
        "the captions and the logit scale equal to the library's, at logit_scale 100 and in float64, too"
    )


def _check_precision(loss: Attempt) -> None:
    """Demand that the loss survives the largest logit scale, a float for it, and float64."""
    perfect = torch.eye(4)
    value = loss(perfect, perfect, torch.tensor(100.0))[0]
    demand(
        bool(value.isfinite()) and abs(float(value)) < 1e-6,
        f"{value:.4g} for a perfect model at the largest logit scale, 100",
        "0: it is certain, and right",
        "e^100 is more than float32 can hold: log_probabilities, which you wrote, takes care of that",
    )
    images, texts = _pairs(5, seed=3)
    value = loss(images, texts, 20.0)[0]
    demand(same(value, _right(images, texts, 20.0)[0]), f"{value:.4f} with a float for logit_scale", "the same number")
    images, texts = (each.double() for each in _pairs(5, seed=3))
    images, texts = F.normalize(images, dim=-1), F.normalize(texts, dim=-1)
    value, right = loss(images, texts, 20.0)[0], _right(images, texts, 20.0)[0]
    demand(
        value.dtype == torch.float64 and abs(float(value - right)) < 1e-10,
        f"{float(value):.12f} in {value.dtype} for float64 vectors",
        f"{float(right):.12f}: what comes in float64 is computed in float64",
    )


def _size(gradient: torch.Tensor | None) -> str:
    if gradient is None or not gradient.any():
        return "nothing at all"
    return f"{float(gradient):.4f}" if gradient.ndim == 0 else f"one of length {float(gradient.norm()):.4f}"


def _cross_entropies(logits, right):  # type: ignore[no-untyped-def]
    return (F.cross_entropy(logits, right) + F.cross_entropy(logits.T, right)) / 2


def _one_direction(i, t, s):  # type: ignore[no-untyped-def]
    return F.cross_entropy(s * i @ t.T, torch.arange(len(i)))


def _softmax_twice(i, t, s):  # type: ignore[no-untyped-def]
    right, logits = torch.arange(len(i)), s * i @ t.T
    return (F.cross_entropy(logits.softmax(-1), right) + F.cross_entropy(logits.T.softmax(-1), right)) / 2


def _mean_of_all(i, t, s):  # type: ignore[no-untyped-def]
    logits = s * i @ t.T
    return -(logits.log_softmax(0) + logits.log_softmax(1)).mean() / 2


def _first_is_right(i, t, s):  # type: ignore[no-untyped-def]
    return _cross_entropies(s * i @ t.T, torch.zeros(len(i), dtype=torch.long))


def _best_is_right(i, t, s):  # type: ignore[no-untyped-def]
    logits = s * i @ t.T
    return (F.cross_entropy(logits, logits.argmax(1)) + F.cross_entropy(logits.T, logits.T.argmax(1))) / 2


def _without_log(i, t, s):  # type: ignore[no-untyped-def]
    logits = s * i @ t.T
    return -(logits.softmax(0) + logits.softmax(1)).diagonal().mean() / 2


def _overflowing(i, t, s):  # type: ignore[no-untyped-def]
    logits = s * i @ t.T
    by_row, by_column = (logits.exp().sum(dim=dim).log() - logits.diagonal() for dim in (1, 0))
    return (by_row + by_column).mean() / 2


def _each_trains_one_side(i, t, s):  # type: ignore[no-untyped-def]
    right = torch.arange(len(i))
    return (F.cross_entropy(s * i @ t.detach().T, right) + F.cross_entropy(s * t @ i.detach().T, right)) / 2


LOSS = Exercise(
    id="07.2",
    title="The contrastive loss",
    difficulty=2,
    minutes=12,
    reference=contrastive_loss,
    check=_check_loss,
    kept=True,
    use=_loss_and_gradients,
    hints=(
        "Make the table of all B × B logits first. On which cells do the right answers lie?",
        "Each row is a question with B possible answers. It pays −ln of the probability that it gives to the right "
        "one, and the right one of row i is column i. Then ask the columns too, and take the mean of both.",
        "`log_probabilities(logits).diagonal()` holds what the rows give to their right answers; `logits.T` has the "
        "columns for its rows.",
    ),
    mutants=(
        Mutant(_one_direction, "only the rows were asked: logits.T gives the other direction, from words to images"),
        Mutant(lambda i, t, s: _one_direction(t, i, s), "only the columns were asked: each image chooses, too"),
        Mutant(
            lambda i, t, s: contrastive_loss(i, t, 1 / s),
            "divided by logit_scale: it is 1 / temperature already, so it multiplies",
        ),
        Mutant(
            lambda i, t, s: contrastive_loss(i, t, torch.as_tensor(s).exp()),
            "took exp of logit_scale: the model keeps a logarithm, but what the loss is given is no logarithm any more",
        ),
        Mutant(
            lambda i, t, s: contrastive_loss(i, t, torch.as_tensor(s).detach().exp()),
            "took exp of logit_scale, and with math, which knows no gradient; the loss is given the scale itself",
        ),
        Mutant(
            lambda i, t, s: contrastive_loss(i, t, 1.0),
            "logit_scale is not used: without it cosines lie between -1 and 1, far too close for a softmax",
        ),
        Mutant(
            lambda i, t, s: 2 * contrastive_loss(i, t, s), "the two directions were added up: the loss is their mean"
        ),
        Mutant(
            lambda i, t, s: len(i) * contrastive_loss(i, t, s),
            "summed over the batch: take the mean, or the loss grows with the batch size",
        ),
        Mutant(lambda i, t, s: -contrastive_loss(i, t, s), "the sign: the loss is MINUS the log of a probability"),
        Mutant(_without_log, "a mean of probabilities: the loss is −ln of them"),
        Mutant(_softmax_twice, "softmax twice: F.cross_entropy takes the logits themselves and applies it inside"),
        Mutant(
            _mean_of_all,
            "a mean along the wrong axis: averaged over all B × B cells, but only the diagonal holds right answers",
        ),
        Mutant(_first_is_right, "wrong targets: every row was told that class 0 is right, but that of row i is i"),
        Mutant(
            _best_is_right, "wrong targets: the answer that the model likes best was taken for the right one (argmax)"
        ),
        Mutant(
            lambda i, t, s: contrastive_loss(i, i, s), "images were compared with images: the captions are not used"
        ),
        Mutant(
            _overflowing,
            "right, until a logit reaches 89: lower each row by its highest logit, as log_probabilities does",
        ),
        Mutant(
            lambda i, t, s: contrastive_loss(i.detach(), t, s),
            "image_features were cut off (detach, .data or no_grad): the image encoder would never learn",
        ),
        Mutant(
            lambda i, t, s: contrastive_loss(i, t.detach(), s),
            "text_features were cut off (detach, .data or no_grad): the text encoder would never learn",
        ),
        Mutant(
            lambda i, t, s: contrastive_loss(i, t, torch.as_tensor(s).item()),
            "logit_scale became a plain number (float(), .item() or detach): the temperature would never learn",
        ),
        Mutant(
            _each_trains_one_side,
            "each direction trains only the side that asks, and detaches the candidates: both sides learn from both",
        ),
        Mutant(
            lambda i, t, s: contrastive_loss(i, t, s).item(),
            "a plain number has no gradient: leave .item() to the line that prints the loss",
        ),
        Mutant(
            lambda i, t, s: contrastive_loss(i.float(), t.float(), s),
            "float64 was turned into float32: leave the type as it came",
        ),
    ),
)
