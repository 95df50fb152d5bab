"""The figures that several notebooks share: plain functions from data to a matplotlib ``Figure``.

None of them calls ``plt.show``: end a cell with the call and the figure appears, or hand the function to ``explore``.
What counts as an image, `widgets.gallery.as_image` says. ``M`` captions, ``N`` images.
"""

import math
from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from clip_tutor.lab.plots.style import FAINT, IMAGE_COLOR, INK, MUTED, SEQUENTIAL, TEXT_COLOR, THOUSANDS, canvas
from clip_tutor.lab.widgets.gallery import as_image


def similarity_matrix(
    similarity: Any,
    images: Sequence[Any] = (),
    captions: Sequence[str] = (),
    title: str = "How well does each caption fit each image?",
    limits: tuple[float, float] | None = None,
) -> Figure:
    """Draw similarities (M, N) as a heat map: a row for each caption, a column for each image.

    The images stand above their columns, the captions before their rows, and up to 10 columns the values in the
    cells. Without images and captions it draws the map alone, for a whole batch. ``limits`` are the values of the
    lightest and the darkest color: give two figures the same limits to compare them.
    """
    values = _array(similarity)
    M, N = values.shape
    if (images and len(images) != N) or (captions and len(captions) != M):
        raise ValueError(
            f"similarities of shape {M} × {N} need {M} captions (rows) and {N} images (columns), not "
            f"{len(captions)} and {len(images)}: transpose the matrix if its rows are the images"
        )
    cell = max(0.3, 6.4 / max(M, N)) if images or captions else 5.0 / max(M, N)
    margin = 0.09 * min(36, max(map(len, captions))) if captions else 0.0
    figure, (axes,) = canvas(cell * N + margin + 1.2, cell * (M + bool(images)) + 0.6)
    low, high = limits or (float(values.min()), float(values.max()))
    shades = axes.imshow(values, cmap=SEQUENTIAL, vmin=low, vmax=high)
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    for n, image in enumerate(images):
        above = axes.inset_axes((n - 0.46, -1.5, 0.92, 0.92), transform=axes.transData)
        above.imshow(as_image(image))
        above.set_axis_off()
    if N <= 10:
        for (m, n), value in np.ndenumerate(values):
            dark = value > low + 0.55 * (high - low)
            text = f"{value:.2f}".replace("-0.00", "0.00")
            axes.text(n, m, text, ha="center", va="center", color="white" if dark else INK, size=9)
    axes.set_xticks([])
    axes.set_xlabel("images", color=IMAGE_COLOR)
    axes.set_yticks(range(len(captions)), [fill(caption, 36) for caption in captions])
    axes.set_ylabel("captions", color=TEXT_COLOR)
    axes.tick_params(length=0)
    figure.suptitle(title)
    figure.colorbar(shades, ax=axes, shrink=0.6, label="similarity")
    return figure


def image_grid(images: Sequence[Any], captions: Sequence[str] = (), columns: int = 6, title: str = "") -> Figure:
    """Draw images in rows of ``columns``, each with its caption below."""
    if captions and len(captions) != len(images):
        raise ValueError(f"{len(images)} images need as many captions, not {len(captions)}")
    columns = max(1, min(columns, len(images)))
    rows = math.ceil(len(images) / columns)
    lines = [fill(caption, 20, max_lines=3, placeholder=" …") for caption in captions]
    below = 0.05 + 0.105 * max((line.count("\n") + 1 for line in lines), default=0)
    side = 1.5  # inches
    figure, (axes,) = canvas(side * columns, side * rows * (1 + below) + (0.5 if title else 0.1), image=True)
    for place, image in enumerate(images):
        x, y = place % columns, place // columns * (1 + below)
        axes.imshow(as_image(image), extent=(x + 0.03, x + 0.97, y + 0.97, y + 0.03))
        if lines:
            axes.text(x + 0.5, y + 1.0, lines[place], ha="center", va="top", size=8.5)
    axes.set(xlim=(0, columns), ylim=(rows * (1 + below), 0))
    figure.suptitle(title)
    return figure


def pairs_seen(record: Mapping[str, float]) -> float:
    """Return how many pairs training had seen at one of its records."""
    return record["step"] * record["batch_size"]


def training_curve(history: Sequence[Mapping[str, float]], title: str = "Training", similarity: Any = None) -> Figure:
    """Draw loss, temperature and recall over the pairs seen in training, and how the model sees a few pairs now.

    ``history`` has an entry for each time training was looked at, with ``step``, ``batch_size``, ``loss``,
    ``logit_scale`` (1 / temperature) and, in some of them, ``recall_at_1``. The dashed line is the loss of blind
    guessing, ln(batch size). ``similarity`` are the similarities (M, M) of some pairs; without them there is no fourth
    panel.
    """
    columns = 3 if similarity is None else 4
    figure, (loss, temperature, recall, *fourth) = canvas(2.2 + 2.4 * columns, 3.2, columns=columns)
    pairs = [pairs_seen(entry) for entry in history]
    loss.plot(pairs, [entry["loss"] for entry in history], color=INK)
    if history:
        N = int(history[-1]["batch_size"])
        loss.axhline(math.log(N), color=MUTED, linestyle="--", linewidth=1.2)
        note, place = f"guessing: ln {N} = {math.log(N):.2f}", loss.get_yaxis_transform()  # x from 0 to 1, y in nats
        loss.text(0.98, 0.97 * math.log(N), note, size=9, color=MUTED, transform=place, ha="right", va="top")
    loss.set(title="Loss", xlabel="pairs seen", ylabel="nats", ylim=(0, None))
    temperature.plot(pairs, [1 / entry["logit_scale"] for entry in history], color=INK)
    temperature.set(title="Temperature", xlabel="pairs seen", ylabel="1 / logit scale", ylim=(0, None))
    seen = [(pairs_seen(entry), entry["recall_at_1"]) for entry in history if entry.get("recall_at_1") is not None]
    recall.plot(*np.reshape(seen, (-1, 2)).T, "o-", color=TEXT_COLOR, clip_on=False, in_layout=False)
    recall.set(title="Recall@1", xlabel="pairs seen", ylabel="fraction found", ylim=(0, 1))
    for axes in (loss, temperature, recall):
        axes.set_xlim(0, max([1.0, *pairs]) * 1.03)
        axes.locator_params(axis="x", nbins=2)  # the panels are narrow
        axes.xaxis.set_major_formatter(THOUSANDS)
    for axes in fourth:
        axes.imshow(_array(similarity), cmap=SEQUENTIAL)
        axes.set(title="Similarity", xlabel="images", ylabel="captions", xticks=[], yticks=[])
        axes.grid(False)
    figure.suptitle(title)
    return figure


def bars(
    names: Sequence[str], probabilities: Any, image: Any = None, title: str = "Which words fit?", top: int = 10
) -> Figure:
    """Draw one bar for each name, the longest first and at most ``top`` of them, beside the image they speak of."""
    values = _array(probabilities)
    if values.shape != (len(names),):
        raise ValueError(f"{len(names)} names need {len(names)} probabilities, not an array of shape {values.shape}")
    best = np.argsort(-values, kind="stable")[:top]
    lines = [fill(names[place], 30, max_lines=2, placeholder=" …") for place in best]
    height = max(2.6 if image is not None else 1.8, 0.42 * len(best) + 1.0)
    figure, both = canvas(8, height, columns=1 if image is None else 2)
    axes = both[-1]
    colors = [TEXT_COLOR] + [FAINT] * (len(best) - 1)
    drawn = axes.barh(range(len(best)), values[best], color=colors)
    axes.bar_label(drawn, [f"{value:.0%}" for value in values[best]], padding=4, size=9)
    axes.set_yticks(range(len(best)), lines)
    axes.tick_params(axis="y", length=0)
    axes.set(xlabel="probability", xlim=(0, 1.12), ylim=(len(best) - 0.4, -0.6))
    axes.set_xticks([0, 0.5, 1], ["0", "½", "1"])
    axes.grid(axis="y", visible=False)
    if image is not None:
        both[0].imshow(as_image(image))
        both[0].set_axis_off()
    figure.suptitle(title)
    return figure


def embedding_map(panels: Mapping[str, tuple[Any, Any]], title: str = "One space for images and words") -> Figure:
    """Draw maps of the joint space side by side: for each name the places (N, 2) of N images and of their captions.

    A thin line ties each caption to its own image. A UMAP alone tempts one to see what is not there: show it beside
    a PCA of the same vectors and beside pairs that were shuffled.
    """
    figure, axes = canvas(3.7 * len(panels), 4.2, columns=len(panels))
    for one, (name, (image_xy, text_xy)) in zip(axes, panels.items(), strict=True):
        _one_map(one, _array(image_xy), _array(text_xy))
        one.set_title(name)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, markerscale=2)
    figure.suptitle(title)
    return figure


def _one_map(axes: Axes, image_xy: np.ndarray, text_xy: np.ndarray) -> None:
    if len(image_xy) == len(text_xy):
        ends = np.stack([image_xy, text_xy, np.full_like(text_xy, np.nan)], axis=1).reshape(-1, 2)
        axes.plot(*ends.T, color=MUTED, linewidth=0.3, alpha=0.4, zorder=1)
    for (x, y), color, label in ((image_xy.T, IMAGE_COLOR, "images"), (text_xy.T, TEXT_COLOR, "captions")):
        axes.scatter(x, y, s=7, color=color, linewidths=0, alpha=0.8, zorder=2, label=label)
    axes.set(xticks=[], yticks=[], xlabel="first direction", ylabel="second direction")


def _array(values: Any) -> np.ndarray:
    """Return a tensor (wherever it is) or a list as a NumPy array."""
    return np.asarray(values.detach().cpu().numpy() if hasattr(values, "detach") else values)
