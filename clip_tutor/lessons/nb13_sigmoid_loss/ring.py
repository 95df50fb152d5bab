"""The ring of the sigmoid loss, step by step: who holds whose captions, and which part of the table is scored when."""

import math

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, Rectangle

from clip_tutor.lab.plots.style import COLORS, FAINT, IMAGE_COLOR, INK, MUTED, TEXT_COLOR, canvas

LIGHT = 0.35  # how strong the color of a block is that was scored before


def holds(process: int, step: int, processes: int) -> int:
    """Return whose captions a process has at hand at a step, if all move from process r to r + 1."""
    return (process - step) % processes


def ring_board(processes: int, step: int) -> Figure:
    """Draw the ring at a step (0 to processes - 1), beside the table of all images and all captions.

    A process has the color of its captions; the blocks that are scored at this step are framed.
    """
    step = min(step, processes - 1)
    figure, (left, right) = canvas(10, 4.8, columns=2)
    _ring(left, processes, step)
    _blocks(right, processes, step)
    scored = (step + 1) * processes
    told = "its own captions, the only step with a yes" if step == 0 else "another process's captions: all no"
    figure.suptitle(f"Step {step}: {told}\n{scored} of {processes**2} blocks scored")
    return figure


def _color(process: int) -> str:
    return (*COLORS, MUTED)[process % (len(COLORS) + 1)]


def _ring(axes: Axes, processes: int, step: int) -> None:
    places = [(math.sin(2 * math.pi * r / processes), math.cos(2 * math.pi * r / processes)) for r in range(processes)]
    for r, (x, y) in enumerate(places):
        if processes > 1 and step < processes - 1:
            ahead = places[(r + 1) % processes]
            arrow = FancyArrowPatch(
                (x, y), ahead, arrowstyle="-|>", mutation_scale=16, shrinkA=22, shrinkB=22, color=MUTED,
                connectionstyle="arc3,rad=-0.22",
            )  # fmt: skip
            axes.add_patch(arrow)
        whose = holds(r, step, processes)
        axes.add_patch(Circle((x, y), 0.2, facecolor="white", edgecolor=INK, linewidth=1.4, zorder=3))
        axes.add_patch(Circle((x, y), 0.14, facecolor=_color(whose), edgecolor="none", zorder=4))
        axes.text(1.5 * x, 1.3 * y, f"process {r}", ha="center", va="center", size=8.5, zorder=5)
        axes.text(x, y, f"{whose}", ha="center", va="center", color="white", weight="bold", zorder=5)
    axes.set(xlim=(-1.9, 1.9), ylim=(-1.5, 1.5), xticks=[], yticks=[], aspect="equal")
    axes.set(title="Whose captions are where?", xlabel="images stay, captions go round")
    axes.grid(False)
    axes.set_frame_on(False)


def _blocks(axes: Axes, processes: int, step: int) -> None:
    now = torch.arange(processes)
    for r in now.tolist():
        for whose in now.tolist():
            when = (r - whose) % processes
            face = _color(whose) if when <= step else FAINT
            axes.add_patch(
                Rectangle(
                    (whose, r), 1, 1, facecolor=face, alpha=1.0 if when == step else LIGHT,
                    edgecolor="white", linewidth=2,
                )
            )  # fmt: skip
            if when == step:
                axes.add_patch(Rectangle((whose + 0.04, r + 0.04), 0.92, 0.92, fill=False, edgecolor=INK, linewidth=2))
            if when <= step:
                axes.text(
                    whose + 0.5,
                    r + 0.5,
                    f"{when}",
                    ha="center",
                    va="center",
                    size=9,
                    color="white" if when == step else INK,
                )
    ticks = [n + 0.5 for n in range(processes)]
    axes.set_xticks(ticks, [str(n) for n in range(processes)])
    axes.set_yticks(ticks, [str(n) for n in range(processes)])
    axes.tick_params(length=0)
    axes.set(xlim=(0, processes), ylim=(processes, 0), aspect="equal", title="Which block is scored at which step?")
    axes.set_xlabel("captions of process", color=TEXT_COLOR)
    axes.set_ylabel("images of process", color=IMAGE_COLOR)
    axes.grid(False)
    axes.set_frame_on(False)
