"""Exercise 06.5: which token depends on which, found out with gradients."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe


def reach(blocks: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Return (T, T) booleans: row i is True in column j if anything of output token i depends on input token j.

    blocks gives (1, T, D) of (1, T, D), and can be differentiated; x is (T, D). Nothing is known of what is inside.
    """
    weights = torch.randn(x.shape, generator=torch.Generator().manual_seed(0)).to(x)  # (T, D)
    jacobian = torch.autograd.functional.jacobian(lambda x: (blocks(x[None])[0] * weights).sum(dim=-1), x)  # (T, T, D)
    return (jacobian != 0).any(dim=-1)


def _mixing(seen: Tensor) -> Callable[[Tensor], Tensor]:
    """Return a function that adds to each token the sum of those that it sees, squared."""
    return lambda x: x + (seen.to(x) @ x).square()


def _band(T: int, back: int) -> Tensor:
    """Return (T, T): each token sees itself and ``back`` tokens before it."""
    return torch.ones(T, T).tril().triu(-back)


def _twice(x: Tensor) -> Tensor:
    once = _mixing(_band(5, 1))
    return once(once(x))


def _opposed(x: Tensor) -> Tensor:
    """Return tokens whose numbers add up to zero, whatever comes in: (a, -a), of the token before."""
    before = x.roll(1, dims=1)[..., :1] * torch.tensor([0.0, 1.0, 1.0, 1.0, 1.0])[:, None]
    return torch.cat([before, -before], dim=-1)


def _second_number_only(x: Tensor) -> Tensor:
    """Return tokens of which only the last number depends on others."""
    return torch.cat([x[..., :1], x[..., 1:].cumsum(dim=1)], dim=-1)


_WHAT: dict[str, Callable[[Tensor], Tensor]] = {
    "every token by itself": lambda x: x.square(),
    "all that came before": _mixing(torch.ones(5, 5).tril()),
    "one token back": _mixing(_band(5, 1)),
    "one token back, twice": _twice,
    "numbers that add up to zero": _opposed,
    "the last of two numbers only": _second_number_only,
}


def _use_reach(answer: Any, what: str) -> Any:
    return answer(_WHAT[what], torch.randn(5, 2, generator=torch.Generator().manual_seed(3)))


def _check_reach(answer: Attempt) -> str:
    for what in _WHAT:
        found, right = answer(what), _use_reach(reach, what)
        demand(
            isinstance(found, Tensor) and found.shape == (5, 5) and found.dtype == torch.bool,
            f"the result is {describe(found)}",
            "a tensor (5, 5) of True and False",
        )
        if len(wrong := (found != right).nonzero()):
            row, column = wrong[0].tolist()
            told = "depends" if found[row, column] else "does not depend"
            demand(
                False,
                f"for a function of {what}: output token {row} {told} on input token {column}",
                "the opposite",
            )
    return f"{len(_WHAT)} functions, among them two layers and a token whose numbers add up to zero"


def _jacobian(blocks: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Return (T, D, T, D)."""
    return torch.autograd.functional.jacobian(lambda x: blocks(x[None])[0], x)


def _all_outputs(blocks, x):  # type: ignore[no-untyped-def]
    x = x.detach().requires_grad_()
    (grad,) = torch.autograd.grad(blocks(x[None]).square().sum(), x)
    return (grad != 0).any(dim=-1).expand(len(x), len(x))


REACH = Exercise(
    id="06.5",
    title="Which token depends on which?",
    difficulty=3,
    minutes=20,
    kind="further",
    reference=reach,
    use=_use_reach,
    check=_check_reach,
    hints=(
        "If output token i does not depend on input token j, what is the derivative of the first by the second?",
        "`torch.autograd.functional.jacobian(f, x)` gives all derivatives of f at x. Of the whole output they are "
        "(T, D, T, D): all right for a small tower, much for a large one. One number for each output token is enough, "
        "if it depends on all of that token's numbers.",
        "A plain sum of a token's numbers is a bad choice: behind a LayerNorm it hardly depends on anything. Sum them "
        "with random weights.",
    ),
    mutants=(
        Mutant(
            lambda b, x: (_jacobian(b, x) != 0).any(dim=3).any(dim=1).T,
            "turned around: rows are output tokens, columns are input tokens",
        ),
        Mutant(
            lambda b, x: (_jacobian(b, x).sum(dim=1) != 0).any(dim=-1),
            "the numbers of an output token were added up: where they add up to the same whatever comes in, as behind "
            "a LayerNorm, nothing is left to see",
        ),
        Mutant(
            lambda b, x: (_jacobian(b, x)[:, 0] != 0).any(dim=-1),
            "only the first number of each output token was looked at",
        ),
        Mutant(_all_outputs, "the gradient of all outputs together: it does not tell which output token it belongs to"),
        Mutant(
            lambda b, x: torch.ones(len(x), len(x), dtype=torch.bool).tril(),
            "that is what a causal mask allows; asked for is what the blocks really do",
        ),
        Mutant(
            lambda b, x: (_jacobian(b, x) != 0).any(dim=3).any(dim=1) & _band(len(x), 1).bool(),
            "only neighbors were asked: two layers reach two tokens far",
        ),
    ),
)
