"""The modality gap as a figure: both cones, all cosines, and what moving the captions does to recall and loss."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Wedge
from torch import Tensor

from clip_tutor.evaluation.modality_gap import GapCurve, gap_vector, modality_gap, move_texts
from clip_tutor.lab.plots.style import COLORS, FAINT, IMAGE_COLOR, INK, MUTED, TEXT_COLOR, THOUSANDS

PAIR_COLOR, OTHER_COLOR = COLORS[2], COLORS[3]
_MOST_DOTS = 400  # of each kind: more hide each other
_MOST_ROWS = 500  # whose cosines are counted: a quarter of a million values


class GapFrame(NamedTuple):
    """One moment of a training: the vectors (N, E) of N pairs, always of the same ones."""

    pairs_seen: float
    image_features: Tensor
    text_features: Tensor


def gap_figure(
    frame: GapFrame, curve: GapCurve, amount: float = 0.0, history: Sequence[tuple[float, float]] = ()
) -> Figure:
    """Draw the cones of a frame, its captions moved by ``amount`` of the gap, and where that lies on the curves.

    Args:
        curve: of the same frame, from `along_the_gap`.
        history: pairs seen and gap of every frame, for the last panel; with fewer than two, that panel shows what
            is left of the gap at each amount.
    """
    moved = frame._replace(
        text_features=move_texts(frame.text_features, gap_vector(frame.image_features, frame.text_features), amount)
    )
    figure = Figure(figsize=(10.2, 6.6))  # places that never change need no search for a layout, and draw twice as fast
    panels = list(figure.subplots(2, 3).flat)
    figure.subplots_adjust(left=0.07, right=0.98, top=0.87, bottom=0.08, wspace=0.32, hspace=0.42)
    plane = gap_plane(frame.image_features, frame.text_features)
    _cones(panels[0], moved, plane)
    _told_apart(panels[1], moved)
    _cosines(panels[2], moved)
    _along(panels[3], curve, amount, {"text → image": curve.text_to_image, "image → text": curve.image_to_text})
    panels[3].set(title="Recall@1", ylabel="share found first", ylim=(0, 1.05))
    high = np.mean(curve.text_to_image) > 0.5
    panels[3].legend(loc="lower center" if high else "upper center", fontsize=8)
    _along(panels[4], curve, amount, {"": curve.losses})
    guessing, highest = math.log(len(frame.image_features)), max(curve.losses)
    panels[4].axhline(guessing, color=MUTED, linestyle="--", linewidth=1)
    panels[4].set(title="Loss", ylabel="nats", ylim=(0, max(1.25 * highest, 1e-3)))
    if guessing < 1.2 * highest:
        panels[4].set_title("Loss (dashed: guessing)")
    if len(history) > 1:
        _through_training(panels[5], history, frame.pairs_seen)
    else:
        _along(panels[5], curve, amount, {"": curve.gaps})
        panels[5].set(title="Gap that is left", ylabel="length", ylim=(0, None))
    measured = modality_gap(moved.image_features, moved.text_features)
    figure.suptitle(
        f"After {frame.pairs_seen:,.0f} pairs, captions moved by {amount:+.2f} gap vectors: "
        f"a gap of {measured.gap:.2f} is left"
    )
    return figure


def gap_plane(image_features: Tensor, text_features: Tensor) -> Tensor:
    """Return (2, E): along the gap vector, and what images and captions have in common at a right angle to it.

    Where there is no gap, or nothing in common, the widest directions of all vectors stand in.
    """
    both = torch.cat([image_features, text_features])
    centered = both - both.mean(dim=0)
    _, directions = torch.linalg.eigh(centered.T @ centered)  # (E, E), the widest last
    candidates = [gap_vector(image_features, text_features), both.mean(dim=0), *directions.T[[-1, -2]]]
    plane: list[Tensor] = []
    for vector in candidates:
        rest = vector - sum((vector @ one) * one for one in plane)
        if rest.norm() > 1e-4 and len(plane) < 2:
            plane.append(F.normalize(rest, dim=0))
    while len(plane) < 2:  # all vectors are one and the same
        plane.append(torch.zeros_like(candidates[0]))
    return torch.stack(plane)


def cone_angle(features: Tensor) -> float:
    """Return the mean angle between unit vectors (N, E) and their mean, in degrees."""
    cosines = features @ F.normalize(features.mean(dim=0), dim=0)
    return float(torch.rad2deg(cosines.clamp(-1, 1).acos()).mean())


def _cones(axes: Axes, frame: GapFrame, plane: Tensor) -> None:
    axes.add_patch(Circle((0, 0), 1, fill=False, edgecolor=FAINT, linewidth=1.2))
    means: list[tuple[float, float]] = []
    for features, color, label in (
        (frame.image_features, IMAGE_COLOR, "images"),
        (frame.text_features, TEXT_COLOR, "captions"),
    ):
        xy = (features[:_MOST_DOTS] @ plane.T).numpy()  # (N, 2)
        mean = (features.mean(dim=0) @ plane.T).numpy()
        angle = cone_angle(features)
        middle = math.degrees(math.atan2(mean[1], mean[0]))
        axes.add_patch(Wedge((0, 0), 1, middle - angle, middle + angle, facecolor=color, alpha=0.13))
        axes.scatter(xy[:, 0], xy[:, 1], s=6, color=color, linewidths=0, alpha=0.55)
        axes.plot([0, mean[0]], [0, mean[1]], color=color, linewidth=2, label=f"{label}: ±{angle:.0f}°")
        means.append((float(mean[0]), float(mean[1])))
    axes.annotate(
        "", means[0], means[1], arrowprops={"arrowstyle": "-|>", "color": INK, "linewidth": 1.8, "shrinkA": 0}
    )
    axes.set(title="The two cones", xlim=(-1.1, 1.1), ylim=(-1.1, 1.1), aspect="equal")
    axes.set(xlabel="along the gap", ylabel="what both have in common", xticks=[-1, 0, 1], yticks=[-1, 0, 1])
    axes.legend(loc="lower left", fontsize=8, borderaxespad=0.1, handlelength=1)


def _told_apart(axes: Axes, frame: GapFrame) -> None:
    vector = F.normalize(gap_vector(frame.image_features, frame.text_features), dim=0)
    share = modality_gap(frame.image_features, frame.text_features).told_apart
    for features, color, label in (
        (frame.image_features, IMAGE_COLOR, "images"),
        (frame.text_features, TEXT_COLOR, "captions"),
    ):
        _histogram(axes, (features @ vector).numpy(), color, label)
    axes.set(
        title=f"Along the gap: {share:.0%} told apart", xlabel="place along what is left of the gap", ylabel="share"
    )
    axes.legend(loc="upper left", fontsize=8)


def _cosines(axes: Axes, frame: GapFrame) -> None:
    images, texts = frame.image_features[:_MOST_ROWS], frame.text_features[:_MOST_ROWS]
    others = ~torch.eye(len(images), dtype=torch.bool)
    for values, color, label in (
        ((images @ images.T)[others], IMAGE_COLOR, "image, image"),
        ((texts @ texts.T)[others], TEXT_COLOR, "caption, caption"),
        ((images @ texts.T)[others], OTHER_COLOR, "image, other caption"),
        ((images * texts).sum(dim=1), PAIR_COLOR, "image, own caption"),
    ):
        _histogram(axes, values.numpy(), color, label)
    axes.set(title="Cosines", xlabel="cosine similarity", ylabel="share", xlim=(-1.02, 1.02))
    axes.legend(loc="upper left", fontsize=7.5)


def _histogram(axes: Axes, values: np.ndarray, color: str, label: str) -> None:
    counts, edges = np.histogram(np.clip(values, -1, 1), bins=50, range=(-1, 1))
    axes.stairs(counts / max(counts.sum(), 1), edges, color=color, fill=True, alpha=0.12)
    axes.stairs(counts / max(counts.sum(), 1), edges, color=color, linewidth=1.5, label=label)


def _along(axes: Axes, curve: GapCurve, amount: float, lines: dict[str, Sequence[float]]) -> None:
    for (label, values), color in zip(
        lines.items(), (IMAGE_COLOR, TEXT_COLOR) if len(lines) > 1 else (INK,), strict=True
    ):
        here = float(np.interp(amount, curve.amounts, values))
        # The color is that of what is looked for.
        axes.plot(curve.amounts, values, color=color, label=label or None)
        axes.plot(amount, here, "o", color=color, markersize=7, clip_on=False, zorder=5)
    last = next(reversed(lines.values()))
    value = float(np.interp(amount, curve.amounts, last))
    below = len(lines) > 1 and value > 0.5  # a recall near 1 has no room above
    axes.annotate(
        f"{value:.2f}", (amount, value), (0, -14 if below else 9), textcoords="offset points", ha="center", size=9
    )
    axes.axvline(amount, color=MUTED, linewidth=0.8, linestyle=":")
    axes.set(xlabel="captions moved, in gap vectors")


def _through_training(axes: Axes, history: Sequence[tuple[float, float]], now: float) -> None:
    seen, gaps = zip(*history, strict=True)
    axes.plot(seen, gaps, "o-", color=INK, markersize=3)
    axes.plot(now, gaps[seen.index(now)], "o", color=COLORS[2], markersize=9, clip_on=False, zorder=5)
    axes.set(title="Gap through training", xlabel="pairs seen", ylabel="length of the gap", ylim=(0, None))
    axes.xaxis.set_major_formatter(THOUSANDS)
    axes.locator_params(axis="x", nbins=3)
