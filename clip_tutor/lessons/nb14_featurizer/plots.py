"""The probe's board of notebook 14, and the images of a task: plain functions to a matplotlib ``Figure``."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import fill
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from clip_tutor.evaluation.featurizer import Labelled, few_of_each, fit_probe
from clip_tutor.lab.plots.style import COLORS, FAINT, IMAGE_COLOR, INK, MUTED, TEXT_COLOR, canvas
from clip_tutor.lab.widgets.gallery import as_image
from clip_tutor.lessons.nb14_featurizer.subjects import Subject
from clip_tutor.lessons.nb14_featurizer.tasks import Task, shuffled

RIGHT, WRONG = COLORS[2], COLORS[3]
SHOWN = 12  # test images beside the bars


def classes_figure(task: Task, title: str, columns: int = 5) -> Figure:
    """Draw one training image of each class with its name."""
    M = len(task.classes)
    rows = -(-M // columns)
    figure, axes = canvas(1.75 * columns, 2.0 * rows + 0.4, rows=rows, columns=columns, image=True)
    for m, one in enumerate(axes[:M]):
        place = int((task.train.labels == m).nonzero()[0])
        one.imshow(as_image(task.train.pixels[place]))
        one.set_title(fill(task.classes[m], 16), size=8.5, loc="center")
    figure.suptitle(title)
    return figure


def probe_board(
    subjects: Mapping[str, Subject],
    task: str,
    vectors: str,
    images_a_class: int,
    log10_λ: float,
    shuffled_labels: bool,
) -> Figure:
    """Draw how often one probe is right on training, validation and test images, and what it says of some of these.

    Args:
        subjects: by the name of their task.
        vectors: where they were read, a key of `Subject.vectors`.
        images_a_class: how many of each class it is fitted to, at most as many as there are.
        shuffled_labels: deal the training labels out anew.
    """
    subject = subjects[task]
    train, validation, test = subject.vectors[vectors]
    fewest = int(train.labels.bincount().min())
    rows = few_of_each(train.labels, min(images_a_class, fewest))
    some = Labelled(train.features[rows], train.labels[rows])
    probe = fit_probe(shuffled(some) if shuffled_labels else some, 10.0**log10_λ)
    fitted = shuffled(some) if shuffled_labels else some
    shares = {
        f"the {len(rows)} training images": probe.hits(fitted),
        "validation images": probe.hits(validation),
        "test images": probe.hits(test),
    }
    figure = Figure(figsize=(11, 4.3), layout="constrained")
    halves: Any = figure.subfigures(1, 2, width_ratios=(1, 1.25))
    left, right = halves
    _shares(left.subplots(), shares, subject)
    _said(right.subplots(3, SHOWN // 3), subject, probe.predict(test.features))
    how = " with shuffled labels" if shuffled_labels else ""
    stopped = "" if probe.converged else " (stopped after the last iteration)"
    figure.suptitle(f"A probe on {subject.task.name}, {vectors}, λ = {10.0**log10_λ:.2g}{how}{stopped}")
    return figure


def _shares(axes: Axes, shares: Mapping[str, torch.Tensor], subject: Subject) -> None:
    values = [hits.double().mean().item() for hits in shares.values()]
    bars = axes.barh(range(len(values)), values, color=[FAINT, MUTED, IMAGE_COLOR], height=0.6)
    axes.bar_label(bars, [f"{value:.0%}" for value in values], padding=4, size=9)
    axes.axvline(subject.zero_shot.double().mean().item(), color=TEXT_COLOR, label="zero-shot, test images")
    axes.axvline(1 / len(subject.task.classes), color=MUTED, linestyle="--", linewidth=1.2, label="guessing")
    axes.set_yticks(range(len(values)), list(shares))
    axes.set(xlim=(0, 1.12), ylim=(len(values) - 0.5, -0.5), xlabel="share of right answers")
    axes.set_xticks([0, 0.5, 1], ["0", "½", "1"])
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2)


def _said(axes: Any, subject: Subject, said: torch.Tensor) -> None:
    """Show test images from all classes, each with what the probe says of it, green where that is right."""
    task = subject.task
    step = len(task.test.labels) // SHOWN
    for k, one in enumerate(axes.flat):
        n = k * step
        one.imshow(as_image(task.test.pixels[n]))
        one.set_axis_off()
        right = said[n] == task.test.labels[n]
        one.set_title(
            fill(task.classes[int(said[n])], 18), size=7, color=RIGHT if right else WRONG, loc="center", pad=3
        )


def erased_figure(before: Mapping[str, float], after: Mapping[str, float], chances: Mapping[str, float]) -> Figure:
    """Draw two accuracies before and after something was taken out of the vectors; a dash is guessing."""
    figure, (axes,) = canvas(8.4, 2.9)
    for row, name in enumerate(before):
        axes.plot([before[name], after[name]], [row, row], color=FAINT, linewidth=4, zorder=1)
        axes.plot(before[name], row, "o", color=INK, markersize=9, fillstyle="none")
        axes.plot(after[name], row, "o", color=IMAGE_COLOR, markersize=9)
        axes.plot(chances[name], row, "|", color=MUTED, markersize=16, markeredgewidth=2)
    axes.plot([], [], "o", color=INK, fillstyle="none", label="before", linestyle="")
    axes.plot([], [], "o", color=IMAGE_COLOR, label="after", linestyle="")
    axes.plot([], [], "|", color=MUTED, markersize=11, markeredgewidth=2, label="guessing", linestyle="")
    axes.set_yticks(range(len(before)), list(before))
    axes.set(
        xlim=(0, 1.02),
        ylim=(len(before) - 0.5, -0.5),
        xlabel="test accuracy",
        title="What was taken out, and what it cost",
    )
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
    figure.legend(loc="outside lower center", ncols=3)
    return figure
