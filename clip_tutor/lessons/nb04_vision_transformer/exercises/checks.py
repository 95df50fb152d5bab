"""What the checks of notebook 04 share: a class built, given known weights, and asked one thing at a time."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from clip_tutor.lab.exercises import Exercise
from clip_tutor.lab.exercises.attempt import Attempt, demand


def use_with(reference: Callable[[], type[nn.Module]]) -> Callable[..., Any]:
    """Return how a check uses a class: a task, the arguments that it is built with, and inputs.

    names       the name and shape of each parameter
    forward     what it gives with random weights that the reference has, too
    ...         any other method's name: what that gives
    gradients   the names of parameters that no gradient reaches
    spread      how far the numbers of one fresh parameter spread, times √D
    """

    def use(kind: Callable[..., Any], task: str, arguments: tuple[Any, ...], *inputs: Any) -> Any:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            mine = kind(*arguments)
            if task == "names":
                shapes = {name: tuple(weights.shape) for name, weights in mine.named_parameters()}
                return tuple(f"{name} {shapes[name]}" for name in sorted(shapes))
            if task == "spread":
                fresh = getattr(mine, inputs[0])  # (..., D), or (D, E)
                return round(fresh.std().item() * math.sqrt(arguments[2]), 1)
            theirs = reference()(*arguments)
            torch.manual_seed(1)  # however many random numbers the answer drew to begin with
            with torch.no_grad():
                for weights in theirs.parameters():
                    weights.normal_(0.0, 0.4)
        mine.load_state_dict(theirs.state_dict())
        if task != "gradients":
            return getattr(mine, task)(*inputs)
        mine(*inputs).square().sum().backward()
        reached = {name: weights.grad is not None and bool(weights.grad.any())
                   for name, weights in mine.named_parameters()}  # fmt: skip
        return tuple(name for name in sorted(reached) if not reached[name])

    return use


def demand_names(attempt: Attempt, exercise: Exercise, arguments: tuple[Any, ...]) -> None:
    """Go on if a class has the parameters of the reference, by name and shape."""
    names, right = attempt("names", arguments), exercise.as_function(exercise.reference)("names", arguments)
    missing, other = sorted(set(right) - set(names)), sorted(set(names) - set(right))
    demand(
        names == right,
        f"{', '.join(other) or 'nothing'} where {', '.join(missing) or 'nothing'} should be",
        f"{len(right)} parameters, with the names and shapes of the library's: "
        f"{', '.join(right) if len(right) < 9 else 'those of the table'}",
        "weights are loaded by name and shape: compare with the names above, letter by letter",
    )


def demand_gradients(attempt: Attempt, arguments: tuple[Any, ...], *inputs: Tensor) -> None:
    """Go on if a gradient reaches every parameter."""
    cut = attempt("gradients", arguments, *inputs)
    demand(
        cut == (),
        f"no gradient reaches {', '.join(cut)}",
        "a gradient for every parameter: otherwise it is never trained",
        "`detach`, `no_grad` and `.data` cut a tensor off from what it was made of",
    )


def where_they_differ(seen: Tensor, right: Tensor) -> tuple[int, int]:
    """Return head and token of the row that is the most wrong, of one image's (K, T, D/K)."""
    head, token = divmod(int((seen - right).abs().amax(dim=-1).argmax()), seen.shape[1])
    return head, token


def random_tokens(*shape: int, seed: int = 0) -> Tensor:
    """Return the same random normal numbers each time."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def in_words(values: Tensor, beside: Tensor | None = None) -> str:
    """Return numbers with two digits, for a message, with more if those ``beside`` them would read the same."""
    for digits in range(2, 6):
        told = _rounded(values, digits)
        if beside is None or told != _rounded(beside, digits):
            break
    return told


def _rounded(values: Tensor, digits: int) -> str:
    return ", ".join(f"{value:.{digits}f}" for value in values.tolist())


def quick_gelu(x: Tensor) -> Tensor:
    """Return what OpenAI's activation gives, to see whether an activation is handed on."""
    return x * torch.sigmoid(1.702 * x)


def causal_mask(T: int) -> Tensor:
    """Return (T, T): -inf above the diagonal, 0 elsewhere."""
    return torch.full((T, T), -torch.inf).triu(1)
