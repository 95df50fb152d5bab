"""Exercises 07.3 and 07.4: the derivatives of the loss by hand, with respect to each logit and to the logit scale."""

import torch
import torch.nn.functional as F

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe, same
from clip_tutor.lab.exercises.tried import without_autograd

BY_AUTOGRAD = "autograd did the work: it is switched off here, and two lines of your own do the same"

# ---------------------------------------------------------------------------------------------------------------- 07.3


def logit_gradient(logits: torch.Tensor) -> torch.Tensor:
    """Return (N, N): how fast the contrastive loss grows with each logit, its derivative, without autograd.

    logits is (N, N), the right answers on the diagonal. The loss is the mean over N rows, and over both directions.
    """
    N = len(logits)
    rows, columns = logits.softmax(dim=1), logits.softmax(dim=0)
    return ((rows + columns) / 2 - torch.eye(N)) / N


def _check_gradient(gradient_of: Attempt) -> str:
    random = torch.Generator().manual_seed(0)
    tables = [2 * torch.randn(N, N, generator=random) for N in (2, 3, 5)]
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
    value = gradient_of(100 * torch.eye(3))
    demand(
        bool(value.isfinite().all()) and value.abs().max() < 1e-6,
        f"{value.flatten().tolist()} for three pairs that are certain and right, at a logit scale of 100",
        "zeros: nothing is left to learn",
        "e^100 is more than float32 can hold: .softmax() takes care of that",
    )
    return "equal to autograd's for 2, 3, 4 and 5 pairs, and finite for logits of 100"


def _loss_of(logits):  # type: ignore[no-untyped-def]  # the mutants take what their exercise takes
    right = torch.arange(len(logits))
    return (F.cross_entropy(logits, right) + F.cross_entropy(logits.T, right)) / 2


def _by_autograd(logits):  # type: ignore[no-untyped-def]
    leaf = logits.detach().clone().requires_grad_()
    return torch.autograd.grad(_loss_of(leaf), leaf)[0]


GRADIENT = Exercise(
    id="07.3",
    title="The gradient by hand",
    difficulty=2,
    minutes=15,
    reference=logit_gradient,
    check=_check_gradient,
    use=without_autograd,
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
            lambda logits: (logits.softmax(dim=1) + logits.softmax(dim=0) - torch.eye(len(logits))) / 2 / len(logits),
            "1 is subtracted once, but a right answer is the right one twice: in its row and in its column",
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
        Mutant(_by_autograd, BY_AUTOGRAD),
    ),
)

# ---------------------------------------------------------------------------------------------------------------- 07.4


def log_scale_gradient(similarity: torch.Tensor, log_logit_scale: torch.Tensor) -> torch.Tensor:
    """Return how fast the contrastive loss grows with the log of the logit scale, a scalar, without autograd.

    similarity is (N, N), cosines, the right answers on the diagonal; log_logit_scale is a scalar.
    The logits are the cosines times e to the power of log_logit_scale.
    """
    logits = log_logit_scale.exp() * similarity  # (N, N)
    return (logit_gradient(logits) * logits).sum()


def _check_scale(gradient_of: Attempt) -> str:
    random = torch.Generator().manual_seed(0)
    cases = []
    for N, log_scale in ((2, 0.5), (4, 1.7), (6, 2.66)):
        cosines = torch.rand(N, N, generator=random) * 1.2 - 0.4 + 0.3 * torch.eye(N)
        cases.append((cosines, torch.tensor(log_scale)))
    found = [gradient_of(*case) for case in cases]
    for value, case in zip(found, cases, strict=True):
        right = log_scale_gradient(*case)
        demand(isinstance(value, torch.Tensor) and value.shape == (), describe(value), "a tensor that holds one number")
        demand(
            same(value, right),
            f"{value:.4f} for {len(case[0])} pairs at a log scale of {case[1]:.2f}",
            f"{right:.4f}, which is autograd's",
        )
    value = gradient_of(1 - torch.eye(3), torch.tensor(1.0))
    demand(value > 0, f"{value:.4f} where every answer is wrong", "more than 0: the loss grows with the scale")
    value = gradient_of(torch.eye(3), torch.tensor(1.0))
    demand(value < 0, f"{value:.4f} where every answer is right", "less than 0: a larger scale costs less")
    return "equal to autograd's for 2, 4 and 6 pairs; above 0 where all answers are wrong, below 0 where all are right"


def _scale_by_autograd(similarity, log_logit_scale):  # type: ignore[no-untyped-def]
    leaf = log_logit_scale.detach().clone().requires_grad_()
    return torch.autograd.grad(_loss_of(leaf.exp() * similarity), leaf)[0]


def _along_the_scale_itself(similarity, log_logit_scale):  # type: ignore[no-untyped-def]
    return (logit_gradient(log_logit_scale.exp() * similarity) * similarity).sum()


def _exp_forgotten(similarity, log_logit_scale):  # type: ignore[no-untyped-def]
    logits = log_logit_scale * similarity
    return (logit_gradient(logits) * logits).sum()


def _along_the_temperature(similarity, log_logit_scale):  # type: ignore[no-untyped-def]
    return -log_scale_gradient(similarity, log_logit_scale)


def _rows_of_scale(similarity, log_logit_scale):  # type: ignore[no-untyped-def]
    logits = log_logit_scale.exp() * similarity
    return ((logits.softmax(dim=1) - torch.eye(len(logits))) * logits).sum() / len(logits)


def _diagonal_alone(similarity, log_logit_scale):  # type: ignore[no-untyped-def]
    logits = log_logit_scale.exp() * similarity
    return (logit_gradient(logits) * logits).diagonal().sum()


def _gradients_added(similarity, log_logit_scale):  # type: ignore[no-untyped-def]
    return logit_gradient(log_logit_scale.exp() * similarity).sum()


SCALE = Exercise(
    id="07.4",
    title="Which way does the temperature go?",
    difficulty=2,
    minutes=10,
    reference=log_scale_gradient,
    check=_check_scale,
    use=without_autograd,
    hints=(
        "The chain rule: the log scale moves every logit, and every logit moves the loss. How fast each moves the loss "
        "you know from 07.3.",
        "A logit is e^s · cosine. Its derivative with respect to s is e^s · cosine once more: the logit itself.",
        "`logit_gradient(logits) * logits`, summed over all cells.",
    ),
    mutants=(
        Mutant(
            _along_the_scale_itself,
            "that is the derivative with respect to the logit scale itself: along its log each logit moves as fast as "
            "it is large",
        ),
        Mutant(_exp_forgotten, "the log was used as if it were the scale: exp() is missing"),
        Mutant(_along_the_temperature, "the sign: that is the way of the temperature, which is one over the scale"),
        Mutant(_rows_of_scale, "only the rows: the loss has two directions"),
        Mutant(_diagonal_alone, "only the diagonal: the scale moves the wrong logits, too"),
        Mutant(
            _gradients_added,
            "the gradients of all logits add up to 0: each has to be weighed by how fast its logit moves",
        ),
        Mutant(
            lambda similarity, log_scale: log_scale_gradient(similarity, log_scale) / similarity.numel(),
            "a mean over all cells: the chain rule adds up every way that leads to the loss",
        ),
        Mutant(_scale_by_autograd, BY_AUTOGRAD),
    ),
)
