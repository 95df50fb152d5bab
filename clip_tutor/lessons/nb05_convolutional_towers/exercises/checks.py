"""What the checks of notebook 05 share: a class built, given known weights, and asked one thing at a time."""

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
    fresh       what a new one gives, in evaluation
    evaluation  what it gives with random weights and BatchNorm averages that the reference has, too
    training    the same, but BatchNorm measures this batch
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
            if task == "fresh":
                return mine.eval()(*inputs)
            if task == "spread":
                return round(mine.get_parameter(inputs[0]).std().item() * math.sqrt(arguments[0]), 1)
            theirs = reference()(*arguments)
            torch.manual_seed(1)  # however many random numbers the answer drew to begin with
            randomize(theirs)
        mine.load_state_dict(theirs.state_dict())
        if task in ("evaluation", "training"):
            return mine.train(task == "training")(*inputs)
        mine.eval()(*inputs).square().sum().backward()
        reached = {name: weights.grad is not None and bool(weights.grad.any())
                   for name, weights in mine.named_parameters()}  # fmt: skip
        return tuple(name for name in sorted(reached) if not reached[name])

    return use


def randomize(network: nn.Module) -> None:
    """Give a network random weights, and its BatchNorms random averages."""
    with torch.no_grad():
        for weights in network.parameters():
            many = weights[0].numel() if weights.ndim > 1 else 4  # that are summed up
            weights.normal_(0.3 if weights.ndim == 1 else 0.0, many**-0.5)
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                assert module.running_mean is not None and module.running_var is not None
                module.running_mean.normal_(0.0, 0.3)
                module.running_var.uniform_(0.5, 2.0)


def demand_names(attempt: Attempt, exercise: Exercise, arguments: tuple[Any, ...], when: str = "") -> None:
    """Go on if a class has the parameters of the reference, by name and shape."""
    names, right = attempt("names", arguments), exercise.as_function(exercise.reference)("names", arguments)
    missing, other = sorted(set(right) - set(names)), sorted(set(names) - set(right))
    demand(
        names == right,
        f"{in_short(other)} where {in_short(missing)} should be{when}",
        f"{len(right)} parameters, with the names and shapes of the table",
        "weights are loaded by name and shape: compare with the table, letter by letter",
    )


def demand_gradients(attempt: Attempt, arguments: tuple[Any, ...], *inputs: Tensor) -> None:
    """Go on if a gradient reaches every parameter."""
    cut = attempt("gradients", arguments, *inputs)
    demand(
        cut == (),
        f"no gradient reaches {in_short(list(cut))}",
        "a gradient for every parameter: otherwise it is never trained",
        "`detach`, `no_grad` and `.data` cut a tensor off from what it was made of",
    )


def in_short(names: list[str]) -> str:
    """Return the first few of some names."""
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "") or "nothing"


def random_map(*shape: int, seed: int = 0) -> Tensor:
    """Return the same random numbers on every call with the same seed."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def in_words(row: Tensor, other: Tensor | None = None) -> str:
    """Return the first few numbers of a row, with as many digits as it takes to tell it from another."""
    digits = 2
    if other is not None and row.shape == other.shape:
        while digits < 6 and torch.equal(row[:4].detach().round(decimals=digits),
                                         other[:4].detach().round(decimals=digits)):  # fmt: skip
            digits += 1
    told = ", ".join(f"{value:.{digits}f}" for value in row[:4].tolist())
    return f"{told}, …" if len(row) > 4 else told
