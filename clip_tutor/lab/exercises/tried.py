"""How a check calls an answer (an exercise's ``use``): as training does, or as somebody does who has no autograd."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from clip_tutor.lab.exercises.attempt import demand


def with_gradients(answer: Callable[..., Any], *inputs: Any) -> Any:
    """Return what an answer gives and the gradient at each of its float tensors, in a tuple; None where none arrives.

    A result that is no tensor, or that remembers no way back, is returned as it is. Where several numbers come back,
    the gradients are those of a sum in which each has another weight. If the answer changes what it was given, so
    are ``inputs``, and there are no gradients: an `Attempt` notices.
    """
    leaves = [one.clone().requires_grad_() if _is_float_tensor(one) else one for one in inputs]
    given = [leaf * 1 if _is_float_tensor(leaf) else leaf for leaf in leaves]  # a leaf must not be changed in place
    value = answer(*given)
    changed = False
    for before, after in zip(inputs, given, strict=True):
        if _is_float_tensor(before):
            changed |= not torch.equal(before, after)
            before.copy_(after.detach())
    if changed or not isinstance(value, Tensor) or not value.requires_grad:
        return value
    weights = torch.linspace(1, 2, value.numel(), dtype=value.dtype).view_as(value)
    wanted = [leaf for leaf in leaves if _is_float_tensor(leaf)]
    return value.detach(), *torch.autograd.grad((weights * value).sum(), wanted, allow_unused=True)


def without_autograd(answer: Callable[..., Any], *inputs: Any) -> Any:
    """Return what an answer gives while autograd is switched off."""
    with torch.no_grad():
        return answer(*inputs)


def cut_off(value: Any) -> Any:
    """Return a tensor without its way back, and anything else as it is."""
    return value.detach() if isinstance(value, Tensor) else value


def demand_like(value: Any, right: Tensor, what: str = "the result") -> None:
    """Go on if a value is a tensor of the shape and the type of another one; ``what`` is its name in the message."""
    demand(_kind(value) == _kind(right), f"{what} is {_kind(value)}", _kind(right))


def _kind(value: Any) -> str:
    if not isinstance(value, Tensor):
        return f"of type {type(value).__name__}"
    return f"a tensor {f'of shape {tuple(value.shape)}' if value.ndim else 'that holds one number'}, of {value.dtype}"


def _is_float_tensor(thing: Any) -> bool:
    return isinstance(thing, Tensor) and thing.is_floating_point()
