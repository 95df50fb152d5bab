"""What the checks of notebook 04 share: a class built, given known weights, and asked one thing at a time."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from clip_tutor.lab.exercises.modules import names_and_shapes, without_gradient


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
                return names_and_shapes(mine)
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
        return without_gradient(mine)

    return use


def where_they_differ(seen: Tensor, right: Tensor) -> tuple[int, int]:
    """Return head and token of the row that is the most wrong, of one image's (K, T, D/K)."""
    head, token = divmod(int((seen - right).abs().amax(dim=-1).argmax()), seen.shape[1])
    return head, token


def quick_gelu(x: Tensor) -> Tensor:
    """Return what OpenAI's activation gives, to see whether an activation is handed on."""
    return x * torch.sigmoid(1.702 * x)
