"""Exercises 07.5 and 07.6, the harder ones: several right answers in a row, and the best temperature of all."""

import math

import torch
import torch.nn.functional as F

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe, same
from clip_tutor.lab.exercises.tried import with_gradients
from clip_tutor.lessons.nb07_contrastive_loss.gradient_exercises import log_scale_gradient

# ---------------------------------------------------------------------------------------------------------------- 07.5


def multi_positive_loss(logits: torch.Tensor, fits: torch.Tensor) -> torch.Tensor:
    """Return the contrastive loss when some rows and columns have more than one right answer, a scalar.

    logits is (N, N). fits is (N, N), truth values: does caption i (row) fit image j (column)? Its diagonal is True.
    The right answers of a row share its 100 % evenly, those of a column share the column's.
    """
    row_targets = fits / fits.sum(dim=1, keepdim=True)  # (N, N)
    column_targets = fits / fits.sum(dim=0, keepdim=True)  # (N, N)
    caption_to_image = -(row_targets * logits.log_softmax(dim=1)).sum(dim=1).mean()
    image_to_caption = -(column_targets * logits.log_softmax(dim=0)).sum(dim=0).mean()
    return (caption_to_image + image_to_caption) / 2


def _check_positives(loss: Attempt) -> str:
    random = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(4, 4, generator=random)
    fits = torch.eye(4, dtype=torch.bool)
    fits[0, 2] = fits[0, 3] = fits[1, 3] = True  # caption 0 is short, and fits two more images
    other = torch.eye(3, dtype=torch.bool)
    other[2, 0] = other[0, 2] = True
    cases = [(logits, fits), (logits[:3, :3], other), (logits, torch.eye(4, dtype=torch.bool))]
    found = [loss(*case) for case in cases]
    for result in found:
        value = result[0] if isinstance(result, tuple) else result
        demand(isinstance(value, torch.Tensor) and value.shape == (), describe(value), "a tensor that holds one number")
        demand(
            isinstance(result, tuple),
            "the result does not remember where it came from",
            "a loss that .backward() can be called on",
            ".item(), .detach(), float() and torch.no_grad() cut the way back to the weights",
        )
    for (value, gradient), case in zip(found, cases, strict=True):
        right, wanted = with_gradients(multi_positive_loss, *case)
        more = int(case[1].sum()) - len(case[1])
        demand(same(value, right), f"{value:.4f} for {len(case[0])} pairs with {more} more fits", f"{right:.4f}")
        demand(
            same(gradient, wanted),
            f"the value is right, but the gradient at the logits has the length {gradient.norm():.4f}",
            f"{wanted.norm():.4f}",
            "something is cut off by .detach() or .data: the gradient has to come through rows and columns",
        )
    value = loss(1000.0 * fits, fits)[0]
    right = multi_positive_loss(1000.0 * fits, fits)
    demand(same(value, right), f"{value} for a model that is sure of just what fits", f"{right:.4f}, and finite")
    return (
        "shared by row and by column, the plain loss where only the diagonal fits, gradients alike, finite for a "
        "model that is sure"
    )


def _targets_of(row_targets, column_targets, logits):  # type: ignore[no-untyped-def]  # as their exercise takes
    by_row = -(row_targets * logits.log_softmax(dim=1)).sum(dim=1).mean()
    by_column = -(column_targets * logits.log_softmax(dim=0)).sum(dim=0).mean()
    return (by_row + by_column) / 2


def _not_shared(logits, fits):  # type: ignore[no-untyped-def]
    return _targets_of(fits.float(), fits.float(), logits)


def _rows_for_both(logits, fits):  # type: ignore[no-untyped-def]
    shared = fits / fits.sum(dim=1, keepdim=True)
    return _targets_of(shared, shared, logits)


def _fits_not_turned(logits, fits):  # type: ignore[no-untyped-def]
    shared = fits / fits.sum(dim=1, keepdim=True)
    return _targets_of(shared, shared.T, logits)


def _any_of_them(logits, fits):  # type: ignore[no-untyped-def]
    hidden = logits.masked_fill(~fits, -torch.inf)
    by_row = (logits.logsumexp(dim=1) - hidden.logsumexp(dim=1)).mean()
    return (by_row + (logits.logsumexp(dim=0) - hidden.logsumexp(dim=0)).mean()) / 2


def _left_out(logits, fits):  # type: ignore[no-untyped-def]
    own = torch.eye(len(logits), dtype=torch.bool)
    return multi_positive_loss(logits.masked_fill(fits & ~own, -1e4), own)


def _columns_detached(logits, fits):  # type: ignore[no-untyped-def]
    rows, columns = fits / fits.sum(dim=1, keepdim=True), fits / fits.sum(dim=0, keepdim=True)
    by_row = -(rows * logits.log_softmax(dim=1)).sum(dim=1).mean()
    return (by_row - (columns * logits.detach().log_softmax(dim=0)).sum(dim=0).mean()) / 2


def _rows_alone(logits, fits):  # type: ignore[no-untyped-def]
    return -(fits / fits.sum(dim=1, keepdim=True) * logits.log_softmax(dim=1)).sum(dim=1).mean()


POSITIVES = Exercise(
    id="07.5",
    title="More than one right answer",
    difficulty=3,
    minutes=12,
    reference=multi_positive_loss,
    check=_check_positives,
    kind="further",
    use=with_gradients,
    hints=(
        "Make a table of targets first. In a row with k right answers each of them is to get 1/k.",
        "A cross-entropy with targets t is −Σ t · ln p along the row. A column shares its own 100 %, which is not the "
        "same as what the rows shared: three captions may fit an image whose own caption fits one.",
        "`fits / fits.sum(dim=1, keepdim=True)` with `logits.log_softmax(dim=1)`; both with `dim=0` for the columns.",
    ),
    mutants=(
        Mutant(
            lambda logits, fits: multi_positive_loss(logits, torch.eye(len(logits), dtype=torch.bool)),
            "only the diagonal counts: fits is not used",
        ),
        Mutant(_not_shared, "each right answer asks for 100 %: those of a row have to share it"),
        Mutant(
            _rows_for_both,
            "the rows' targets serve the columns, too: fits need not be symmetric, and a column shares its own 100 %",
        ),
        Mutant(
            _fits_not_turned,
            "the logits were transposed for the columns, and fits was not: logits.T belongs with fits.T",
        ),
        Mutant(
            _any_of_them,
            "the log of the summed probability: that asks for any of the right ones, while here each gets its share",
        ),
        Mutant(
            _left_out, "the other fits were left out of the batch: nobody pushes them, but nobody pulls them either"
        ),
        Mutant(_rows_alone, "only the rows were asked: the columns are questions, too"),
        Mutant(
            lambda logits, fits: 2 * multi_positive_loss(logits, fits),
            "the two directions were added up: the loss is their mean",
        ),
        Mutant(
            lambda logits, fits: len(logits) * multi_positive_loss(logits, fits),
            "summed over the questions: take the mean, or the loss grows with the batch",
        ),
        Mutant(
            lambda logits, fits: multi_positive_loss(logits, fits) / len(logits),
            "a mean over all N × N cells: sum along each row first, then take the mean over the rows",
        ),
        Mutant(_columns_detached, "the columns' part was detached: its value counts, and nothing is learned from it"),
    ),
)

# ---------------------------------------------------------------------------------------------------------------- 07.6


def best_logit_scale(similarity: torch.Tensor, lowest: float, highest: float) -> float:
    """Return the logit scale between lowest and highest at which the contrastive loss of N pairs is smallest.

    similarity is (N, N), cosines, the right answers on the diagonal. The result is right to one part in a thousand.
    """
    low, high = math.log(lowest), math.log(highest)
    for _ in range(30):  # each step halves what is left: 30 of them leave a billionth
        middle = (low + high) / 2
        if log_scale_gradient(similarity, torch.tensor(middle)) > 0:
            high = middle  # the loss grows here: the lowest point lies below
        else:
            low = middle
    return math.exp((low + high) / 2)


def _cosines(N: int, gap: float, seed: int) -> torch.Tensor:
    noise = torch.randn(N, N, generator=torch.Generator().manual_seed(seed))
    return (0.15 * noise + gap * torch.eye(N)).clamp(-1, 1)


def _check_best(best: Attempt) -> str:
    cases = [
        ("12 pairs", _cosines(12, 0.3, 0), 1.0, 100.0),
        ("40 pairs", _cosines(40, 0.25, 1), 1.0, 100.0),
        ("40 better pairs", _cosines(40, 0.45, 2), 0.1, 1000.0),
        ("pairs that never err", torch.eye(5), 1.0, 100.0),
        ("pairs that always err", 1 - torch.eye(5), 2.0, 50.0),
    ]
    found = [best(*case[1:]) for case in cases]
    for value in found:
        alone = isinstance(value, (int, float)) or (isinstance(value, torch.Tensor) and value.numel() == 1)
        demand(alone, describe(value), "one number, a logit scale")
    for value, (name, similarity, lowest, highest) in zip(found, cases, strict=True):
        right = best_logit_scale(similarity, lowest, highest)
        loss = _loss(similarity, right)
        demand(
            abs(float(value) / right - 1) < 2e-3,
            f"{float(value):.4g} for {name}, between {lowest:g} and {highest:g}, where the loss is "
            f"{_loss(similarity, float(value)):.5f}",
            f"{right:.4g}, where it is {loss:.5f}",
            "a list of scales is too coarse for one part in a thousand: find where the derivative changes sign",
        )
    return (
        "to one part in a thousand on three tables, at the upper end for a model that never errs, at the lower one "
        "for one that always does"
    )


def _loss(similarity: torch.Tensor, scale: float) -> float:
    logits, right = scale * similarity, torch.arange(len(similarity))
    return float(F.cross_entropy(logits, right) + F.cross_entropy(logits.T, right)) / 2


def _whole_numbers(similarity, lowest, highest):  # type: ignore[no-untyped-def]
    return float(min(range(math.ceil(lowest), int(highest) + 1), key=lambda scale: _loss(similarity, scale)))


def _hundred_tries(similarity, lowest, highest):  # type: ignore[no-untyped-def]
    tries = torch.linspace(lowest, highest, 100).tolist()
    return min(tries, key=lambda scale: _loss(similarity, scale))


def _uphill(similarity, lowest, highest):  # type: ignore[no-untyped-def]
    low, high = math.log(lowest), math.log(highest)
    for _ in range(30):
        middle = (low + high) / 2
        if log_scale_gradient(similarity, torch.tensor(middle)) > 0:
            low = middle
        else:
            high = middle
    return math.exp((low + high) / 2)


def _rows_only(similarity, lowest, highest):  # type: ignore[no-untyped-def]
    own = similarity.diagonal()[:, None]
    low, high = math.log(lowest), math.log(highest)
    for _ in range(30):
        middle = (low + high) / 2
        expected = ((math.exp(middle) * similarity).softmax(dim=1) * (similarity - own)).sum()
        low, high = (low, middle) if expected > 0 else (middle, high)
    return math.exp((low + high) / 2)


def _two_hundred_steps(similarity, lowest, highest):  # type: ignore[no-untyped-def]
    log_scale = torch.tensor(14.3).log()
    for _ in range(200):
        log_scale = log_scale - 0.01 * log_scale_gradient(similarity, log_scale)
    return float(log_scale.exp().clamp(lowest, highest))


BEST_SCALE = Exercise(
    id="07.6",
    title="The best temperature",
    difficulty=3,
    minutes=15,
    reference=best_logit_scale,
    check=_check_best,
    kind="further",
    hints=(
        "How many lowest points can the loss have along the scale? The derivative of 07.4 tells on which side of one "
        "you stand.",
        "Where the derivative is above 0, the lowest point lies further down; below 0, further up. Halve the interval.",
        "Thirty halvings of the interval between `math.log(lowest)` and `math.log(highest)`, and exp in the end. If "
        "the derivative has one sign everywhere, they run into the right end by themselves.",
    ),
    mutants=(
        Mutant(_whole_numbers, "only whole numbers were tried: between 3 and 4 lies a third of the way"),
        Mutant(_hundred_tries, "a hundred scales were tried, and the best lies between two of them: halve an interval"),
        Mutant(_uphill, "the wrong half is kept: where the derivative is above 0, the lowest point lies below"),
        Mutant(
            lambda similarity, lowest, highest: math.log(best_logit_scale(similarity, lowest, highest)),
            "that is the log of the scale: exp() in the end",
        ),
        Mutant(
            lambda similarity, lowest, highest: 1 / best_logit_scale(similarity, lowest, highest),
            "that is the temperature: the scale is one over it",
        ),
        Mutant(
            lambda similarity, lowest, highest: best_logit_scale(similarity, 1.0, 100.0),
            "always between 1 and 100: the ends are arguments",
        ),
        Mutant(_rows_only, "the best scale for the rows alone: the loss asks the columns, too"),
        Mutant(
            _two_hundred_steps,
            "gradient descent that has not arrived: where the loss is flat its steps are short. Is there a way whose "
            "steps are not?",
        ),
    ),
)
