"""What the checks of classes share that are `nn.Module`s: names of parameters, gradients, and numbers in a message.

`Exercise.use` says how a check uses such a class: built with ``arguments``, and asked for one thing, a *task*. Two of
them mean the same everywhere: "names" is what `names_and_shapes` returns, "gradients" what `without_gradient` returns.
"""

from typing import Any

import torch
from torch import Tensor, nn

from clip_tutor.lab.exercises import Exercise
from clip_tutor.lab.exercises.attempt import Attempt, demand

AT_MOST = 8  # names or numbers that a message lists


def names_and_shapes(module: nn.Module) -> tuple[str, ...]:
    """Return ``proj.weight (8, 4)`` for each parameter, in the order of the alphabet."""
    return tuple(sorted(f"{name} {tuple(weights.shape)}" for name, weights in module.named_parameters()))


def without_gradient(module: nn.Module) -> tuple[str, ...]:
    """Return the names of the parameters that no gradient has reached, in the order of the alphabet."""
    named = sorted(module.named_parameters())
    return tuple(name for name, weights in named if weights.grad is None or not weights.grad.any())


def demand_names(
    attempt: Attempt,
    exercise: Exercise,
    arguments: tuple[Any, ...],
    when: str = "",
    think: str = "weights are loaded by name and shape: compare letter by letter",
) -> None:
    """Go on if a class has the parameters of the reference, by name and shape; ``when`` says of what kind it was."""
    names, right = attempt("names", arguments), exercise.as_function(exercise.reference)("names", arguments)
    missing, other = sorted(set(right) - set(names)), sorted(set(names) - set(right))
    listed = f": {', '.join(right)}" if len(right) <= AT_MOST else ""
    demand(
        names == right,
        f"{_in_short(other)} where {_in_short(missing)} should be{when}",
        f"{len(right)} parameters, with the names and shapes of the library's{listed}",
        think,
    )


def demand_gradients(attempt: Attempt, arguments: tuple[Any, ...], *inputs: Tensor) -> None:
    """Go on if a gradient reaches every parameter."""
    cut = attempt("gradients", arguments, *inputs)
    demand(
        cut == (),
        f"no gradient reaches {_in_short(cut)}",
        "a gradient for every parameter: otherwise it is never trained",
        "`detach`, `no_grad` and `.data` cut a tensor off from what it was made of",
    )


def _in_short(names: list[str] | tuple[str, ...]) -> str:
    more = f" and {len(names) - AT_MOST} more" if len(names) > AT_MOST else ""
    return ", ".join(names[:AT_MOST]) + more or "nothing"


def random_tensor(*shape: int, seed: int = 0) -> Tensor:
    """Return the same random normal numbers on every call with the same seed."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def in_words(row: Tensor, other: Tensor | None = None) -> str:
    """Return the first numbers of a row, with as many digits, two or more, as it takes to tell it from another."""
    for digits in range(2, 7):
        told = _rounded(row, digits)
        if other is None or told != _rounded(other, digits):
            break
    return told


def _rounded(row: Tensor, digits: int) -> str:
    told = ", ".join(f"{value:.{digits}f}" for value in row[:AT_MOST].tolist())
    return f"{told}, …" if len(row) > AT_MOST else told
