"""Exercise 06.1: a mask that is added to the scores."""

import torch
from torch import Tensor

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe


def causal_mask(T: int) -> Tensor:
    """Return (T, T), to be added to the scores of T tokens: 0 where a token may look, -inf where it may not.

    Row i belongs to the query of token i, column j to the key of token j. A token looks at itself and at all before it.
    """
    return torch.full((T, T), -torch.inf).triu(1)


def _check_mask(mask: Attempt) -> str:
    for T in (4, 1, 7):
        found, right = mask(T), causal_mask(T)
        demand(
            isinstance(found, Tensor) and found.shape == (T, T),
            f"the result is {describe(found)}",
            f"a tensor ({T}, {T}): a row for each token that looks, a column for each that is looked at",
        )
        demand(
            found.is_floating_point(),
            f"numbers of type {found.dtype}",
            "float numbers: the mask is added to the scores, which are floats",
        )
        demand(not found.isnan().any(), "nan in the mask", "0 and -inf", "0 times infinity is nan")
        if len(wrong := (found != right).nonzero()):
            row, column = wrong[0].tolist()
            demand(
                False,
                f"with {T} tokens, {found[row, column]:.3g} where token {row} looks at token {column}",
                f"{right[row, column]:.3g} there",
            )
    scores = torch.zeros(4, 4) + mask(4)
    shares = scores.softmax(dim=-1)
    demand(
        torch.allclose(shares[1], torch.tensor([0.5, 0.5, 0.0, 0.0])),
        f"attention weights {shares[1].tolist()} for the second token, if all scores are equal",
        "a half for itself and a half for the first",
    )
    return "masks of 1, 4 and 7 tokens, and what the softmax makes of one"


CAUSAL_MASK = Exercise(
    id="06.1",
    title="A causal mask",
    difficulty=1,
    minutes=8,
    kept=True,
    reference=causal_mask,
    check=_check_mask,
    hints=(
        "Draw it for four tokens. Which fields of the 4 × 4 square are hidden, above the diagonal or below?",
        "Begin with a square full of -inf. torch has a function that keeps the upper triangle of a matrix, and one "
        "that keeps the lower; what it does not keep becomes 0.",
        "`triu(1)` keeps what lies above the diagonal, without the diagonal itself.",
    ),
    mutants=(
        Mutant(
            lambda T: torch.full((T, T), -torch.inf).tril(-1),
            "the past is hidden and the future is seen: rows look, columns are looked at",
        ),
        Mutant(
            lambda T: torch.full((T, T), -torch.inf).triu(),
            "the diagonal is hidden, too: the first token then has nothing to look at, and its softmax is nan",
        ),
        Mutant(
            lambda T: torch.ones(T, T, dtype=torch.bool).tril(),
            "True and False are for `masked_fill`: added to scores they are 1 and 0, a mild preference and no mask",
        ),
        Mutant(
            lambda T: torch.ones(T, T).tril(),
            "1 and 0 added to the scores hide nothing: e to the power of 0 is 1, of -inf it is 0",
        ),
        Mutant(lambda T: torch.zeros(T, T), "nothing is hidden: that is a bidirectional encoder"),
        Mutant(
            lambda T: torch.ones(T, T).triu(1) * -torch.inf,
            "0 times infinity is nan: fill or choose instead of multiplying",
        ),
        Mutant(
            lambda T: torch.full((T, T), -torch.inf).triu(1) + torch.full((T, T), -torch.inf).tril(-2),
            "only the token itself and the one before it are seen: a causal token sees everything back to the start",
        ),
        Mutant(
            lambda T: -torch.ones(T, T).triu(1),
            "-1 makes a hidden token less likely, by a factor of e; it must be impossible, and that takes -inf",
        ),
    ),
)
