"""The figures of half precision: steps that are forgotten, and gradients that vanish or overflow."""

from collections.abc import Sequence

import torch
from matplotlib.figure import Figure
from torch import Tensor

from clip_tutor.lab.plots.style import COLORS, IMAGE_COLOR, INK, MUTED, TEXT_COLOR, canvas


def forgotten_steps(step: float, counts: int) -> Figure:
    """Draw what becomes of a weight of 1 that grows by ``step`` again and again, in three ways to keep it."""
    figure, (axes,) = canvas(8, 3.2)
    random = torch.Generator().manual_seed(0)
    kept = {
        "float32": (INK, lambda number: number),
        "bfloat16": (TEXT_COLOR, lambda number: number.bfloat16().float()),
        "bfloat16, rounded at random": (IMAGE_COLOR, lambda number: rounded_at_random(number, random)),
    }
    for name, (color, keep) in kept.items():
        weight, line = torch.ones(()), [1.0]
        for _ in range(counts):
            weight = keep(weight + step)
            line.append(weight.item())
        axes.plot(line, color=color, label=f"{name}: {line[-1]:.3f} in the end")
    axes.set(xlabel="step", ylabel="the weight", title=f"A weight of 1, and {counts} steps of {step:g}")
    axes.legend()
    return figure


def rounded_at_random(number: Tensor, random: torch.Generator) -> Tensor:
    """Return a float32 tensor rounded to numbers that bfloat16 holds, up or down, so that the mean stays right.

    Half way between two of them it goes up in half of all cases, close to the lower one in few. bfloat16 is the first
    half of a float32's bits: add a random second half, and cut it off.
    """
    bits = number.view(torch.int32)
    noise = torch.randint(0, 1 << 16, bits.shape, generator=random, dtype=torch.int32)
    return ((bits + noise) & ~0xFFFF).view(torch.float32)


def lost_share(gradient: Tensor, scale: float) -> tuple[float, bool]:
    """Return which share of a gradient's numbers float16 makes 0 at this loss scale, and whether any overflows."""
    halves = (gradient * scale).half()
    there = gradient != 0
    return ((halves == 0) & there).sum().item() / there.sum().item(), bool(halves.isinf().any())


def between_two_cliffs(gradient: Tensor, powers: Sequence[int], found: float | None = None) -> Figure:
    """Draw the share of a gradient that is lost for loss scales of 2 to these powers; ``found``: one to mark."""
    figure, (axes,) = canvas(8, 3.4)
    lost = [lost_share(gradient, 2.0**power) for power in powers]
    shares = [1.0 if overflows else share for share, overflows in lost]
    axes.plot(powers, shares, color=INK, linewidth=1.2)
    for is_over, color, name in (
        (False, IMAGE_COLOR, "numbers that became 0"),
        (True, TEXT_COLOR, "overflow: skipped"),
    ):
        some = [(power, share) for power, share, (_, over) in zip(powers, shares, lost, strict=True) if over is is_over]
        if some:
            axes.plot(*zip(*some, strict=True), "o", color=color, label=name)
    if found:
        axes.axvline(found, color=COLORS[2], linestyle="--", label=f"where the scaler went: 2^{found:g}")
    axes.axhline(0, color=MUTED, linewidth=0.8)
    axes.set(xlabel="loss scale, as a power of 2", ylabel="share of the gradient", title="What float16 loses")
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure
