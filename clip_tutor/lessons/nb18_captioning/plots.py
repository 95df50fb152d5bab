"""Figures of notebook 18: captions below their images, facts told right, the places of a caption, nats of a word."""

import math
from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from clip_tutor.applications.captioning import CaptionReader, facts_right
from clip_tutor.applications.captioning.report import CaptionReport
from clip_tutor.data.scenes import Scene
from clip_tutor.lab.plots.style import COLORS, FAINT, IMAGE_COLOR, INK, MUTED, TEXT_COLOR, THOUSANDS, canvas
from clip_tutor.lab.widgets.gallery import as_image

RIGHT = COLORS[2]  # green
FACTS = ("object", "count", "relation", "background", "all facts")


def mistakes(caption: str, scene: Scene, reader: CaptionReader) -> list[str]:
    """Return the facts that a caption of a scene has wrong."""
    return [fact for fact, right in facts_right(reader.read(caption), scene).items() if not right]


def captioned(
    images: Sequence[Any],
    captions: Sequence[str],
    scenes: Sequence[Scene],
    reader: CaptionReader,
    title: str,
    columns: int = 4,
) -> Figure:
    """Draw images with their captions, and below each caption which facts it has wrong."""
    rows = math.ceil(len(images) / columns)
    high = 1.47  # of a row, where an image is 1
    figure, (axes,) = canvas(2.2 * columns, 2.2 * high * rows + 0.4, image=True)
    for place, (image, caption, scene) in enumerate(zip(images, captions, scenes, strict=False)):
        x, y = place % columns, place // columns * high
        axes.imshow(as_image(image), extent=(x + 0.03, x + 0.97, y + 0.97, y + 0.03))
        lines = fill(caption, 29, max_lines=3, placeholder=" …")
        wrong = mistakes(caption, scene, reader)
        said = f"wrong: {', '.join(wrong)}" if wrong else "all facts right"
        axes.text(x + 0.5, y + 1.0, lines, ha="center", va="top", size=9)
        below = y + 1.04 + 0.09 * (lines.count("\n") + 1)
        color = TEXT_COLOR if wrong else RIGHT
        axes.text(x + 0.5, below, fill(said, 32), ha="center", va="top", size=8.5, color=color)
    axes.set(xlim=(0, columns), ylim=(rows * high, 0))
    figure.suptitle(title)
    return figure


def fact_bars(reports: Mapping[str, CaptionReport], title: str) -> Figure:
    """Draw for each fact how often several captioners are right about it, with 95 % intervals."""
    figure, (axes,) = canvas(9, 3.6)
    many = len(reports)
    for n, (name, report) in enumerate(reports.items()):
        shares = [report.shares[fact] for fact in FACTS]
        places = [fact + (n - (many - 1) / 2) * 0.8 / many for fact in range(len(FACTS))]
        right = [share.right for share in shares]
        errors = [
            [max(0.0, s.right - s.low) for s in shares],
            [max(0.0, s.high - s.right) for s in shares],
        ]
        look = {"ecolor": INK, "lw": 1}
        axes.bar(places, right, 0.72 / many, yerr=errors, color=COLORS[n], label=name, error_kw=look)
    axes.set_xticks(range(len(FACTS)), FACTS)
    axes.set(ylim=(0, 1.03), xlabel="fact", ylabel="share of captions", title=title)
    axes.grid(axis="x", visible=False)
    figure.legend(loc="outside right center")
    return figure


def places(prefix_length: int, words: Sequence[str]) -> Figure:
    """Draw the places of a prefix and a caption: what the model reads at each one, and what comes next."""
    N, T = prefix_length, len(words)
    figure, (axes,) = canvas(1.0 + 0.95 * (N + T), 2.6)
    read = [f"v{n}" for n in range(N)] + list(words)
    following = [*read[1:], "?"]
    for place, (here, ahead) in enumerate(zip(read, following, strict=True)):
        color = IMAGE_COLOR if place < N else TEXT_COLOR
        _box(axes, place, 0, here, color, "white")
        if place >= N - 1 and ahead != "?":
            axes.annotate("", (place, 0.78), (place, 0.34), arrowprops={"arrowstyle": "->", "color": MUTED})
            _box(axes, place, 1.1, ahead, "white", INK)
        else:
            axes.text(place, 1.1, "not asked", ha="center", va="center", size=8, color=MUTED)
        axes.text(place, -0.62, f"{place}", ha="center", va="center", size=9, color=MUTED)
    for height, label in ((0, "reads"), (1.1, "should say"), (-0.62, "place")):
        axes.text(-0.75, height, label, ha="right", va="center", size=9, color=INK)
    axes.set(xlim=(-1.9, N + T - 0.4), ylim=(-0.95, 1.6), title=f"{N} vectors of a prefix, {T} tokens of a caption")
    axes.set_axis_off()
    return figure


def _box(axes: Axes, x: float, y: float, text: str, fill_color: str, ink: str) -> None:
    look = {"boxstyle": "round,pad=0.35", "facecolor": fill_color, "edgecolor": MUTED}
    axes.text(x, y, text, ha="center", va="center", size=9.5, color=ink, bbox=look)


def next_words(rows: Mapping[str, Tensor], names: Sequence[str], title: str, top: int = 12) -> Figure:
    """Draw the probabilities (V,) of the next token at several settings; the likeliest of the first one are shown."""
    figure, panels = canvas(2.6 * len(rows) + 1, 3.4, columns=len(rows))
    order = next(iter(rows.values())).argsort(descending=True)[:top].tolist()
    most = 1.1 * max(float(probabilities.max()) for probabilities in rows.values())
    for n, (axes, (name, probabilities)) in enumerate(zip(panels, rows.items(), strict=True)):
        values = probabilities[order].tolist()
        axes.barh(range(top), values, color=TEXT_COLOR)
        for place, value in enumerate(values):
            if value == 0:
                axes.text(most / 100, place, "0", va="center", size=8, color=MUTED)
        axes.set_yticks(range(top), [names[k] for k in order] if n == 0 else [""] * top)
        possible = int((probabilities > 0).sum())
        axes.set(xlim=(0, most), ylim=(top - 0.4, -0.6), xlabel="probability", ylabel="next token" if n == 0 else "")
        axes.set_title(f"{name}\n{possible:,} can be drawn", fontsize=10)
        axes.grid(axis="y", visible=False)
    figure.suptitle(title)
    return figure


def training_figure(history: Sequence[Mapping[str, float]]) -> Figure:
    """Draw the loss of a training and, where it was looked at, how many captions differ and how many are right."""
    figure, (loss, told) = canvas(9, 3.2, columns=2)
    loss.plot([one["step"] for one in history], [one["loss"] for one in history], color=INK)
    loss.set(title="Loss", xlabel="step", ylabel="nats a token", ylim=(0, None))
    looked = [one for one in history if "distinct" in one]
    steps = [one["step"] for one in looked]
    for name, label, color in (("distinct", "captions that differ", COLORS[5]), ("right", "all facts right", RIGHT)):
        told.plot(steps, [one[name] for one in looked], "o-", color=color, label=label, clip_on=False)
    told.set(title="Captions of new combinations", xlabel="step", ylabel="share", ylim=(0, 1))
    told.legend()
    return figure


def fact_curves(run: Mapping[str, Sequence[float]], batch_size: int, yours: tuple[int, float]) -> Figure:
    """Draw what a captioner was right about on its way, over the captions seen, and one other captioner as a dot.

    Args:
        run: "step" and a share for each fact, as the training of captioners records them.
        yours: captions seen, and the share that is right in all facts.
    """
    figure, (axes,) = canvas(8, 3.6)
    seen = [step * batch_size for step in run["step"]]
    for fact, color in zip(FACTS, (COLORS[0], COLORS[5], COLORS[3], COLORS[2], INK), strict=True):
        axes.plot(seen, run[fact], color=color, label=fact, linestyle="--" if fact == "all facts" else "-")
    axes.plot(*yours, "o", color=TEXT_COLOR, markersize=9, label="yours, all facts")
    axes.set(xlabel="captions seen", ylabel="share of captions", ylim=(0, 1.03), title="The facts come one by one")
    axes.xaxis.set_major_formatter(THOUSANDS)
    figure.legend(loc="outside right center")
    return figure


def word_nats(rows: Sequence[tuple[Any, Sequence[str], Sequence[float]]], most: float, title: str) -> Figure:
    """Draw for several images how many nats the image adds to each token of its caption.

    Args:
        rows: image, tokens, and a number for each token.
        most: the largest number there can be, ln M; a dashed line.
    """
    figure, axes = canvas(9, 2.3 * len(rows) + 0.5, len(rows), 2)
    for row, (image, tokens, nats) in enumerate(rows):
        axes[2 * row].imshow(as_image(image))
        axes[2 * row].set_axis_off()
        bars = axes[2 * row + 1]
        bars.bar(range(len(nats)), nats, color=[IMAGE_COLOR if value > 0.5 else FAINT for value in nats])
        for place, value in enumerate(nats):
            if value > 0.5:
                bars.text(place, value, f"{value:.1f}", ha="center", va="bottom", size=8.5)
        bars.set_xticks(range(len(tokens)), tokens, rotation=30, ha="right")
        bars.set(ylabel="nats", ylim=(min(-0.3, *nats), most * 1.18))
        bars.axhline(most, color=MUTED, linestyle="--", linewidth=1)
        bars.grid(axis="x", visible=False)
        if row == len(rows) - 1:
            bars.set_xlabel("token of the caption")
    figure.suptitle(title)
    return figure
