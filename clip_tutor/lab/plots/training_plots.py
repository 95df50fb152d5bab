"""The figures of training: what a model learned when, how sure one can be of it, and what its temperature does.

Like those of `lab.plots.common`, plain functions from data to a matplotlib ``Figure``.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from matplotlib.figure import Figure

from clip_tutor.evaluation.retrieval import bootstrap_interval
from clip_tutor.lab.plots.common import pairs_seen
from clip_tutor.lab.plots.style import COLORS, INK, MUTED, SEQUENTIAL, TEXT_COLOR, THOUSANDS, canvas
from clip_tutor.lab.widgets.gallery import as_image

SCALES = [100 ** (n / 50) for n in range(51)]  # 1 / temperature, from the least to the most that training allows


def film_strip(
    frames: Sequence[Any], names: Sequence[str], images: Sequence[Any] = (), title: str = "The diagonal appears"
) -> Figure:
    """Draw similarities (M, M) of the same pairs at several moments side by side, all on one scale of colors.

    Rows are captions, columns images: the M ``images`` stand above their columns.
    """
    if len(names) != len(frames):
        raise ValueError(f"{len(frames)} frames need as many names, not {len(names)}")
    values = [torch.as_tensor(frame).detach().float().cpu() for frame in frames]
    figure, panels = canvas(1.85 * len(values) + 0.9, 2.75 if len(images) else 2.5, columns=len(values))
    low, high = min(float(frame.min()) for frame in values), max(float(frame.max()) for frame in values)
    for axes, frame, name in zip(panels, values, names, strict=True):
        shades = axes.imshow(frame.numpy(), cmap=SEQUENTIAL, vmin=low, vmax=high)
        for m, image in enumerate(images):
            axes.imshow(as_image(image), extent=(m - 0.46, m + 0.46, -0.65, -1.57))
        M = len(frame)
        axes.set(xlim=(-0.5, M - 0.5), ylim=(M - 0.5, -1.7 if len(images) else -0.5), xticks=[], yticks=[], title=name)
        axes.set_xlabel("images")
        axes.grid(False)
        axes.set_frame_on(False)
    panels[0].set_ylabel("captions")
    figure.colorbar(shades, ax=panels, shrink=0.75, pad=0.01, label="similarity")
    figure.suptitle(title)
    return figure


def progress(
    history: Sequence[Mapping[str, float]], names: Sequence[str], chance: float, title: str = "What was learned when?"
) -> Figure:
    """Draw how several fractions grew over the pairs seen in training.

    ``names`` are the entries of ``history`` to draw (not every record needs them), ``chance`` is what guessing gives.
    """
    figure, (axes,) = canvas(9, 3.6)
    end = max(1.0, *(pairs_seen(entry) for entry in history))
    axes.axhline(chance, color=MUTED, linestyle="--", linewidth=1.2)
    ends = [(chance, "guessing", MUTED)]
    for color, name in zip(COLORS, names, strict=False):
        pairs, fractions = zip(*((pairs_seen(entry), entry[name]) for entry in history if name in entry), strict=True)
        axes.plot(pairs, fractions, "o-", color=color, markersize=4, clip_on=False)
        ends.append((fractions[-1], name, color))
    height = 2.0
    for fraction, name, color in sorted(ends, reverse=True):  # a name beside the end of its line, none upon another
        height = min(fraction, height - 0.08)
        place: dict[str, Any] = {"xytext": (8, 0), "textcoords": "offset points", "annotation_clip": False}
        axes.annotate(name, (end, height), color=color, va="center", weight="bold", **place)
    axes.xaxis.set_major_formatter(THOUSANDS)
    axes.set(xlabel="pairs seen", ylabel="fraction right", xlim=(0, end), ylim=(0, 1.02), title=title)
    return figure


def accuracies(hits: Mapping[str, Any], chances: Mapping[str, float], title: str) -> Figure:
    """Draw the share of right answers to each question with its 95 % bootstrap interval, beside what guessing gives.

    ``hits`` holds for each question one truth value an answer, ``chances`` the share that a blind guess gets right.
    """
    figure, (axes,) = canvas(9, 0.42 * len(hits) + 1.3)
    for row, (name, values) in enumerate(hits.items()):
        answers = torch.as_tensor(values).float()
        low, high = bootstrap_interval(answers)
        axes.plot([low, high], [row, row], color=TEXT_COLOR, linewidth=5, alpha=0.45, clip_on=False)
        axes.plot(answers.mean(), row, "o", color=TEXT_COLOR, clip_on=False)
        axes.plot(chances[name], row, "|", color=MUTED, markersize=13, markeredgewidth=2)
        told = f"{answers.mean():.3f}  ({low:.3f} to {high:.3f}, n = {len(answers):,})"
        axes.text(1.03, row, told, va="center", size=9.5, transform=axes.get_yaxis_transform())
    axes.plot([], [], "o", color=TEXT_COLOR, label="share of right answers, 95 % interval")
    axes.plot([], [], "|", color=MUTED, markersize=11, markeredgewidth=2, label="blind guessing", linestyle="")
    axes.set_yticks(range(len(hits)), list(hits))
    axes.set(xlim=(0, 1), ylim=(len(hits) - 0.5, -0.5), xlabel="fraction right")
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
    figure.legend(loc="outside lower center", ncols=2)
    figure.suptitle(title)
    return figure


def temperature_board(similarity: Any, scale: float, learned: float) -> Figure:
    """Draw what similarities (N, N) of N pairs become at one temperature: probabilities, and the loss they cost.

    Rows are captions, columns images. ``scale`` is 1 / temperature, ``learned`` the one that training arrived at.
    """
    values = torch.as_tensor(similarity).detach().float().cpu()
    probabilities, loss, N = (scale * values).softmax(dim=1), _loss(values, scale), len(values)
    figure, (left, right) = canvas(10, 4.2, columns=2)
    shades = left.imshow(probabilities.numpy(), cmap=SEQUENTIAL, vmin=0, vmax=1)
    left.set(xticks=[], yticks=[], xlabel="images", ylabel="captions", title="Which image does each caption choose?")
    left.grid(False)
    figure.colorbar(shades, ax=left, shrink=0.8, label="probability")
    right.plot(SCALES, [_loss(values, each) for each in SCALES], color=INK)
    right.axhline(math.log(N), color=MUTED, linestyle="--", linewidth=1.2)
    right.axvline(learned, color=MUTED, linestyle=":", linewidth=1.6)
    right.plot(scale, loss, "o", color=TEXT_COLOR, markersize=10, clip_on=False)
    note: dict[str, Any] = {"textcoords": "offset points", "color": MUTED, "size": 9}
    right.annotate(f"guessing: ln {N} = {math.log(N):.2f}", (1, math.log(N)), xytext=(4, 3), **note)
    right.annotate(f"learned: 1/{learned:.0f}", (learned, 0.6 * math.log(N)), xytext=(5, 0), **note)
    right.set(xscale="log", xlim=(1, 100), ylim=(0, max(1.15 * math.log(N), 1.05 * loss)), title="What does it cost?")
    right.set(xlabel="temperature", ylabel="loss (nats)")
    right.set_xticks([1, 3, 10, 30, 100], ["1", "1/3", "1/10", "1/30", "1/100"])
    right.minorticks_off()
    first = (values.argmax(dim=1) == torch.arange(N)).float().mean()
    sure = probabilities.diagonal().mean()
    figure.suptitle(
        f"Temperature 1/{scale:.0f}: the loss is {loss:.2f}\n"
        f"{first:.0%} of the captions choose their own image, and give it {sure:.0%} on average"
    )
    return figure


def _loss(similarity: torch.Tensor, scale: float) -> float:
    """Return the contrastive loss of (N, N) similarities: `clip_tutor.losses` once the vectors have been compared."""
    right = torch.arange(len(similarity))
    logits = scale * similarity
    return float(F.cross_entropy(logits, right) + F.cross_entropy(logits.T, right)) / 2
