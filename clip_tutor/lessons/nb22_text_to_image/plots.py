"""Figures of notebook 22: schedules, noisy images, what a mistake becomes, who looks at what, where embeddings lie."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from clip_tutor.lab.plots.style import COLORS, FAINT, IMAGE_COLOR, INK, MUTED, SEQUENTIAL, TEXT_COLOR, THOUSANDS, canvas
from clip_tutor.lab.widgets.gallery import as_image
from clip_tutor.lessons.nb22_text_to_image.worlds import Moment, Word

OBEDIENT = COLORS[2]  # green
MAPS_A_ROW = 6


def schedule_curves(schedules: Mapping[str, Tensor], title: str) -> Figure:
    """Draw ᾱ, (1000,), of several schedules over the timesteps."""
    figure, (axes,) = canvas(7, 3.2)
    for (name, values), color in zip(schedules.items(), COLORS, strict=False):
        axes.plot(values.tolist(), color=color, label=name)
    axes.set(xlabel="timestep t", ylabel="ᾱ: share of the image", ylim=(0, 1.02), title=title)
    axes.legend()
    return figure


def image_rows(rows: Mapping[str, Sequence[Any]], heads: Sequence[str], title: str, side: float = 1.05) -> Figure:
    """Draw rows of images, each row with a name before it, and a heading, if there are any, above each column."""
    columns = max(map(len, rows.values()))
    before = 0.085 * max(map(len, rows)) / side + 0.15  # for the names, in images
    above = 0.25 if any(heads) else 0.0
    figure, (axes,) = canvas(side * (columns + before), side * (len(rows) + above) + 0.45, image=True)
    for y, (name, images) in enumerate(rows.items()):
        axes.text(-0.1, y + 0.5, name, ha="right", va="center", size=9.5)
        for x, image in enumerate(images):
            axes.imshow(as_image(image), extent=(x + 0.03, x + 0.97, y + 0.97, y + 0.03))
    for x, head in enumerate(heads):
        axes.text(x + 0.5, -0.06, head, ha="center", va="bottom", size=8.5, color=MUTED)
    axes.set(xlim=(-before, columns), ylim=(len(rows), -above))
    figure.suptitle(title)
    return figure


def mistakes_grow(alpha_bars: Mapping[str, Tensor], title: str) -> Figure:
    """Draw how large a mistake of 1 in what is predicted becomes in the image, over the timesteps."""
    figure, (axes,) = canvas(7.4, 3.4)
    for (name, values), style in zip(alpha_bars.items(), ("-", "--"), strict=False):
        noise, image = (1 - values).sqrt(), values.sqrt()
        axes.plot((noise / image).tolist(), color=TEXT_COLOR, linestyle=style, label=f"ε predicted, {name}")
        axes.plot(noise.tolist(), color=IMAGE_COLOR, linestyle=style, label=f"v predicted, {name}")
    axes.set(yscale="log", xlabel="timestep t", ylabel="mistake in x_0", title=title)
    axes.yaxis.set_major_formatter("{x:g}")
    axes.legend()
    return figure


def two_scales(title: str) -> Figure:
    """Draw the line from u through c, with the numbers that both conventions write on it."""
    figure, (axes,) = canvas(8.4, 2.5)
    axes.plot([-0.3, 4.4], [0, 0], color=MUTED, linewidth=1.5)
    for s in range(5):
        axes.plot(s, 0, "o", color=TEXT_COLOR if s == 1 else INK if s == 0 else IMAGE_COLOR, markersize=9)
        axes.text(s, -0.34, f"s = {s}", ha="center", va="center", size=9.5)
        axes.text(s, -0.66, f"w = {s - 1}".replace("-", "−"), ha="center", va="center", size=9.5, color=MUTED)
    for s, name in ((0, "u\nno caption"), (1, "c\nthe caption"), (3, "guided")):
        axes.text(s, 0.16, name, ha="center", va="bottom", size=9.5)
    for height, name in ((-0.34, "Imagen, Stable Diffusion"), (-0.66, "Ho and Salimans")):
        axes.text(-0.45, height, name, ha="right", va="center", size=9, color=MUTED)
    axes.set(xlim=(-2.5, 4.5), ylim=(-0.9, 0.8), title=title)
    axes.set_axis_off()
    return figure


def guidance_figure(
    right: Mapping[float, tuple[float, float, float]], apart: Mapping[float, tuple[float, float, float]], title: str
) -> Figure:
    """Draw over the guidance scale which share of images shows what was told, and how far those of a caption differ.

    Args:
        right, apart: for each scale a number and its 95 % interval.
    """
    figure, panels = canvas(9, 3.5, columns=2)
    for axes, values, color, label in (
        (panels[0], right, OBEDIENT, "thing and background as told"),
        (panels[1], apart, COLORS[3], "distance of images of a caption"),
    ):
        places = range(len(values))
        middle = [value for value, _, _ in values.values()]
        errors = [[m - low for m, low, _ in values.values()], [high - m for m, _, high in values.values()]]
        axes.bar(places, middle, 0.6, color=color, yerr=errors, error_kw={"ecolor": INK, "lw": 1.2})
        axes.set_xticks(places, [f"{scale:g}" for scale in values])
        axes.set(xlabel="guidance scale s", ylabel=label, ylim=(0, None))
        axes.grid(axis="x", visible=False)
    panels[0].set_ylim(0, 1)
    figure.suptitle(title)
    return figure


def training_figure(history: Sequence[Mapping[str, float]], shipped: Mapping[str, Sequence[float]]) -> Figure:
    """Draw the loss of one's own training, averaged over ten steps, and beside it that of the kit's denoiser."""
    figure, (own, kit) = canvas(9, 3.2, columns=2)
    losses = [one["loss"] for one in history]
    smooth = [sum(losses[max(0, n - 9) : n + 1]) / len(losses[max(0, n - 9) : n + 1]) for n in range(len(losses))]
    own.plot([one["images"] for one in history], smooth, color=TEXT_COLOR)
    own.set(title="Yours: six things", xlabel="images seen", ylabel="mean squared error of v", ylim=(0, None))
    kit.plot(shipped["images"], shipped["unseen_loss"], color=INK)
    kit.set(title="The kit's: 104 things, unseen scenes", xlabel="images seen", ylim=(0, None))
    kit.set_ylabel("the same")
    for axes in (own, kit):
        axes.locator_params(axis="x", nbins=4)
        axes.xaxis.set_major_formatter(THOUSANDS)
    return figure


def found_over_time(times: Sequence[int], shares: Mapping[str, Sequence[float]], title: str) -> Figure:
    """Draw over the timesteps which share of noisy images finds its caption, for several CLIPs."""
    figure, (axes,) = canvas(7, 3.2)
    for (name, values), color, marker in zip(shares.items(), (IMAGE_COLOR, COLORS[3]), "os", strict=False):
        axes.plot(times, values, color=color, marker=marker, label=name)
    axes.set(xlabel="timestep t", ylabel="share of images", ylim=(0, 1.03), title=title)
    axes.legend()
    return figure


def three_clouds(images: Tensor, embeddings: Mapping[str, Tensor], title: str) -> Figure:
    """Draw image embeddings (B, E) in two dimensions, and beside them, panel by panel, other embeddings of theirs.

    The plane is that of the principal components of the images and of the embeddings that stand first.
    """
    both = torch.cat([images, next(iter(embeddings.values()))])
    center = both.mean(dim=0)
    axis = torch.linalg.svd(both - center, full_matrices=False).Vh[:2]  # (2, E)
    figure, panels = canvas(9.6, 3.5, columns=len(embeddings))
    real = ((images - center) @ axis.T).numpy()  # (B, 2)
    for axes, (name, each) in zip(panels, embeddings.items(), strict=True):
        other = ((each - center) @ axis.T).numpy()
        for (x, y), (to_x, to_y) in zip(other, real, strict=True):
            axes.plot([x, to_x], [y, to_y], color=FAINT, linewidth=0.8, zorder=1)
        axes.plot(*real.T, "o", color=IMAGE_COLOR, markersize=5, label="image", zorder=2)
        axes.plot(*other.T, "^", color=TEXT_COLOR, markersize=5, label="made of the caption", zorder=3)
        axes.set(title=name, xlabel="component 1", ylabel="component 2")
        axes.sharex(panels[0])
        axes.sharey(panels[0])
    panels[-1].legend()
    figure.suptitle(title)
    return figure


def word_maps(image: Any, words: Sequence[Word], shares: Tensor, title: str) -> Figure:
    """Draw an image, and for each of its words where it is looked at: shares (words, H, W)."""
    figure, left, right = _beside(1, len(words))
    left[0].imshow(as_image(image))
    _words(right, words, shares)
    figure.suptitle(title)
    return figure


def _beside(images: int, maps: int) -> tuple[Figure, list[Axes], list[Axes]]:
    """Return a figure with axes for images on the left, and on the right for maps in rows of six."""
    columns = min(maps, MAPS_A_ROW)
    rows = -(-maps // columns)
    figure = Figure(figsize=(1.35 * (images + columns), 1.7 * rows + 0.6), layout="constrained")
    left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=[images, columns])[0]
    shown = list(left.subplots(1, images, squeeze=False).flat)
    looked_at = list(right.subplots(rows, columns, squeeze=False).flat)
    for one in (*shown, *looked_at):
        one.set_axis_off()
    return figure, shown, looked_at


def _words(axes: Sequence[Axes], words: Sequence[Word], shares: Tensor) -> None:
    """Draw a map for each word, all from no attention to the largest share of this word, with its mean below."""
    for one, word, share in zip(axes, words, shares, strict=False):
        one.imshow(share.numpy(), cmap=SEQUENTIAL, vmin=0, vmax=max(1e-6, float(share.max())))
        text = word.text if len(word.text) <= 12 else f"{word.text[:11]}…"
        one.set_title(text, fontsize=9, loc="center", color=TEXT_COLOR)
        one.text(0.5, -0.04, f"{share.mean():.0%}", ha="center", va="top", size=8.5, transform=one.transAxes)


def moment_figure(moment: Moment, words: Sequence[Word], most: int, title: str) -> Figure:
    """Draw one moment of a film: the noisy image, the guess at the whole one, and where each word is looked at."""
    kept = [*range(min(len(words), most) - 1), len(words) - 1]  # the padding is always shown
    figure, left, right = _beside(2, len(kept))
    for one, image, name in zip(
        left, (moment.noisy, moment.x0), (f"x_t, t = {moment.t}", "x_0 as guessed"), strict=True
    ):
        one.imshow(as_image(image))
        one.set_title(name, fontsize=9, loc="center")
    _words(right, [words[n] for n in kept], moment.shares[kept])
    figure.suptitle(title)
    return figure


def message(words: str) -> Figure:
    """Draw a few words in the place of a figure that cannot be drawn."""
    figure, (axes,) = canvas(8, 1.2, image=True)
    axes.text(0.5, 0.5, words, ha="center", va="center", color=MUTED, wrap=True, size=9.5)
    axes.plot([0, 1], [0, 0], color=FAINT)
    axes.set(xlim=(0, 1), ylim=(0, 1))
    figure.suptitle("Nothing was drawn")
    return figure
