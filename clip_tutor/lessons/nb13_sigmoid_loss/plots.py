"""Figures of notebook 13: what a bias costs and does, two losses side by side, and calibration.

Tables are (N, N), a row for each caption and a column for each image, as in `lab.plots.similarity_matrix`.
"""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator
from torch import Tensor

from clip_tutor.lab.plots.style import COLORS, IMAGE_COLOR, INK, MUTED, SEQUENTIAL, TEXT_COLOR, canvas
from clip_tutor.lab.widgets.gallery import as_image

BIASES = [-14 + n / 5 for n in range(91)]  # from -14 to 4
BINS = 10


def price(similarity: Tensor, scale: float, bias: float) -> float:
    """Return the sigmoid loss of (N, N) similarities: `clip_tutor.losses` once the vectors have been compared."""
    z = 2 * torch.eye(len(similarity)) - 1
    return float(-F.logsigmoid(z * (scale * similarity + bias)).sum()) / len(similarity)


def initial_losses(sizes: Sequence[int], starting_point: Callable[[int], tuple[float, float]]) -> Figure:
    """Draw the loss of a model that knows nothing, over the bias it starts with, for several batch sizes.

    ``starting_point`` returns the best bias for a batch size and the loss there: the dots.
    """
    figure, (axes,) = canvas(9, 4.2)
    for color, N in zip(COLORS, sizes, strict=False):
        curve = [math.log1p(math.exp(-b)) + (N - 1) * math.log1p(math.exp(b)) for b in BIASES]
        axes.plot(BIASES, curve, color=color, label=f"N = {N:,}")
        axes.plot(*starting_point(N), "o", color=color, markersize=9)
    for bias, name in ((0.0, "b = 0"), (-10.0, "b = −10")):
        axes.axvline(bias, color=MUTED, linestyle=":", linewidth=1.4)
        axes.annotate(name, (bias, 1.4e5), xytext=(5, -4), textcoords="offset points", color=MUTED, va="top")
    axes.set(yscale="log", ylim=(1, 1.5e5), xlim=(BIASES[0], BIASES[-1]))
    axes.set(
        xlabel="bias at the start",
        ylabel="loss of an untrained model (nats)",
        title="What is the loss before the first step?",
    )
    _plain(axes.yaxis)
    figure.legend(loc="outside right center")
    return figure


def _plain(axis: Axis) -> None:
    """Write the numbers of a logarithmic axis as 0.01 or 1,000."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.4f}".rstrip("0").rstrip(".")))
    axis.set_minor_locator(NullLocator())


def sigmoid_board(
    similarity: Any, scale: float, bias: float, images: Sequence[Any] = (), learned: tuple[float, float] | None = None
) -> Figure:
    """Draw what similarities (N, N) become at one scale and bias: probabilities, pulls and pushes, and the loss.

    ``learned`` are the scale and the bias that training arrived at, if they are to be marked.
    """
    values = torch.as_tensor(similarity).detach().float().cpu()
    N, loss = len(values), price(values, scale, bias)
    yes = (scale * values + bias).sigmoid()  # (N, N)
    figure, (left, middle, right) = canvas(12.5, 4.6, columns=3)
    shades = left.imshow(yes.numpy(), cmap=SEQUENTIAL, vmin=0, vmax=1)
    figure.colorbar(shades, ax=left, shrink=0.7, label="probability of yes")
    wants = yes - torch.eye(N)  # (N, N): N times the slope of the loss along each logit
    pulls = middle.imshow(wants.numpy(), cmap="PiYG_r", vmin=-1, vmax=1)  # the colors of notebook 07
    figure.colorbar(pulls, ax=middle, shrink=0.7, label="pulled up (below 0) or pushed down")
    for axes, title in ((left, "What does it believe?"), (middle, "What does it learn from?")):
        _table(axes, images if N <= 16 else (), N)
        axes.set_title(title)
    best = min(BIASES, key=lambda b: price(values, scale, b))
    right.plot(BIASES, [price(values, scale, b) for b in BIASES], color=INK)
    right.axvline(best, color=MUTED, linestyle="--", linewidth=1.2)
    right.plot(bias, loss, "o", color=TEXT_COLOR, markersize=10, clip_on=False)
    if learned:
        right.axvline(learned[1], color=MUTED, linestyle=":", linewidth=1.6)
        right.annotate(
            f"learned: {learned[1]:.1f}".replace("-", "−"),
            (learned[1], 0.97),
            xycoords=("data", "axes fraction"),
            xytext=(-4, 0),
            textcoords="offset points",
            color=MUTED,
            size=9,
            ha="right",
            va="top",
        )
    right.set(yscale="log", ylim=(0.01, 400), xlabel="bias", ylabel="loss (nats)", title="What does it cost?")
    right.set_xticks(range(-12, 5, 4))
    _plain(right.yaxis)
    said = int(yes.sum().round())
    figure.suptitle(
        f"Scale {scale:.0f}, bias {bias:.1f}: the loss is {loss:.2f}; the least at this scale is "
        f"{price(values, scale, best):.2f}\nThe probabilities add up to {said} for {N} right pairs".replace("-", "−")
    )
    return figure


def pulls(
    similarity: Any,
    scale: float,
    bias: float,
    labels: Mapping[str, Any],
    images: Sequence[Any],
    captions: Sequence[str],
) -> Figure:
    """Draw how each pair is pulled (below 0) or pushed, under one or several ideas of which pairs fit.

    Args:
        similarity: (M, N), a row for each caption.
        labels: for each panel its name and (N, M) labels of images and captions, 1, -1, or 0 where nobody knows.
    """
    values = torch.as_tensor(similarity).detach().float().cpu()
    yes = (scale * values + bias).sigmoid()  # (M, N)
    M, N = values.shape
    figure, panels = canvas(4.6 * len(labels) + 2.4, 0.55 * M + 1.8, columns=len(labels))
    for axes, (name, given) in zip(panels, labels.items(), strict=True):
        z = torch.as_tensor(given).T
        wants = (yes - (z == 1).float()) * (z != 0)  # the slope of each pair's cost along its logit
        shades = axes.imshow(wants.numpy(), cmap="PiYG_r", vmin=-1, vmax=1)
        for n, image in enumerate(images):
            axes.imshow(as_image(image), extent=(n - 0.46, n + 0.46, -0.6, -1.52))
        axes.set(xlim=(-0.5, N - 0.5), ylim=(M - 0.5, -1.65), xticks=[], title=name)
        axes.set_yticks(range(M), captions if axes is panels[0] else [""] * M)
        axes.set_xlabel("images", color=IMAGE_COLOR)
        axes.tick_params(length=0)
        axes.grid(False)
        axes.set_frame_on(False)
    panels[0].set_ylabel("captions", color=TEXT_COLOR)
    figure.colorbar(shades, ax=panels, shrink=0.7, label="pulled up (below 0) or pushed down")
    return figure


def _table(axes: Axes, images: Sequence[Any], N: int) -> None:
    for n, image in enumerate(images):
        axes.imshow(as_image(image), extent=(n - 0.46, n + 0.46, -0.6, -1.52))
    axes.set(xlim=(-0.5, N - 0.5), ylim=(N - 0.5, -1.65 if len(images) else -0.5), xticks=[], yticks=[])
    axes.set_xlabel("images", color=IMAGE_COLOR)
    axes.set_ylabel("captions", color=TEXT_COLOR)
    axes.grid(False)
    axes.set_frame_on(False)


def cosine_histograms(cosines: Mapping[str, tuple[Any, Any]], expected: Sequence[float], title: str) -> Figure:
    """Draw where the cosines of right and of wrong pairs lie, one panel below the other for several models.

    Args:
        cosines: for each name those of right pairs and those of wrong ones.
        expected: for each the cosine that says yes as rarely as a batch has right pairs, drawn as a line.
        title: above all.
    """
    figure, panels = canvas(9, 1.25 * len(cosines) + 1.5, rows=len(cosines))
    steps = torch.linspace(-1, 1, 101).tolist()
    for axes, (name, (own, others)), place in zip(panels, cosines.items(), expected, strict=True):
        for values, color, label in ((others, MUTED, "wrong pairs"), (own, TEXT_COLOR, "right pairs")):
            axes.hist(torch.as_tensor(values).numpy(), steps, density=True, color=color, alpha=0.75, label=label)
        axes.axvline(place, color=INK, linestyle="--", linewidth=1.6, label="probability of yes: 1/N")
        axes.set(xlim=(-1, 1), yticks=[], ylabel=name)
        axes.yaxis.label.set(rotation=0, ha="right", va="center", size=11, weight="bold")
        if axes is not panels[-1]:
            axes.set_xticklabels([])
    panels[-1].set_xlabel("cosine of an image and a caption")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    figure.suptitle(title)
    return figure


def race(runs: Mapping[str, Sequence[Mapping[str, float]]], measure: str, title: str, live: str = "") -> Figure:
    """Draw the loss of several runs over their steps, and one more entry of their records, as far as it is there.

    Losses of different kinds do not have the same unit: each is drawn as a share of what it was in its first record.
    Runs whose names differ in the seed alone share a color and a line of the legend. The run that is called ``live`` is
    drawn in black, broad and dotted, upon the others.
    """
    figure, (left, right) = canvas(10, 3.8, columns=2)
    colors: dict[str, str] = {}
    for name, history in runs.items():
        kind = name.split(", seed")[0]
        label = None if kind in colors else kind
        color = INK if name == live else colors.setdefault(kind, COLORS[len(colors) % len(COLORS)])
        style = ":" if name == live else "--" if "sigmoid" in name else "-"
        steps = [record["step"] for record in history]
        shares = [record["loss"] / history[0]["loss"] for record in history]
        left.plot(steps, shares, style, color=color, linewidth=3 if name == live else 1.8, label=label)
        seen = [record for record in history if measure in record]
        there, found = [record["step"] for record in seen], [record[measure] for record in seen]
        size = 7 if name == live else 4
        right.plot(there, found, style, color=color, marker="o", markersize=size, clip_on=False)
    left.set(title="Loss", xlabel="step", ylabel="share of the first one", ylim=(0, 1.05))
    right.set(title=measure.replace("_", " ").capitalize(), xlabel="step", ylabel="fraction found", ylim=(0, 1))
    figure.legend(loc="outside lower center", ncols=3)
    figure.suptitle(title)
    return figure


def calibration(panels: Mapping[str, tuple[Any, Any]], title: str) -> Figure:
    """Draw how often it was so, over how likely it was said to be, on logarithmic scales, for one or several panels.

    Each holds the probabilities that a model gave, and for each whether it came true. A calibrated probability lies on
    the diagonal. Bars are 95 % intervals of the share in a bin (Wilson's).
    """
    figure, all_axes = canvas(4.1 * len(panels) + 0.6, 4.4, columns=len(panels))
    for axes, (name, (said, came)) in zip(all_axes, panels.items(), strict=True):
        axes.plot([1e-4, 1], [1e-4, 1], "--", color=MUTED, linewidth=1.2)
        for mean, share, (low, high), _ in reliability(torch.as_tensor(said), torch.as_tensor(came)):
            axes.plot([mean, mean], [max(low, 1e-4), high], color=TEXT_COLOR, linewidth=4, alpha=0.4)
            if share > 0:
                axes.plot(mean, max(share, 1e-4), "o", color=TEXT_COLOR, clip_on=False)
        axes.set(xscale="log", yscale="log", xlim=(1e-4, 1), ylim=(1e-4, 1), title=name)
        axes.set(xlabel="probability that the model gave", ylabel="share that were right pairs")
        _plain(axes.xaxis)
        _plain(axes.yaxis)
    figure.suptitle(title)
    return figure


def reliability(said: Tensor, came: Tensor) -> list[tuple[float, float, tuple[float, float], int]]:
    """Return for bins of probabilities, a factor of e or so wide: mean, share that came true, interval, how many.

    Bins with fewer than 30 answers are left out. Source of the interval: Wilson 1927.
    """
    logs, bins = said.flatten().clamp_min(1e-12).log(), []
    edges = torch.linspace(math.log(1e-4), 0.0, BINS + 1)
    for low, high in itertools.pairwise(edges):
        inside = (logs >= low) & (logs < high)
        n = int(inside.sum())
        if n < 30:
            continue
        share = float(came.flatten()[inside].float().mean())
        bins.append((float(said.flatten()[inside].mean()), share, _wilson(share, n), n))
    return bins


def _wilson(share: float, n: int, z: float = 1.96) -> tuple[float, float]:
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return middle - half, middle + half


def memory_curves(sizes: Sequence[int], measured: Mapping[str, Sequence[float]], title: str) -> Figure:
    """Draw the most memory that each loss took, in bytes, over the batch size; both axes are logarithmic.

    The first and third are drawn broad, so that they show where the second and fourth lie upon them.
    """
    figure, (axes,) = canvas(8, 4)
    looks = ((MUTED, 5, 9), (TEXT_COLOR, 2, 5)) * 2  # color, width of the line, size of its dots
    for (color, width, dot), (name, taken) in zip(looks, measured.items(), strict=False):
        style = "--" if "chunk" in name else "-"
        heights = [size / 2**20 for size in taken]
        axes.plot(sizes, heights, style, marker="o", linewidth=width, markersize=dot, color=color, label=name)
    axes.set(xscale="log", yscale="log", xlabel="pairs in a batch, N", ylabel="MiB beyond the vectors", title=title)
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.minorticks_off()
    _plain(axes.yaxis)
    figure.legend(loc="outside right center")
    return figure
