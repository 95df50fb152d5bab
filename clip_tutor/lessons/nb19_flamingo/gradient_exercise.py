"""Exercise 19.6: the gradients of a gate by hand, and who learns first."""

from typing import Any

import torch
from torch import Tensor

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe, same
from clip_tutor.lab.exercises.modules import random_tensor


def gate_gradients(
    gradient: torch.Tensor, found: torch.Tensor, gate: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the gradients of the loss at x, at found and at gate, where y = x + tanh(gate) * found.

    gradient is (B, T, D), that of the loss at y. found is (B, T, D), gate a single number of shape ().
    The three have the shapes of x, found and gate. Do it by hand: no backward, no autograd.
    """
    opened = gate.tanh()
    return gradient, opened * gradient, (1 - opened**2) * (gradient * found).sum()


_GATES = (0.8, 0.0, -1.5)
_NAMES = ("x", "found", "gate")


def _check_gradient(gradients: Attempt) -> str:
    for seed, value in enumerate(_GATES):
        shape = (2, 3 + seed, 4)
        inputs = random_tensor(*shape, seed=seed), random_tensor(*shape, seed=seed + 9), torch.tensor(value)
        result, right = gradients(*inputs), _by_autograd(*inputs)
        demand(
            isinstance(result, tuple) and len(result) == 3 and all(isinstance(one, Tensor) for one in result),
            describe_all(result),
            "a tuple of three tensors: the gradients at x, at found and at gate",
        )
        for name, one, wanted in zip(_NAMES, result, right, strict=True):
            demand(
                one.shape == wanted.shape,
                f"the gradient at {name} is {describe(one)}",
                f"the shape of {name} itself, {tuple(wanted.shape)}",
            )
            demand(
                same(one.detach(), wanted),
                f"the gradient at {name} begins with {one.flatten()[0]:.4f}, with the gate at {value:g}",
                f"{wanted.flatten()[0]:.4f}",
            )
    return "the gradients of autograd, with the gate open, closed, and open the other way"


def describe_all(result: Any) -> str:
    """Return what an answer gave in words, tensors by their shapes."""
    return ", ".join(map(describe, result)) if isinstance(result, tuple) else describe(result)


def _by_autograd(gradient: Tensor, found: Tensor, gate: Tensor) -> tuple[Tensor, ...]:
    x, found, gate = (one.clone().requires_grad_() for one in (torch.zeros_like(found), found, gate))
    y = x + gate.tanh() * found
    return torch.autograd.grad(y, (x, found, gate), gradient)


def _with(x=None, at_found=None, at_gate=None):  # type: ignore[no-untyped-def]
    """Return an answer with another rule for one of the three."""

    def answer(gradient, found, gate):  # type: ignore[no-untyped-def]
        right = gate_gradients(gradient, found, gate)
        rules = (x, at_found, at_gate)
        return tuple(rule(gradient, found, gate) if rule else one for rule, one in zip(rules, right, strict=True))

    return answer


GRADIENT = Exercise(
    id="19.6",
    title="A step of the gates",
    difficulty=3,
    minutes=12,
    kind="further",
    reference=gate_gradients,
    check=_check_gradient,
    hints=(
        "Take one number of y. It depends on the same number of x with slope 1, and on that of found with slope "
        "tanh(gate). On the gate all B · T · D numbers of y depend.",
        "The derivative of tanh is 1 - tanh². What many numbers owe to one gate is added up.",
        "`(1 - gate.tanh() ** 2) * (gradient * found).sum()` for the gate.",
    ),
    mutants=(
        Mutant(
            _with(x=lambda g, found, gate: gate.tanh() * g),
            "the gradient at x was gated: the residual connection carries it past the gate as it is",
        ),
        Mutant(
            _with(x=lambda g, found, gate: (1 + gate.tanh()) * g),
            "found was taken for a function of x: here it is a tensor of its own; attention passes its part on later",
        ),
        Mutant(
            _with(at_found=lambda g, found, gate: g),
            "the gradient at found was not gated: with a closed gate nothing of the loss depends on found",
        ),
        Mutant(
            _with(at_found=lambda g, found, gate: gate * g),
            "found was multiplied by the gate itself: it is its tanh that stands in the formula",
        ),
        Mutant(
            _with(at_found=lambda g, found, gate: (1 - gate.tanh() ** 2) * g),
            "the slope of the tanh belongs to the gate: for found, tanh(gate) is a constant factor",
        ),
        Mutant(
            _with(at_gate=lambda g, found, gate: (g * found).sum()),
            "the slope of the tanh is missing: it is 1 at 0 only, and small where the gate is wide open",
        ),
        Mutant(
            _with(at_gate=lambda g, found, gate: (1 - gate.tanh() ** 2) * (g * found).mean()),
            "a mean: the contributions of all numbers of y are added up",
        ),
        Mutant(
            _with(at_gate=lambda g, found, gate: gate.tanh() * (g * found).sum()),
            "with a closed gate this is 0, and it would stay closed for good: the derivative of tanh at 0 is 1",
        ),
        Mutant(
            _with(at_gate=lambda g, found, gate: (1 - gate.tanh() ** 2) * (g * found)),
            "a gradient for each number of y: there is one gate for all of them, so they are added up",
        ),
        Mutant(
            _with(at_gate=lambda g, found, gate: (1 - gate.tanh() ** 2) * g.sum()),
            "found is missing: how much a gate matters depends on what would come through",
        ),
    ),
)
