"""Tables and strips of notebook 07: who is pulled, who is pushed, and how hard, at one temperature and at another.

    pull_and_push   the gradient of the loss with respect to each logit, beside the captions and below the images
    push_strip      one caption, all images from near to far, and how it shares out its push among them
    push_board      the same at one temperature, above probabilities, gradient and loss
    painted_board   the gradient as training has it, and the one after some cells were called right as well

Tables are (N, N), a row for each caption and a column for each image, as in `lab.plots.similarity_matrix`.
"""

import math
from collections.abc import Sequence
from textwrap import fill
from typing import Any

import torch
import torch.nn.functional as F
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from clip_tutor.lab.plots.style import COLORS, IMAGE_COLOR, INK, MUTED, SEQUENTIAL, TEXT_COLOR, canvas
from clip_tutor.lab.plots.training_plots import SCALES
from clip_tutor.lab.widgets.gallery import as_image

PULL_COLOR, PUSH_COLOR = COLORS[2], COLORS[3]  # green and purple
PULL_AND_PUSH = "PiYG_r"  # below 0 green, above 0 purple


def loss_of(logits: Tensor, right: Tensor | None = None) -> Tensor:
    """Return the mean of both directions' cross-entropies over (N, N) logits.

    ``right`` (N, N) says which cells are right, only the diagonal by default. Where a row or a column has several,
    they share its 100 %.
    """
    table = torch.eye(len(logits)) if right is None else right.float()
    rows, columns = (part / part.sum(dim=1, keepdim=True) for part in (table, table.T))
    return (F.cross_entropy(logits, rows) + F.cross_entropy(logits.T, columns)) / 2


def gradient_of(logits: Tensor, right: Tensor | None = None) -> Tensor:
    """Return (N, N): how much the loss grows with each logit. Below 0 a cell is pulled up, above 0 pushed down."""
    logits = logits.detach().clone().requires_grad_()
    return torch.autograd.grad(loss_of(logits, right), logits)[0]


def push_shares(similarity: Tensor, scale: float) -> Tensor:
    """Return (N, N): how each caption shares out its push among the wrong images; rows sum to 1, the diagonal is 0.

    It is a softmax over the wrong ones alone: the relative penalty of Wang and Liu 2021.
    """
    own = torch.eye(len(similarity), dtype=torch.bool)
    return (scale * similarity).masked_fill(own, -torch.inf).softmax(dim=1)


def pull_and_push(gradient: Any, images: Sequence[Any], captions: Sequence[str], title: str) -> Figure:
    """Draw a gradient (N, N): cells that are pulled up in green, cells that are pushed down in purple.

    The deepest colors belong to the hardest push; pulls are a sum of many pushes, and most are off the scale.
    """
    N = len(images)
    figure, (axes,) = canvas(9.4, 6.6)
    _gradient_table(axes, torch.as_tensor(gradient).detach(), numbers=N <= 10)
    for n, image in enumerate(images):
        above = axes.inset_axes((n - 0.46, -1.5, 0.92, 0.92), transform=axes.transData)
        above.imshow(as_image(image))
        above.set_axis_off()
    axes.set_yticks(range(N), [fill(caption, 36) for caption in captions])
    axes.tick_params(length=0)
    figure.suptitle(title)
    return figure


def _gradient_table(axes: Axes, gradient: Tensor, numbers: bool = False, most: float | None = None) -> None:
    """Draw a gradient (N, N); ``most`` is the push that gets the deepest color, by default its own hardest."""
    N, most = len(gradient), max(float(gradient.max()) if most is None else most, 1e-9)
    axes.imshow(gradient.numpy(), cmap=PULL_AND_PUSH, vmin=-most, vmax=most)
    for m in range(N if numbers else 0):
        for n, value in enumerate(gradient[m].tolist()):
            color = "white" if abs(value) > 0.7 * most else INK
            told = f"{value:+.3f}".replace("-", "−").replace("−0.000", "0").replace("+0.000", "0")
            axes.text(n, m, told, ha="center", va="center", size=8, color=color)
    _table(axes)


def _table(axes: Axes) -> None:
    axes.set(xticks=[], yticks=[])
    axes.set_xlabel("images", color=IMAGE_COLOR)
    axes.set_ylabel("captions", color=TEXT_COLOR)
    axes.grid(False)
    axes.set_frame_on(False)


def push_strip(similarity: Tensor, row: int, scales: Sequence[float], images: Sequence[Any], caption: str) -> Figure:
    """Draw what one caption does to the N images of its batch, at several temperatures one below the other.

    Args:
        similarity: (N, N) cosines.
        row: the caption.
        scales: 1 / temperature, one for each row of bars.
        images: N images.
        caption: its words.
    """
    figure = Figure(figsize=(11, 1.9 + 0.95 * len(scales)), layout="constrained")
    grid = figure.add_gridspec(1 + len(scales), 1, height_ratios=[1.0] + [1.1] * len(scales))
    order = _near_to_far(similarity, row)
    _images_in_a_row(figure.add_subplot(grid[0]), [images[n] for n in order])
    for place, scale in enumerate(scales, 1):
        axes = figure.add_subplot(grid[place])
        _push_bars(axes, push_shares(similarity, scale)[row, order[1:]])
        axes.set_ylabel(_temperature(scale), rotation=0, ha="right", va="center")
    axes.set_xlabel("images of the batch, from near to far; bars: their share of the push")
    figure.suptitle(f"“{caption}”: whom does it push away?")
    return figure


def _temperature(scale: float) -> str:
    return "temperature\n" + ("1" if scale == 1 else f"1/{scale:.0f}")


def _near_to_far(similarity: Tensor, row: int) -> list[int]:
    """Return the columns in the order of their similarity, but its own before all others."""
    return [row, *(n for n in similarity[row].argsort(descending=True).tolist() if n != row)]


def _images_in_a_row(axes: Axes, images: Sequence[Any]) -> None:
    """Draw images side by side, one above each bar; the first, which is the right one, in a frame."""
    axes.set(xlim=(-0.6, len(images) - 0.4), ylim=(0, 1))
    axes.set_axis_off()
    for n, image in enumerate(images):
        place = axes.inset_axes((n - 0.47, 0, 0.94, 0.78), transform=axes.transData)
        place.imshow(as_image(image))
        place.set(xticks=[], yticks=[])
        for spine in place.spines.values():
            spine.set(visible=n == 0, color=PULL_COLOR, linewidth=3.5)
    names = {0: ("its own", PULL_COLOR), 1: ("nearest", MUTED), len(images) - 1: ("farthest", MUTED)}
    for n, (name, color) in names.items():
        axes.text(n, 0.86, name, ha="center", va="bottom", size=9, color=color)


def _push_bars(axes: Axes, shares: Tensor) -> None:
    """Draw the shares (N - 1,) of a push, each below the image that it falls on."""
    values = shares.tolist()
    drawn = axes.bar(range(1, len(values) + 1), values, color=PUSH_COLOR, width=0.7)
    axes.bar_label(drawn, [f"{value:.0%}" if value >= 0.005 else "" for value in values], size=9, padding=2)
    axes.set(xlim=(-0.6, len(values) + 0.6), ylim=(0, 1.25), xticks=[], yticks=[])
    axes.grid(False)
    axes.spines["left"].set_visible(False)


def push_board(similarity: Tensor, scale: float, row: int, images: Sequence[Any], captions: Sequence[str]) -> Figure:
    """Draw a batch of N pairs at one temperature: one caption's push, all probabilities, all gradients, and the loss.

    ``similarity`` is (N, N); ``scale`` is 1 / temperature; ``row`` the caption whose push is shown.
    """
    N, logits = len(similarity), scale * similarity
    figure = Figure(figsize=(11, 6.6), layout="constrained")
    grid = figure.add_gridspec(3, 3, height_ratios=[0.9, 1.0, 3.6])
    order = _near_to_far(similarity, row)
    _images_in_a_row(figure.add_subplot(grid[0, :]), [images[n] for n in order])
    bars = figure.add_subplot(grid[1, :])
    _push_bars(bars, push_shares(similarity, scale)[row, order[1:]])
    bars.set_ylabel("share of\nthe push", rotation=0, ha="right", va="center")
    left, middle, right = (figure.add_subplot(grid[2, column]) for column in range(3))
    left.imshow(logits.softmax(dim=1).numpy(), cmap=SEQUENTIAL, vmin=0, vmax=1)
    _table(left)
    left.set_title("Probabilities of the rows")
    gradient = gradient_of(logits)
    _gradient_table(middle, gradient)
    middle.set_title(f"Gradient: all pushes {gradient.clamp(min=0).sum():.3f}")
    for table in (left, middle):
        table.add_patch(Rectangle((-0.5, row - 0.5), N, 1, fill=False, edgecolor=TEXT_COLOR, lw=1.5, clip_on=False))
    _loss_curve(right, similarity, scale)
    sure = logits[row].softmax(dim=0)[row]
    figure.suptitle(
        f"Temperature {'1' if scale == 1 else f'1/{scale:.0f}'}: the loss is {loss_of(logits):.3f}\n"
        f"“{captions[row]}” gives its own image {sure:.1%}"
    )
    return figure


def _loss_curve(axes: Axes, similarity: Tensor, scale: float) -> None:
    """Draw the loss over the temperature, with a dot where it stands now."""
    guessing, loss = math.log(len(similarity)), float(loss_of(scale * similarity))
    axes.plot(SCALES, [float(loss_of(each * similarity)) for each in SCALES], color=INK)
    axes.axhline(guessing, color=MUTED, linestyle="--", linewidth=1.2)
    note: dict[str, Any] = {"xytext": (4, 3), "textcoords": "offset points", "color": MUTED, "size": 9}
    axes.annotate(f"guessing: ln {len(similarity)} = {guessing:.2f}", (1, guessing), **note)
    axes.plot(scale, loss, "o", color=TEXT_COLOR, markersize=10, clip_on=False)
    axes.set(xscale="log", xlim=(1, 100), ylim=(0, max(1.15 * guessing, 1.05 * loss)), title="Loss")
    axes.set(xlabel="temperature", ylabel="loss (nats)")
    axes.set_xticks([1, 10, 100], ["1", "1/10", "1/100"])
    axes.minorticks_off()


def painted_board(similarity: Tensor, scale: float, painted: Tensor) -> Figure:
    """Draw the gradient with only the diagonal right, and with the cells right that were ``painted`` (N, N) as well.

    Both have one scale of colors. Where several cells of a row are right, the loss cannot fall to 0, since no answer
    gives each of them 100 %: how low it can fall stands beside it.
    """
    logits = scale * similarity
    own = torch.eye(len(logits), dtype=torch.bool)
    figure, panels = canvas(11, 5.2, columns=2)
    most = float(gradient_of(logits).max())
    both = own | painted
    names = (
        f"Only the diagonal is right\nloss {loss_of(logits):.2f}",
        f"Painted cells are right, too\nloss {loss_of(logits, both):.2f}, at best {lowest_loss(both):.2f}",
    )
    for axes, name, right in zip(panels, names, (own, both), strict=True):
        _gradient_table(axes, gradient_of(logits, right), numbers=True, most=most)
        axes.set_title(name)
        for m, n in painted.nonzero().tolist():
            axes.add_patch(Rectangle((n - 0.47, m - 0.47), 0.94, 0.94, fill=False, edgecolor=INK, linewidth=1.8))
    figure.suptitle("What the loss does to each cell: green is pulled up, purple is pushed down")
    return figure


def lowest_loss(right: Tensor) -> float:
    """Return what a perfect model would still pay where several cells (N, N) of a row or column are right: ln of how
    many, the mean over all of them."""
    counts = torch.cat([right.sum(dim=0), right.sum(dim=1)])
    return float(counts.float().log().mean())
