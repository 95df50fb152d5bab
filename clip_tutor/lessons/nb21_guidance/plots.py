"""Figures of notebook 21: a climb and real scenes, two pulls, what two CLIPs say of the same images, cut-outs."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

from clip_tutor.applications.guidance import Snapshot
from clip_tutor.lab.plots.style import COLORS, FAINT, IMAGE_COLOR, INK, MUTED, TEXT_COLOR, canvas
from clip_tutor.lab.widgets.gallery import as_image

MARKS = ("X", "s", "D", "o", "^")


def climbed(film: Sequence[Snapshot], real: Tensor, title: str, shown: int = 4) -> Figure:
    """Draw snapshots of a climb of one image beside its curve, and where the similarities (N,) of real scenes lie."""
    figure, axes = canvas(11, 3.4, columns=shown + 1)
    places = torch.linspace(0, len(film) - 1, shown).round().long().tolist()
    for one, place in zip(axes, places, strict=False):
        one.set_axis_off()
        one.imshow(as_image(film[place].pixels[0]))
        one.set_title(f"step {film[place].step}: {film[place].similarity[0]:.2f}", size=9.5)
    curve = axes[-1]
    curve.axhspan(real.min().item(), real.max().item(), color=IMAGE_COLOR, alpha=0.2, lw=0, label="real scenes")
    curve.plot([one.step for one in film], [one.similarity[0].item() for one in film], color=INK, label="the climb")
    curve.set(xlabel="step", ylabel="cosine to the caption", ylim=(-0.3, 0.8))
    curve.legend(loc="lower right")
    figure.suptitle(title)
    return figure


def pulls(title: str) -> Figure:
    """Draw how hard 1 − cosine and half the squared angle pull, over the angle between two vectors."""
    figure, (axes,) = canvas(7.5, 3.4)
    angle = torch.linspace(0, torch.pi, 181)
    axes.plot(angle.rad2deg(), angle, color=INK, label="θ²/2 pulls with θ")
    axes.plot(angle.rad2deg(), angle.sin(), color=MUTED, ls="--", label="1 − cos θ pulls with sin θ")
    axes.set(xlabel="angle between image and caption, in degrees", ylabel="slope", xlim=(0, 180), title=title)
    axes.set_xticks(range(0, 181, 30))
    axes.legend()
    return figure


def opinions(
    by: Mapping[str, tuple[Tensor, Tensor, Mapping[str, float]]], images: Mapping[str, Tensor], title: str
) -> Figure:
    """Draw some images, and for each CLIP where it sees them among real scenes and among other ones.

    Args:
        by: for each CLIP the similarities (N,) of other scenes, (N,) of real scenes, and that of each image.
        images: (3, H, W) each, by the same names.
    """
    figure = canvas(1, 1)[0]
    figure.clear()
    figure.set_size_inches(10, 2.9 + 1.05 * len(by))
    halves: Any = figure.subfigures(2, 1, height_ratios=(2.4, 0.6 + 1.05 * len(by)))
    above, below = halves
    for n, (axes, (name, pixels)) in enumerate(zip(above.subplots(1, len(images)), images.items(), strict=True)):
        axes.set_axis_off()
        axes.imshow(as_image(pixels))
        axes.set_title(name, size=10, color=COLORS[n % len(COLORS)])
    axes = below.subplots()
    jitter = torch.Generator().manual_seed(0)
    for row, (others, real, of_images) in enumerate(by.values()):
        for values, color, height in ((others, MUTED, 0.16), (real, IMAGE_COLOR, 0.0)):
            y = row + height + 0.12 * (torch.rand(len(values), generator=jitter) - 0.5)
            axes.scatter(values, y, s=9, color=color, alpha=0.5, linewidths=0)
        for n, (name, value) in enumerate(of_images.items()):
            axes.plot(value, row - 0.24, MARKS[n], color=COLORS[n], ms=9, label=name if row == 0 else None)
    axes.scatter([], [], s=20, color=IMAGE_COLOR, label="real scenes of the caption")
    axes.scatter([], [], s=20, color=MUTED, label="other scenes")
    axes.set_yticks(range(len(by)), list(by))
    axes.set(xlabel="cosine to the caption", ylim=(len(by) - 0.5, -0.5))
    axes.grid(axis="y", visible=False)
    below.legend(loc="outside right center")
    figure.suptitle(title)
    return figure


def pieces(rows: Mapping[str, tuple[Tensor, Tensor]], title: str) -> Figure:
    """Draw a row of images for each name: (N, 3, H, W) pixels, and (N,) similarities below them."""
    most = max(len(pixels) for pixels, _ in rows.values())
    figure, (axes,) = canvas(1.25 * most + 1.4, 1.62 * len(rows) + 0.5, image=True)
    for row, (name, (pixels, similarity)) in enumerate(rows.items()):
        y = 1.25 * row
        for n, image in enumerate(pixels):
            axes.imshow(as_image(image), extent=(n + 0.03, n + 0.97, y + 0.97, y + 0.03))
            axes.text(n + 0.5, y + 1.0, f"{similarity[n]:.2f}", ha="center", va="top", size=9, color=INK)
        axes.text(-0.1, y + 0.5, name, ha="right", va="center", size=10)
    axes.set(xlim=(-1.1, most), ylim=(1.25 * len(rows), 0))
    figure.suptitle(title)
    return figure


def large(images: Mapping[str, Tensor], title: str) -> Figure:
    """Draw images (3, H, W) side by side, large, each with its name above it."""
    figure, axes = canvas(2.6 * len(images), 3.2, columns=len(images), image=True)
    for one, (name, image) in zip(axes, images.items(), strict=True):
        one.imshow(as_image(image))
        one.set_title(name, size=9.5)
    figure.suptitle(title)
    return figure


def variations(found: Mapping[str, float], title: str) -> Figure:
    """Draw the total variation of several images as bars on a logarithmic axis."""
    figure, (axes,) = canvas(7.5, 0.42 * len(found) + 1.3)
    bars = axes.barh(range(len(found)), list(found.values()), color=IMAGE_COLOR)
    axes.bar_label(bars, [f"{value:.4f}" for value in found.values()], padding=4, size=9)
    axes.set_yticks(range(len(found)), list(found))
    axes.set_xscale("log")
    axes.set(xlabel="total variation", ylim=(len(found) - 0.4, -0.6), title=title)
    axes.margins(x=0.25)
    axes.grid(axis="y", visible=False)
    return figure


def changed(before: Tensor, after: Tensor, times: float, probabilities: Mapping[str, Mapping[str, float]]) -> Figure:
    """Draw an image, the change of it made larger, the changed image, and what two CLIPs take both for.

    Args:
        before, after: (3, H, W) from 0 to 1.
        times: how much larger the change is drawn, around the middle gray.
        probabilities: for each CLIP what it gives to the new caption, by "before" and "after".
    """
    figure, axes = canvas(11, 3.1, columns=4)
    shown = {"before": before, f"the change, {times:.0f}-fold": 0.5 + times * (after - before), "after": after}
    for one, (name, pixels) in zip(axes, shown.items(), strict=False):
        one.set_axis_off()
        one.imshow(as_image(pixels))
        one.set_title(name, size=10)
    bars = axes[-1]
    for n, (name, color) in enumerate((("before", FAINT), ("after", TEXT_COLOR))):
        heights = [values[name] for values in probabilities.values()]
        bars.bar([place + 0.4 * n for place in range(len(heights))], heights, 0.38, color=color, label=name)
    bars.set_xticks([place + 0.2 for place in range(len(probabilities))], list(probabilities))
    bars.set(ylabel="probability of the other caption", ylim=(0, 1.05))
    bars.legend()
    return figure
