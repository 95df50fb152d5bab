"""Exercise 12.4: the forgotten projection."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe, same


def to_joint_space(hidden: Tensor, ln_weight: Tensor, ln_bias: Tensor, projection: Tensor) -> Tensor:
    """Return (B, E) image features of unit length, from what leaves the last block of CLIP's image tower, (B, T, D).

    ln_weight and ln_bias are (D,) each, those of the LayerNorm behind the blocks, whose eps is 1e-5.
    projection is (E, D), as a linear layer without bias keeps its weight.
    """
    width = hidden.shape[-1]
    pooled = F.layer_norm(hidden[:, 0], (width,), ln_weight, ln_bias, eps=1e-5)  # (B, D)
    return F.normalize(pooled @ projection.T, dim=-1)


def _check_finish(finish: Attempt) -> str:
    for B, T, D, E in ((2, 5, 4, 4), (3, 7, 6, 4), (2, 3, 4, 6)):
        random = torch.Generator().manual_seed(10 * D + E)
        hidden = 3 * torch.randn(B, T, D, generator=random) + 1
        given = hidden, *(torch.randn(shape, generator=random) for shape in ((D,), (D,), (E, D)))
        result, right = finish(*given), to_joint_space(*given)
        what = f"hidden {tuple(hidden.shape)} and a projection ({E}, {D})"
        demand(
            isinstance(result, Tensor) and result.shape == right.shape,
            f"the result is {describe(result)} for {what}",
            f"a tensor {tuple(right.shape)}: one vector an image, of E numbers",
        )
        demand(
            same(result, right),
            f"for {what} the first image becomes {_short(result[0])}",
            f"{_short(right[0])}, of length 1",
        )
    return "3 towers, with E less than D, equal and more: equal to the library's"


def _short(numbers: Tensor) -> str:
    return "(" + ", ".join(f"{number:.3f}" for number in numbers[:6].tolist()) + ")"


def _with(
    read: Callable[[Tensor], Tensor] = lambda hidden: hidden[:, 0],
    norm: bool = True,
    project: Callable[[Tensor, Tensor], Tensor] = lambda pooled, projection: pooled @ projection.T,
    unit: bool = True,
) -> Callable[..., Tensor]:
    def finish(hidden: Tensor, ln_weight: Tensor, ln_bias: Tensor, projection: Tensor) -> Tensor:
        pooled = read(hidden)
        if norm:
            pooled = F.layer_norm(pooled, (hidden.shape[-1],), ln_weight, ln_bias, eps=1e-5)
        features = project(pooled, projection)
        return F.normalize(features, dim=-1) if unit else features

    return finish


def _plain_norm(hidden: Tensor, ln_weight: Tensor, ln_bias: Tensor, projection: Tensor) -> Tensor:
    return _with()(hidden, torch.ones_like(ln_weight), torch.zeros_like(ln_bias), projection)


def _norm_of_all(hidden: Tensor, ln_weight: Tensor, ln_bias: Tensor, projection: Tensor) -> Tensor:
    normed = F.layer_norm(hidden, (hidden.shape[-1],), ln_weight, ln_bias, eps=1e-5)
    return F.normalize(normed.mean(dim=1) @ projection.T, dim=-1)


FINISH = Exercise(
    id="12.4",
    title="The forgotten projection",
    difficulty=2,
    minutes=10,
    reference=to_joint_space,
    check=_check_finish,
    hints=(
        "Three things stand between the last block and a feature. Your tower of notebook 04 does two of them, and "
        "whoever compares vectors does the third.",
        "Which token is read? What becomes of it before the projection? `F.layer_norm` takes the shape of what it "
        "normalizes, weight and bias.",
        "A linear layer with a weight (E, D) computes x · Wᵀ.",
    ),
    mutants=(
        Mutant(
            _with(norm=False),
            "the LayerNorm behind the blocks is left out: the last block's stream is as long as it has grown",
        ),
        Mutant(_with(lambda hidden: hidden.mean(dim=1)), "the mean of all tokens is read: CLIP reads the class token"),
        Mutant(_norm_of_all, "all tokens are normalized and averaged: CLIP reads the class token alone"),
        Mutant(_with(lambda hidden: hidden[:, -1]), "the last token is read, a patch: the class token is the first"),
        Mutant(
            _with(project=lambda pooled, projection: pooled @ projection),
            "the projection was not transposed: a weight (E, D) takes D numbers to E as x · Wᵀ",
        ),
        Mutant(
            _with(project=lambda pooled, projection: pooled[:, : len(projection)]),
            "there is no projection: the first E of D numbers are no features",
        ),
        Mutant(_with(unit=False), "the features do not have length 1"),
        Mutant(_plain_norm, "the LayerNorm's own weight and bias are not used"),
    ),
)
