"""What the checks of notebook 05 share: a class built, given known weights, and asked one thing at a time."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from clip_tutor.lab.exercises.modules import names_and_shapes, without_gradient


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
                return names_and_shapes(mine)
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
        return without_gradient(mine)

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
