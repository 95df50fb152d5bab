"""Exercise 08.7: loss scaling, which float16 cannot do without."""

from typing import Any

import torch

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, same


def scaled_step(loss: torch.Tensor, optimizer: torch.optim.Optimizer, loss_scale: float) -> float:
    """Take one step for a loss that was computed in float16, and return the loss scale for the next step.

    The loss is multiplied by loss_scale before the backward pass, all gradients are divided by it after.
    If any gradient is not finite then, no weight moves, and the next scale is half of this one.
    Else the norm of all gradients is clipped to 1, the optimizer takes its step, and the scale stays.
    """
    optimizer.zero_grad()
    (loss * loss_scale).backward()
    learned = [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
    for parameter in learned:
        parameter.grad /= loss_scale
    if not all(parameter.grad.isfinite().all() for parameter in learned):
        return loss_scale / 2
    torch.nn.utils.clip_grad_norm_(learned, 1.0)
    optimizer.step()
    return loss_scale


# The true gradient's length, loss scale, steps: too short for float16, long, too long once scaled, two in a row.
_CASES = ((1e-8, 2.0**16, 1), (20.0, 2.0**6, 1), (3.0, 2.0**20, 1), (0.01, 2.0**10, 2))


def _use_scale(step: Any, length: float, loss_scale: float, steps: int) -> tuple[torch.Tensor, float]:
    """Take steps with two weights whose gradients pass through float16; return how far they moved, and the scale."""
    weights = [torch.nn.Parameter(torch.zeros(())), torch.nn.Parameter(torch.zeros(()))]
    optimizer = torch.optim.SGD([{"params": [weights[0]]}, {"params": [weights[1]]}], lr=1.0)
    for _ in range(steps):
        loss = length * (0.6 * weights[0].half().float() + 0.8 * weights[1].half().float())
        loss_scale = step(loss, optimizer, loss_scale)
    return torch.stack(tuple(weights)).detach(), float(loss_scale)


def _check_scale(step: Attempt) -> str:
    told, right = [step(*case) for case in _CASES], [_use_scale(scaled_step, *case) for case in _CASES]
    moved = [float(weights.norm()) for weights, _ in told]
    demand(
        abs(moved[0] - 1e-8) < 1e-10,
        f"a gradient of length 1e-08 moved the weights by {moved[0]:.3g} at a rate of 1",
        "1e-08: times 65,536 float16 can hold it, and dividing gives it back",
        "multiply the loss before backward, divide the gradients after it",
    )
    demand(
        same(told[1][0], right[1][0]),
        f"a gradient of length 20 moved the weights by {moved[1]:.3g}",
        "1, to which it is clipped",
        "clipping means the true gradient: divide by the loss scale first",
    )
    demand(
        same(told[2][0], right[2][0]),
        f"gradients that overflowed moved the weights by {moved[2]:.3g}",
        "0: no weight moves",
        "look at the gradients, not at the loss, which is finite, and return before anything moves",
    )
    demand(
        told[2][1] == right[2][1],
        f"a loss scale of {told[2][1]:g} after gradients that overflowed",
        f"{right[2][1]:g}: half of {_CASES[2][1]:g}",
    )
    demand(
        told[0][1] == right[0][1],
        f"a loss scale of {told[0][1]:g} after a step that went well",
        f"{right[0][1]:g}, as it was",
    )
    demand(
        same(told[3][0], right[3][0]),
        f"two steps of 0.01 moved the weights by {moved[3]:.5g}",
        "0.02",
        "backward adds to the gradients that are there: clear them first",
    )
    return "a gradient too short for float16, a long one, one that overflows, and two steps in a row"


def _wrong(  # type: ignore[no-untyped-def]
    clear=True,
    up=lambda scale: scale,
    down=lambda scale: scale,
    clip_first=False,
    clip=True,
    skip=True,
    after=0.5,
    grow=1,
):
    """Return a scaled step that differs from the right one in what is given."""

    def step(loss, optimizer, loss_scale):  # type: ignore[no-untyped-def]
        if clear:
            optimizer.zero_grad()
        (loss * up(loss_scale)).backward()
        learned = [p for group in optimizer.param_groups for p in group["params"]]
        finite = all(p.grad.isfinite().all() for p in learned)
        if skip and not finite:
            return loss_scale * after
        if clip and clip_first:
            torch.nn.utils.clip_grad_norm_(learned, 1.0)
        for p in learned:
            p.grad /= down(loss_scale)
        if clip and not clip_first:
            torch.nn.utils.clip_grad_norm_(learned, 1.0)
        optimizer.step()
        return loss_scale * (grow if finite else after)

    return step


LOSS_SCALE = Exercise(
    id="08.7",
    title="Loss scaling",
    difficulty=3,
    minutes=15,
    reference=scaled_step,
    check=_check_scale,
    hints=(
        "The derivative of a loss that is a thousand times larger is a thousand times larger, too. Where do you "
        "multiply, where do you divide, and what must be measured only after the division?",
        "The parameters are in `optimizer.param_groups`; `parameter.grad.isfinite().all()` says whether all is well.",
        "zero_grad; backward of loss × scale; divide each gradient; if one is not finite, return half of the scale; "
        "clip; step; return the scale.",
    ),
    mutants=(
        Mutant(_wrong(up=lambda scale: 1, down=lambda scale: 1), "nothing was scaled: short gradients become 0"),
        Mutant(_wrong(up=lambda scale: 1), "the loss was not multiplied, only the gradients divided"),
        Mutant(_wrong(down=lambda scale: 1), "the gradients were not divided: the steps are loss_scale times too long"),
        Mutant(_wrong(clip_first=True), "clipped before the division: what was clipped was loss_scale times too long"),
        Mutant(_wrong(clip=False), "the gradient is not clipped"),
        Mutant(_wrong(skip=False), "the step was taken with gradients that are not finite: the weights are lost"),
        Mutant(_wrong(after=1), "the scale stays after an overflow, and so the next step overflows, too"),
        Mutant(_wrong(after=2), "the scale was doubled after an overflow: halve it"),
        Mutant(_wrong(grow=2), "the scale was doubled after a good step: here it stays"),
        Mutant(_wrong(clear=False), "no zero_grad: the second step moved by both gradients"),
    ),
    kind="further",
    use=_use_scale,
)
