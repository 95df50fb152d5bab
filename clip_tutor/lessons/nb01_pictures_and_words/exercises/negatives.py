"""Exercise 01.3: which pairs of a batch are called wrong, and are not."""

import torch

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe


def false_negatives(told: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
    """Return (N, N) truth values: does caption i (row) fit image j (column), although image j is not its own?

    told is (N, F): what caption i says about each of F facts, a whole number, or -1 where it says nothing.
    true is (N, F): what is so in image j, whole numbers from 0.
    """
    agrees = told[:, None] == true  # (N, N, F)
    silent = told[:, None] == -1  # (N, 1, F)
    own = torch.eye(len(told), dtype=torch.bool)  # (N, N)
    return (agrees | silent).all(dim=-1) & ~own


def _check(negatives: Attempt) -> str:
    told = torch.tensor([[0, -1], [0, 1], [2, 1], [-1, 1]])
    true = torch.tensor([[0, 0], [0, 1], [2, 1], [0, 1]])
    table = negatives(told, true)
    demand(
        isinstance(table, torch.Tensor) and table.shape == (4, 4) and table.dtype == torch.bool,
        f"the result is {describe(table)}",
        "a table (4, 4) of truth values, a row for each caption",
    )
    demand(
        not table.diagonal().any(),
        "the diagonal is true: caption i and image i",
        "False there: a caption's own image is the right answer, and no negative at all",
    )
    right = false_negatives(told, true)
    demand(
        torch.equal(table, right),
        f"told {told.tolist()} and true {true.tolist()} give {_cells(table)}",
        f"{_cells(right)}",
    )
    random = torch.Generator().manual_seed(0)
    for N, F, kinds in ((30, 2, 3), (25, 5, 2), (1, 3, 2)):
        true = torch.randint(kinds, (N, F), generator=random)
        told = torch.where(torch.rand(N, F, generator=random) < 0.4, -1, true)
        found, right = negatives(told, true), false_negatives(told, true)
        demand(
            torch.equal(found, right),
            f"{int(found.sum())} false negatives among {N} pairs with {F} facts",
            f"{int(right.sum())}, {int((found != right).sum())} cells are different",
        )
    return "a table of four by hand, no caption with its own image, silent captions, and 3 random batches"


def _cells(table: torch.Tensor) -> str:
    return ", ".join(f"({i}, {j})" for i, j in table.nonzero().tolist()) or "no cell at all"


def _fits(told, true, silent=-1):  # type: ignore[no-untyped-def]
    own = torch.eye(len(told), dtype=torch.bool)
    return ((told[:, None] == true) | (told[:, None] == silent)).all(dim=-1), own


NEGATIVES = Exercise(
    id="01.3",
    title="Count the false negatives",
    difficulty=2,
    minutes=10,
    reference=false_negatives,
    check=_check,
    hints=(
        "A caption fits an image if nothing that it says is untrue of the image. What it does not say cannot be "
        "untrue.",
        "`told[:, None] == true` compares every caption with every image, fact by fact: (N, N, F). Where is it false, "
        "and no harm?",
        "`(agrees | silent).all(dim=-1)`, and then the diagonal has to go: `& ~torch.eye(N, dtype=torch.bool)`.",
    ),
    mutants=(
        Mutant(lambda t, x: _fits(t, x)[0], "a caption's own image is counted: it is the right answer"),
        Mutant(
            lambda t, x: (t[:, None] == x).all(dim=-1) & ~_fits(t, x)[1],
            "silence was taken for a contradiction: what a caption does not say is not untrue",
        ),
        Mutant(
            lambda t, x: (t[:, None] == t).all(dim=-1) & ~_fits(t, x)[1],
            "captions were compared with captions: two may say different things, and both be true of the image",
        ),
        Mutant(
            lambda t, x: (x[:, None] == x).all(dim=-1) & ~_fits(t, x)[1],
            "images were compared with images: a short caption fits images that are not alike",
        ),
        Mutant(
            lambda t, x: false_negatives(t, x).T,
            "rows and columns exchanged: row i is caption i. Fitting is not symmetric, so it matters",
        ),
        Mutant(
            lambda t, x: ((t[:, None] == x) | (t[:, None] == -1)).any(dim=-1) & ~_fits(t, x)[1],
            "one fact that agrees is not enough: everything that the caption says has to be true, .all(dim=-1)",
        ),
        Mutant(
            lambda t, x: ~_fits(t, x)[0] & ~_fits(t, x)[1],
            "those are the true negatives: the sign is turned",
        ),
    ),
)
