"""Exercises of notebook 07, the contrastive loss: probabilities, gradient, several right answers, and its two aims."""

import torch

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe, same

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
        value, right = found[name], table.log_softmax(dim=1)
        demand(
            isinstance(value, torch.Tensor) and value.shape == table.shape,
            f"for {name}, {describe(value)}",
            f"a tensor {tuple(table.shape)}, a number for each logit",
        )
        demand(
            bool(value.isfinite().all()),
            f"for {name}, {value.flatten().tolist()}",
            "numbers that are finite",
            "e to the power of 89 is more than float32 can hold, e to the power of -104 less: what may be subtracted "
            "from all logits of a row without changing a probability?",
        )
        demand(
            same(value, right),
            f"for {name}, {[round(one, 3) for one in value.flatten().tolist()]}",
            f"{[round(one, 3) for one in right.flatten().tolist()]}",
        )
    return "rows that sum to 1, in any shape, finite for logits of 100 and of 1,000"


def _naive(logits):  # type: ignore[no-untyped-def]  # the mutants take what their exercise takes
    return logits - logits.exp().sum(dim=1, keepdim=True).log()


def _one_highest_for_all(logits):  # type: ignore[no-untyped-def]
    lowered = logits - logits.max()
    return lowered - lowered.exp().sum(dim=1, keepdim=True).log()


PROBABILITIES = Exercise(
    id="07.1",
    title="Probabilities that survive",
    difficulty=2,
    minutes=8,
    reference=log_probabilities,
    check=_check_probabilities,
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
            lambda logits: log_probabilities(logits.T).T,
            "each column sums to 1 instead of each row: dim=1 runs along a row",
        ),
        Mutant(lambda logits: log_probabilities(logits).exp(), "probabilities, but their logs were asked for"),
        Mutant(
            lambda logits: log_probabilities(logits) / torch.tensor(10.0).log(),
            "log10: the natural logarithm is .log(), and the loss is counted in nats",
        ),
        Mutant(lambda logits: -log_probabilities(logits), "the sign: a probability is below 1, so its log is below 0"),
    ),
)

# ---------------------------------------------------------------------------------------------------------------- 07.2


def logit_gradient(logits: torch.Tensor) -> torch.Tensor:
    """Return (N, N): how fast the contrastive loss grows with each logit, its derivative, without autograd.

    logits is (N, N), the right answers on the diagonal. The loss is the mean over N rows, and over both directions.
    """
    N = len(logits)
    rows, columns = logits.softmax(dim=1), logits.softmax(dim=0)
    return ((rows + columns) / 2 - torch.eye(N)) / N


def _check_gradient(gradient_of: Attempt) -> str:
    random = torch.Generator().manual_seed(0)
    tables = [4 * torch.randn(N, N, generator=random) for N in (2, 3, 5)]
    found = [gradient_of(table) for table in tables]
    for table, value in zip(tables, found, strict=True):
        demand(
            isinstance(value, torch.Tensor) and value.shape == table.shape,
            f"for {len(table)} pairs, {describe(value)}",
            f"a tensor {tuple(table.shape)}, a number for each logit",
        )
        demand(
            same(value, logit_gradient(table)),
            f"for {len(table)} pairs, {[round(one, 4) for one in value.flatten().tolist()]}",
            f"{[round(one, 4) for one in logit_gradient(table).flatten().tolist()]}",
        )
    value = gradient_of(torch.zeros(4, 4))
    demand(same(value, logit_gradient(torch.zeros(4, 4))), f"{value} for four equal logits a row", "pulls of −3/16")
    return "equal to autograd's for 2, 3, 4 and 5 pairs"


GRADIENT = Exercise(
    id="07.2",
    title="The gradient by hand",
    difficulty=2,
    minutes=10,
    reference=logit_gradient,
    check=_check_gradient,
    hints=(
        "The loss of one row is ln Σ e^b − a, where a is its right logit. What does it gain from a bit more of one of "
        "the wrong b, and what from a bit more of a?",
        "For one row: the probability of each column, and for the right one 1 less. Do the same along the columns.",
        "`logits.softmax(dim=1)` and `logits.softmax(dim=0)`, their mean, minus `torch.eye(N)`, and all of it over N.",
    ),
    mutants=(
        Mutant(
            lambda logits: (logits.softmax(dim=1) - torch.eye(len(logits))) / len(logits),
            "only the rows: captions choose images, but images choose captions, too",
        ),
        Mutant(
            lambda logits: (logits.softmax(dim=0) - torch.eye(len(logits))) / len(logits),
            "only the columns: each row is a question as well",
        ),
        Mutant(
            lambda logits: logit_gradient(logits) * len(logits),
            "summed over the rows: the loss is their mean, so each row has only 1/N of the say",
        ),
        Mutant(lambda logits: 2 * logit_gradient(logits), "both directions added up: the loss is the mean of the two"),
        Mutant(lambda logits: -logit_gradient(logits), "the sign: the loss grows when a wrong logit grows"),
        Mutant(
            lambda logits: (logits.softmax(dim=1) + logits.softmax(dim=0)) / 2 / len(logits),
            "the right answers are missing: on the diagonal, 1 is to be subtracted from the probability",
        ),
        Mutant(
            lambda logits: (
                ((logits.softmax(dim=1) + logits.T.softmax(dim=1)) / 2 - torch.eye(len(logits))) / len(logits)
            ),
            "the columns' part came out transposed: softmax(dim=0) leaves every cell in its place",
        ),
        Mutant(
            lambda logits: logit_gradient(logits) / len(logits),
            "divided by N²: the loss is a mean over N questions, not over all cells",
        ),
    ),
)

# ---------------------------------------------------------------------------------------------------------------- 07.3


def multi_positive_loss(logits: torch.Tensor, fits: torch.Tensor) -> torch.Tensor:
    """Return the contrastive loss when some rows and columns have more than one right answer, a scalar.

    logits is (N, N). fits is (N, N), truth values: does caption i (row) fit image j (column)? Its diagonal is True.
    The right answers of a row share its 100 % evenly, those of a column share the column's.
    """
    row_targets = fits / fits.sum(dim=1, keepdim=True)  # (N, N)
    column_targets = fits / fits.sum(dim=0, keepdim=True)  # (N, N)
    by_row = -(row_targets * logits.log_softmax(dim=1)).sum(dim=1).mean()
    by_column = -(column_targets * logits.log_softmax(dim=0)).sum(dim=0).mean()
    return (by_row + by_column) / 2


def _check_positives(loss: Attempt) -> str:
    random = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(4, 4, generator=random)
    fits = torch.eye(4, dtype=torch.bool)
    fits[0, 2] = fits[0, 3] = fits[1, 3] = True  # caption 0 is short, and fits two more images
    other = torch.eye(3, dtype=torch.bool)
    other[2, 0] = other[0, 2] = True
    cases = [(logits, fits), (logits[:3, :3], other), (logits, torch.eye(4, dtype=torch.bool))]
    found = [loss(*case) for case in cases]
    for value in found:
        demand(isinstance(value, torch.Tensor) and value.shape == (), describe(value), "a tensor that holds one number")
    for value, case in zip(found, cases, strict=True):
        right = multi_positive_loss(*case)
        more = int(case[1].sum()) - len(case[1])
        demand(same(value, right), f"{value:.4f} for {len(case[0])} pairs with {more} more fits", f"{right:.4f}")
    value = loss(1000.0 * fits, fits)
    right = multi_positive_loss(1000.0 * fits, fits)
    demand(same(value, right), f"{value} for a model that is sure of just what fits", f"{right:.4f}, and finite")
    return "shared by row and by column, the plain loss where only the diagonal fits, finite for a model that is sure"


def _targets_of(row_targets, column_targets, logits):  # type: ignore[no-untyped-def]
    by_row = -(row_targets * logits.log_softmax(dim=1)).sum(dim=1).mean()
    by_column = -(column_targets * logits.log_softmax(dim=0)).sum(dim=0).mean()
    return (by_row + by_column) / 2


def _not_shared(logits, fits):  # type: ignore[no-untyped-def]
    return _targets_of(fits.float(), fits.float(), logits)


def _rows_for_both(logits, fits):  # type: ignore[no-untyped-def]
    shared = fits / fits.sum(dim=1, keepdim=True)
    return _targets_of(shared, shared, logits)


def _any_of_them(logits, fits):  # type: ignore[no-untyped-def]
    hidden = logits.masked_fill(~fits, -torch.inf)
    by_row = (logits.logsumexp(dim=1) - hidden.logsumexp(dim=1)).mean()
    return (by_row + (logits.logsumexp(dim=0) - hidden.logsumexp(dim=0)).mean()) / 2


def _left_out(logits, fits):  # type: ignore[no-untyped-def]
    own = torch.eye(len(logits), dtype=torch.bool)
    return multi_positive_loss(logits.masked_fill(fits & ~own, -1e4), own)


def _rows_alone(logits, fits):  # type: ignore[no-untyped-def]
    return -(fits / fits.sum(dim=1, keepdim=True) * logits.log_softmax(dim=1)).sum(dim=1).mean()


POSITIVES = Exercise(
    id="07.3",
    title="More than one right answer",
    difficulty=3,
    minutes=12,
    reference=multi_positive_loss,
    check=_check_positives,
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
    ),
)

# ---------------------------------------------------------------------------------------------------------------- 07.4


def alignment_and_uniformity(images: torch.Tensor, texts: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return two scalars: how far apart the pairs are, and how evenly the images are spread. Both are better if low.

    images and texts are (N, E), of unit length, row i belonging to row i.
    alignment is the mean squared distance of an image and its caption.
    uniformity is the log of the mean of exp(-2 * squared distance) over all couples of two different images.
    """
    alignment = (images - texts).square().sum(dim=1).mean()
    squares = torch.pdist(images).square()  # one for each couple
    uniformity = (-2 * squares).exp().mean().log()
    return alignment, uniformity


def _check_aims(aims_of: Attempt) -> str:
    random = torch.Generator().manual_seed(0)
    sets = []
    for N, E in ((3, 2), (6, 4), (10, 3)):
        images = torch.nn.functional.normalize(torch.randn(N, E, generator=random), dim=-1)
        texts = torch.nn.functional.normalize(images + torch.randn(N, E, generator=random), dim=-1)
        sets.append((images, texts))
    found = [aims_of(*one) for one in sets]
    for value in found:
        demand(
            isinstance(value, tuple) and len(value) == 2 and all(isinstance(one, torch.Tensor) for one in value),
            describe(value),
            "two tensors of one number each, alignment first",
        )
    for name, place in (("alignment", 0), ("uniformity", 1)):
        for value, one in zip(found, sets, strict=True):
            right = alignment_and_uniformity(*one)[place]
            demand(
                same(value[place], right),
                f"{name} {describe(value[place])} for {len(one[0])} pairs of {one[0].shape[1]} numbers",
                f"{right:.4f}",
            )
    return "both equal to the definitions on three sets of pairs"


def _aims(of_pair, of_couples):  # type: ignore[no-untyped-def]
    def answer(images, texts):  # type: ignore[no-untyped-def]
        return of_pair(images, texts), of_couples(images, texts)

    return answer


def _alignment(images, texts):  # type: ignore[no-untyped-def]
    return alignment_and_uniformity(images, texts)[0]


def _uniformity(images, texts):  # type: ignore[no-untyped-def]
    return alignment_and_uniformity(images, texts)[1]


AIMS = Exercise(
    id="07.4",
    title="Alignment and uniformity",
    difficulty=1,
    minutes=8,
    reference=alignment_and_uniformity,
    check=_check_aims,
    hints=(
        "A squared distance is a sum over the E numbers of a vector. The mean is taken over pairs only.",
        "`torch.pdist(images)` gives the distance of each couple once, and leaves out an image and itself.",
        "In this order: square, times -2, exp, mean, log.",
    ),
    mutants=(
        Mutant(
            _aims(lambda i, t: (i - t).norm(dim=1).mean(), _uniformity), "alignment: the distances were not squared"
        ),
        Mutant(
            _aims(lambda i, t: (i - t).square().mean(), _uniformity),
            "alignment: a mean over all numbers; sum along each vector first",
        ),
        Mutant(
            _aims(_alignment, lambda i, t: (-2 * torch.cdist(i, i).square()).exp().mean().log()),
            "uniformity: each image was compared with itself, too; those distances are 0",
        ),
        Mutant(
            _aims(_alignment, lambda i, t: (-2 * torch.pdist(i).square()).mean()),
            "uniformity: log and exp cancel if the mean is taken before exp; it belongs between the two",
        ),
        Mutant(
            _aims(_alignment, lambda i, t: (-torch.pdist(i).square()).exp().mean().log()),
            "uniformity: the factor is -2, and not -1",
        ),
        Mutant(
            _aims(_alignment, lambda i, t: (-2 * torch.pdist(i)).exp().mean().log()),
            "uniformity: the distances were not squared",
        ),
        Mutant(
            _aims(_alignment, lambda i, t: (-2 * torch.cdist(i, t).square()).exp().mean().log()),
            "uniformity: images were compared with captions; it is about images among themselves",
        ),
        Mutant(
            lambda images, texts: alignment_and_uniformity(images, texts)[::-1],
            "the two came in the other order: alignment first",
        ),
    ),
)

EXERCISES = (PROBABILITIES, GRADIENT, POSITIVES, AIMS)
