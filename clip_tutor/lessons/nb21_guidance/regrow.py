"""Damage and regrow: a hole is made in what an automaton has grown, and the same rule goes on.

before │ damaged │ later │ later │ later      five images
───────┴─────────┴───────┴───────┴──────
similarity to the caption   ·   distance in pixels      both over the steps, beside a twin that was left in peace
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
from matplotlib.figure import Figure
from torch import Tensor

from clip_tutor.applications.guidance.automaton_damage import damage
from clip_tutor.applications.guidance.automaton_files import LoadedAutomaton, list_automata, load_automaton
from clip_tutor.applications.guidance.automaton_objectives import drawing_on_white
from clip_tutor.applications.guidance.automaton_regrowth import GROWN, similarities
from clip_tutor.embedding import encode_texts
from clip_tutor.lab.plots.style import IMAGE_COLOR, INK, MUTED
from clip_tutor.lab.widgets.explore import Explorer, explore
from clip_tutor.lab.widgets.gallery import as_image
from clip_tutor.model import CLIP
from clip_tutor.tokenizers import Tokenizer

POINTS = 12  # of the curves
SHOWN = (0, 3, 6, 12)  # which of them are shown as images


class Regrowth(NamedTuple):
    """What happened to one grid, from the hole on, and to a twin without one."""

    before: Tensor  # (3, H, W)
    steps: list[int]  # P of them, from 0 on
    pixels: Tensor  # (P, 3, H, W)
    similarity: Tensor  # (P,), cosine, of the image to the caption
    distance: Tensor  # (P,), root mean squared difference of pixels: from the drawing, or from `before`
    twin_similarity: Tensor  # (P,)
    twin_distance: Tensor  # (P,)


@torch.no_grad()
def regrow(
    one: LoadedAutomaton, clip: CLIP, text: Tensor, down: float, across: float, size: float, steps: int
) -> Regrowth:
    """Return the `Regrowth` of a grid that has grown for 96 steps.

    Args:
        text: (E,), the unit vector of the caption.
        down, across: the middle of the hole, as shares of the grid's side, from 0 to 1.
        size: its radius, as a share of the side.
        steps: that the automaton goes on.

    Raises:
        ValueError: the hole lies outside of the grid or holds no cell, or there is no step.
    """
    if steps < 1:
        raise ValueError(f"{steps} steps: an automaton runs for at least one")
    automaton, goal, _ = one
    generator = torch.Generator().manual_seed(0)
    grown = automaton.run(automaton.initial_grid(1, goal.side), GROWN, generator)  # (1, C, H, W)
    last = goal.side - 1
    grid = torch.cat([damage(grown, down * last, across * last, size * goal.side), grown])  # (2, C, H, W): hole, twin
    marks = sorted({round(steps * n / POINTS) for n in range(POINTS + 1)})
    frames = [automaton.to_pixels(grid)]
    for earlier, later in pairwise(marks):
        grid = automaton.run(grid, later - earlier, generator)
        frames.append(automaton.to_pixels(grid))
    pixels = torch.stack(frames, dim=1)  # (2, P, 3, H, W)
    before = automaton.to_pixels(grown)[0]
    wanted = drawing_on_white(goal.drawing, goal.side) if goal.drawing else before
    similarity = similarities(clip, text, pixels.flatten(0, 1)).view(2, -1)
    distance = (pixels - wanted).square().mean(dim=(2, 3, 4)).sqrt()
    return Regrowth(before, marks, pixels[0], similarity[0], distance[0], similarity[1], distance[1])


def regrowth_figure(
    clip: CLIP,
    tokenizer: Tokenizer,
    automaton: str,
    down: float = 0.5,
    across: float = 0.5,
    size: float = 0.25,
    steps: int = 60,
) -> Figure:
    """Draw an automaton before a hole, with it and after it, and how similar to its caption it is all the while.

    Args:
        automaton: its name; see `list_automata`. The others are those of `regrow`.

    Raises:
        KeyError, ValueError: there is no such automaton, the hole lies outside of the grid, or there is no step.
    """
    one = load_automaton(automaton)
    (text,) = encode_texts(clip, tokenizer, [one.goal.caption])
    found = regrow(one, clip, text, down, across, size, steps)
    teacher = "a drawing, pixel by pixel" if one.goal.drawing else "CLIP"
    figure = Figure(figsize=(9.2, 5.2), layout="constrained")
    figure.suptitle(f"{automaton}, taught by {teacher}: {one.goal.caption!r}")
    halves = figure.add_gridspec(2, 1, height_ratios=(1, 1.2))
    above, below = figure.add_subfigure(halves[0]), figure.add_subfigure(halves[1])
    shown = sorted({min(place, len(found.steps) - 1) for place in SHOWN})
    images = [("before", found.before)] + [
        (f"{found.steps[n]} steps later" if n else "the hole", found.pixels[n]) for n in shown
    ]
    for axes, (name, image) in zip(above.subplots(1, len(images), squeeze=False).flat, images, strict=True):
        axes.imshow(as_image(image), interpolation="nearest")
        axes.set_axis_off()
        axes.set_title(name, loc="center", size=10, weight="normal")
    curves = below.subplots(1, 2)
    whose = "drawing" if one.goal.drawing else "image before the hole"
    for axes, with_hole, twin, name in (
        (curves[0], found.similarity, found.twin_similarity, "cosine similarity to the caption"),
        (curves[1], found.distance, found.twin_distance, f"difference from the {whose}"),
    ):
        axes.plot(found.steps, twin, color=MUTED, ls="--", label="without a hole")
        axes.plot(found.steps, with_hole, color=IMAGE_COLOR, marker="o", ms=3, label="with the hole")
        axes.set(xlabel="steps after the hole was made", title=name, xlim=(0, None))
    curves[1].set_ylim(0, None)
    curves[0].legend(frameon=False, labelcolor=INK)
    return figure


def regrow_widget(clip: CLIP, tokenizer: Tokenizer) -> Explorer:
    """Return the damage-and-regrow widget: which automaton, where the hole is and how large, and how long it heals."""

    def damage_and_regrow(
        automaton: str = list_automata()[0],
        down: float = 0.5,
        across: float = 0.5,
        size: float = 0.25,
        steps: int = 60,
    ) -> Figure:
        return regrowth_figure(clip, tokenizer, automaton, down, across, size, steps)

    return explore(
        damage_and_regrow,
        automaton=list_automata(),
        down=(0.0, 1.0, 0.05),
        across=(0.0, 1.0, 0.05),
        size=(0.05, 0.5, 0.05),
        steps=(10, 200, 10),
    )
