"""What the contrastive loss wants when no network stands in its way: free vectors on a sphere, moved by it alone.

images in one cap     ╲                        pairs side by side, all over the sphere
captions in another   ╱  ─ settle(scale) ─▶    or two clouds that never meet: it depends on the temperature
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from torch import Tensor

from clip_tutor.lab.plots.style import COLORS, FAINT, IMAGE_COLOR, INK, MUTED, TEXT_COLOR, canvas
from clip_tutor.losses import contrastive_loss

SPREAD = 0.25  # of a cap, in parts of the sphere's radius
LEARNING_RATE = 0.05


class Moment(NamedTuple):
    """Where all vectors are after some steps, and what the loss says to it."""

    images: Tensor  # (N, 3), unit length
    texts: Tensor  # (N, 3), unit length
    loss: float


def settle(scale: float, steps: int = 300, pairs: int = 24, seed: int = 0) -> list[Moment]:
    """Let N pairs be moved by the loss alone, at temperature 1 / ``scale``; return every moment, from before step 1 on.

    Images begin close together, and captions too, a quarter of the sphere away: as two towers with random weights
    would place them.
    """
    random = torch.Generator().manual_seed(seed)
    middles = torch.eye(3)[:2]
    images, texts = ((middle + SPREAD * torch.randn(pairs, 3, generator=random)).requires_grad_() for middle in middles)
    optimizer = torch.optim.Adam([images, texts], lr=LEARNING_RATE)
    moments = []
    for _ in range(steps + 1):
        unit_images, unit_texts = F.normalize(images, dim=-1), F.normalize(texts, dim=-1)
        loss = contrastive_loss(unit_images, unit_texts, scale)
        moments.append(Moment(unit_images.detach(), unit_texts.detach(), loss.item()))
        if len(moments) <= steps:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return moments


def sphere_board(moments: Sequence[Moment], step: int, title: str = "Free vectors on a sphere") -> Figure:
    """Draw the sphere after ``step`` steps, front and back, beside the loss so far."""
    figure, (front, back, right) = canvas(11, 4.2, columns=3)
    now, N = moments[step], len(moments[0].images)
    _half(front, now, side=1)
    _half(back, now, side=-1)
    front.set_title("The sphere from the front")
    back.set_title("and from behind")
    top = 1.3 * math.log(N)
    right.plot([moment.loss for moment in moments[: step + 1]], color=INK)
    right.plot(step, min(now.loss, top), "o" if now.loss <= top else "^", color=INK, markersize=8, clip_on=False)
    right.axhline(math.log(N), color=MUTED, linestyle="--", linewidth=1.2)
    right.annotate(f"guessing: ln {N}", (len(moments) - 1, math.log(N)), xytext=(0, 4), textcoords="offset points",
                   color=MUTED, size=9, ha="right")  # fmt: skip
    right.set(title=f"Loss: {now.loss:.3f}", xlabel="steps", ylabel="loss (nats)")
    right.set(xlim=(0, len(moments) - 1), ylim=(0, top))
    figure.suptitle(title)
    return figure


def _half(axes: Axes, moment: Moment, side: int) -> None:
    """Draw what one sees of the sphere: a point (x, y, z) at (x, y) if it lies on this side of it.

    The middles of both caps lie at the sphere's rim, so it is turned by 45° to bring them to the front.
    """
    axes.add_patch(Circle((0, 0), 1, facecolor="none", edgecolor=FAINT, linewidth=2))
    (x, y, z), (u, v, w) = (_turned(points) for points in (moment.images, moment.texts))
    for n in range(len(x)):
        if side * z[n] > 0 or side * w[n] > 0:
            axes.plot([side * x[n], side * u[n]], [y[n], v[n]], color=MUTED, alpha=0.45, linewidth=1)
    look: dict[str, Any] = {"zorder": 3, "clip_on": False}
    axes.scatter(side * x[side * z > 0], y[side * z > 0], s=70, color=IMAGE_COLOR, label="images", **look)
    axes.scatter(side * u[side * w > 0], v[side * w > 0], s=20, color=TEXT_COLOR, label="captions", **look)
    axes.set(xlim=(-1.05, 1.05), ylim=(-1.05, 1.05), xticks=[], yticks=[], aspect="equal")
    axes.grid(False)
    axes.set_frame_on(False)
    if side == 1:
        axes.legend(loc="lower left", bbox_to_anchor=(-0.1, -0.12), ncols=2)


def _turned(points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return how far each of (N, 3) points lies to the right, up, and towards the eye."""
    a, b, c = points.T
    return (b - a) / math.sqrt(2), c, (a + b) / math.sqrt(2)


def alignment_and_uniformity(images: Tensor, texts: Tensor) -> tuple[float, float]:
    """Return how far apart (N, E) unit vectors of pairs are, and how evenly the images are spread; low is good.

    Alignment is the mean squared distance of a pair; uniformity the log of the mean of exp(-2 · squared distance) over
    all couples of two different images. Source: Wang and Isola 2020.
    """
    alignment = (images - texts).square().sum(dim=1).mean()
    uniformity = (-2 * torch.pdist(images).square()).exp().mean().log()
    return alignment.item(), uniformity.item()


def aims_board(runs: Mapping[str, Sequence[Moment]]) -> Figure:
    """Draw runs on the sphere as paths, alignment to the right and uniformity up, a star at the end of each."""
    figure, (axes,) = canvas(8, 4)
    for (name, moments), color in zip(runs.items(), COLORS, strict=False):
        aims = [alignment_and_uniformity(moment.images, moment.texts) for moment in moments[::5]]
        axes.plot(*zip(*aims, strict=True), "o-", markersize=3, linewidth=1, color=color, label=name)
        axes.plot(*aims[-1], "*", markersize=16, color=color)
    axes.set(title="Three ways to the same two aims", xlabel="alignment: squared distance of a pair")
    axes.set_ylabel("uniformity of the images")
    axes.legend()
    return figure
