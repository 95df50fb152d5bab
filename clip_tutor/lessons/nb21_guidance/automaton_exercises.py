"""Exercise 21.5: one step of a neural cellular automaton."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe, same

Rule = Callable[[Tensor], Tensor]


def automaton_step(
    grid: torch.Tensor,
    filters: torch.Tensor,
    rule: Callable[[torch.Tensor], torch.Tensor],
    update_rate: float,
    generator: torch.Generator,
) -> torch.Tensor:
    """Return the grid (B, C, H, W) after one step.

    filters is (4, 3, 3). Each channel is seen through each of the four, so that a cell sees 4 · C numbers: the four of
    channel 0, then the four of channel 1, and so on. The grid has no edge: the right neighbor of the last column is the
    first one, and so it is with the rows. rule is a small network: from what all cells see, (B, 4 · C, H, W), to the
    change that each proposes, (B, C, H, W). Chance, drawn with generator, decides for each cell of each grid: with the
    probability update_rate the change is added, in all channels of the cell; otherwise the cell stays as it is.
    """
    B, C, H, W = grid.shape
    torus = F.pad(grid, (1, 1, 1, 1), mode="circular")  # (B, C, H + 2, W + 2)
    seen = F.conv2d(torus, filters.repeat(C, 1, 1)[:, None], groups=C)  # (B, 4 · C, H, W)
    turn = torch.rand(B, 1, H, W, generator=generator) < update_rate
    return grid + rule(seen) * turn


RATE, SEEDS = 0.25, range(16)


def known_filters() -> Tensor:
    """Return (4, 3, 3), other filters than those of the kit's automata."""
    return torch.randn(4, 3, 3, generator=torch.Generator().manual_seed(9)) / 3


def known_rule(C: int) -> Rule:
    """Return a rule with weights that do not change: a 1 × 1 convolution and a tanh."""
    random = torch.Generator().manual_seed(C)
    weight, bias = torch.randn(C, 4 * C, 1, 1, generator=random), torch.randn(C, generator=random)
    return lambda seen: F.conv2d(seen, weight, bias).tanh()


def use_step(step: Callable[..., Tensor], task: str, grid: Tensor) -> Any:
    """Return the grid after a step of all cells, its gradient, or in words what chance did in many steps."""
    filters, rule = known_filters(), known_rule(grid.shape[1])
    if task == "all":
        return step(grid, filters, rule, 1.0, torch.Generator().manual_seed(0))
    if task == "gradient":
        leaf = grid.clone().requires_grad_()
        after = step(leaf, filters, rule, 1.0, torch.Generator().manual_seed(0))
        if not after.requires_grad:
            return "no gradient"
        return torch.autograd.grad(after.square().sum(), leaf)[0]
    proposed = automaton_step(grid, filters, rule, 1.0, torch.Generator()) - grid  # (B, C, H, W)
    changes = [step(grid, filters, rule, RATE, torch.Generator().manual_seed(seed)) - grid for seed in SEEDS]
    again = step(grid, filters, rule, RATE, torch.Generator().manual_seed(SEEDS[0])) - grid
    change = torch.stack(changes)  # (16, B, C, H, W)
    moved = change.abs() > 1e-6
    return (
        f"the share of numbers that change is {_about(moved.float().mean().item())}",
        "all channels of a cell change together"
        if bool((moved.any(dim=2) == moved.all(dim=2)).all())
        else "in one and the same cell, some channels change and others do not",
        "the proposed change is added as it is"
        if torch.allclose(change, proposed * moved, atol=1e-5)
        else "what is added is not the proposed change",
        "each cell has a chance of its own"
        if bool((moved.any(dim=2).flatten(2).float().std(dim=-1) > 0).any())
        else "all cells of a grid change, or none",
        "each grid has chances of its own"
        if bool((moved[:, 0] != moved[:, 1]).any())
        else "both grids of a batch change in the same cells",
        "the generator decides"
        if torch.equal(again, changes[0]) and not torch.equal(moved[0], moved[1])
        else "the same generator gives another result, or another one the same",
    )


def _about(share: float) -> str:
    return next((f"about {known:g}" for known in (0, RATE, 1 - RATE, 1) if abs(share - known) < 0.08), f"{share:.1f}")


def _grid(B: int, C: int, H: int, W: int) -> Tensor:
    return torch.randn(B, C, H, W, generator=torch.Generator().manual_seed(C))


_WHY = (
    "a cell's turn comes with the probability update_rate: `torch.rand(...) < update_rate`",
    "one random number for each cell, (B, 1, H, W): it is broadcast over the channels",
    "multiply by the mask alone: nothing is scaled to make up for the cells that wait",
    "one random number for each cell of the grid, not one for the grid",
    "a batch holds grids that have nothing to do with each other: one random number for each cell of each of them",
    "pass the generator on: torch.rand(..., generator=generator)",
)


def _check_step(step: Attempt) -> str:
    for shape in ((1, 1, 5, 5), (2, 3, 4, 6), (1, 4, 7, 3)):
        grid = _grid(*shape)
        after, right = step("all", grid), use_step(automaton_step, "all", grid)
        demand(
            isinstance(after, Tensor) and after.shape == right.shape,
            f"for a grid {shape} the result is {describe(after)}",
            f"a tensor {shape}",
        )
        wrong = (after - right).abs().amax(dim=(0, 1)) > 1e-4  # (H, W)
        inside, edge = int(wrong[1:-1, 1:-1].sum()), int(wrong.sum())
        demand(
            same(after, right),
            f"with an update_rate of 1, {edge} of {wrong.numel()} cells of a grid {shape} are wrong, {inside} of them "
            "inside",
            "the grid plus what the rule proposes, in every cell",
            "only cells at the edge are wrong: the grid has none" if not inside else "",
        )
        demand(
            same(step("gradient", grid), use_step(automaton_step, "gradient", grid)),
            "the gradient does not reach the grid before the step, or another one",
            "a gradient through the rule and past it: the rule learns from many steps in a row",
            "`detach`, `.data` and `no_grad` cut the way back",
        )
    facts, right = step("chance", _grid(2, 3, 6, 6)), use_step(automaton_step, "chance", _grid(2, 3, 6, 6))
    for fact, wanted, why in zip(facts, right, _WHY, strict=True):
        demand(fact == wanted, f"with an update_rate of {RATE}, {fact}", wanted, why)
    return "perception without an edge, the residual, the gradient, and a chance for each cell that its channels share"


def _perceived(grid: Tensor, filters: Tensor, mode: str = "circular") -> Tensor:
    torus = F.pad(grid, (1, 1, 1, 1), mode=mode)
    return F.conv2d(torus, filters.repeat(grid.shape[1], 1, 1)[:, None], groups=grid.shape[1])


def _seeing(see):  # type: ignore[no-untyped-def]
    def step(grid, filters, rule, update_rate, generator):  # type: ignore[no-untyped-def]
        B, _, H, W = grid.shape
        return grid + rule(see(grid, filters)) * (torch.rand(B, 1, H, W, generator=generator) < update_rate)

    return step


def _changing(after):  # type: ignore[no-untyped-def]
    def step(grid, filters, rule, update_rate, generator):  # type: ignore[no-untyped-def]
        return after(grid, rule(_perceived(grid, filters)), update_rate, generator)

    return step


def _masked(shape, wait=False):  # type: ignore[no-untyped-def]
    def after(grid, change, rate, generator):  # type: ignore[no-untyped-def]
        draw = torch.rand(shape(*grid.shape), generator=generator)
        return grid + change * (draw > rate if wait else draw < rate)

    return _changing(after)


def _channels_mixed(grid: Tensor, filters: Tensor) -> Tensor:
    return _perceived(grid.sum(dim=1, keepdim=True).expand_as(grid), filters)


def _filter_by_filter(grid: Tensor, filters: Tensor) -> Tensor:
    return _perceived(grid, filters).unflatten(1, (-1, 4)).transpose(1, 2).flatten(1, 2)


def _each_repeated(grid: Tensor, filters: Tensor) -> Tensor:
    C = grid.shape[1]
    torus = F.pad(grid, (1, 1, 1, 1), mode="circular")
    return F.conv2d(torus, filters.repeat_interleave(C, dim=0)[:, None], groups=C)


STEP = Exercise(
    id="21.5",
    title="One step of an automaton",
    difficulty=2,
    minutes=15,
    reference=automaton_step,
    use=use_step,
    check=_check_step,
    hints=(
        "Three lines: what the cells see, whose turn it is, and the sum. `F.pad(..., mode='circular')` makes a grid "
        "without an edge two rows and two columns larger.",
        "A convolution with `groups=C` gives each channel filters of its own: its weight is (4 · C, 1, 3, 3), the four "
        "filters C times over.",
        "`torch.rand(B, 1, H, W, generator=generator) < update_rate` is true where it is a cell's turn. The result is "
        "the grid plus the rule's answer times that.",
    ),
    mutants=(
        Mutant(
            _changing(lambda g, d, r, n: d * (torch.rand(len(g), 1, *g.shape[2:], generator=n) < r)),
            "the residual is missing: the rule gives the change, which is added to the grid",
        ),
        Mutant(
            _seeing(lambda g, f: _perceived(g, f, "constant")),
            "zeros were padded: then a cell at the edge sees an empty neighbor. What leaves on the right comes in on "
            "the left",
        ),
        Mutant(_seeing(lambda g, f: _perceived(g, f, "replicate")), "the edge was repeated: the grid has no edge"),
        Mutant(
            _seeing(_channels_mixed),
            "each filter saw the sum of all channels: filters are applied to each channel by itself, `groups=C`",
        ),
        Mutant(
            _seeing(_filter_by_filter),
            "the order: all channels through filter 0, then all through filter 1. The rule expects the four filters of "
            "channel 0 first",
        ),
        Mutant(
            _seeing(_each_repeated),
            "each filter C times in a row: then a channel sees through one filter four times. All four, C times over",
        ),
        Mutant(
            _changing(lambda g, d, r, n: g + d * (torch.rand(len(g), 1, *g.shape[2:], generator=n) < 0.5)),
            "0.5 in the place of update_rate",
        ),
        Mutant(
            _seeing(lambda g, f: _perceived(g, f.flip(1, 2))),
            "the filters were turned around: `F.conv2d` multiplies them as they stand, and so should you",
        ),
        Mutant(
            _changing(lambda g, d, r, n: g + d),
            "every cell changes at once: chance has no say, and all cells march in step, as if a clock ruled them",
        ),
        Mutant(
            _changing(lambda g, d, r, n: g + r * d),
            "every change was multiplied by the rate: that is the mean of what chance does, and not chance",
        ),
        Mutant(
            _masked(lambda B, C, H, W: (B, C, H, W)),
            "each channel has a chance of its own: a cell would take over half of a change. One number for each cell, "
            "(B, 1, H, W)",
        ),
        Mutant(_masked(lambda B, C, H, W: (B, 1, 1, 1)), "one number for the whole grid: all cells change, or none"),
        Mutant(
            _masked(lambda B, C, H, W: (1, 1, H, W)),
            "one mask for the whole batch: each grid has chances of its own",
        ),
        Mutant(
            _masked(lambda B, C, H, W: (B, 1, H, W), wait=True),
            "the cells that should wait change: it is a cell's turn where its number is BELOW the rate",
        ),
        Mutant(
            _changing(lambda g, d, r, n: g + d * (torch.rand(len(g), 1, *g.shape[2:], generator=n) < r) / r),
            "the changes were divided by the rate, as dropout does: here those that happen stay as they are",
        ),
        Mutant(
            _changing(lambda g, d, r, n: g + d * (torch.rand(len(g), 1, *g.shape[2:]) < r)),
            "the generator was not used: nobody could repeat this step",
        ),
    ),
)
