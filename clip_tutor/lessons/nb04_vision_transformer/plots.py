"""The figures of the Vision Transformer: how an image is cut, and where its tokens look.

Like those of `lab.plots.common`, plain functions from data to a matplotlib ``Figure``. ``G`` is the number of patches
along one side of an image, N = G², numbered in reading order; ``L`` blocks, ``K`` heads.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from clip_tutor.lab.plots.common import _array
from clip_tutor.lab.plots.style import DIVERGING, FAINT, IMAGE_COLOR, INK, MUTED, SEQUENTIAL, TEXT_COLOR, canvas
from clip_tutor.lab.widgets.gallery import as_image

GHOST = 0.5  # how dark the drawing is that shines through its attention map


def patch_cut(image: Any, patch_size: int, title: str = "An image is cut, and read like a sentence") -> Figure:
    """Draw an image whole, cut into patches, and its patches in reading order, in lines of 2·G words."""
    shown = as_image(image)
    G, P = len(shown) // patch_size, patch_size
    across, lines = 2 * G, -(-G // 2)
    word, line, below = 1.14, 1.6, 1.8  # in words: from one to the next, from line to line, between above and below
    width = across * word - (word - 1)
    side = 0.47 * width  # of the whole image, and of the one that is cut
    figure, (axes,) = canvas(8.6, 8.6 * (side + below + lines * line + 1) / width + 0.5, image=True)
    axes.imshow(shown, extent=(0, side, side, 0))
    for edge in np.arange(1, G) * side / G:
        axes.plot(
            [edge, edge, np.nan, 0, side], [0, side, np.nan, edge, edge], color="white", linewidth=0.8, alpha=0.85
        )
    patch = 0.83 * side / G
    step = (side - patch) / max(1, G - 1)
    left = width - side
    for n in range(G * G):
        row, column = divmod(n, G)
        cut = shown[row * P : (row + 1) * P, column * P : (column + 1) * P]
        x, y = left + column * step, row * step
        axes.imshow(cut, extent=(x, x + patch, y + patch, y))
        x, y = n % across * word, side + below + n // across * line
        axes.imshow(cut, extent=(x, x + 1, y + 1, y))
        axes.text(x + 0.5, y + 1.06, str(n + 1), ha="center", va="top", size=7, color=MUTED)
    note: dict[str, Any] = {"va": "bottom", "size": 10.5, "weight": "bold"}
    axes.text(0, -0.2, f"{shown.shape[1]} × {shown.shape[0]} pixels", **note)
    axes.text(left, -0.2, f"{G} × {G} patches of {P} × {P}", **note)
    axes.text(0, side + below - 0.2, f"a sentence of {G * G} words", **note)
    axes.set(xlim=(0, width), ylim=(side + below + lines * line, -1))
    figure.suptitle(title)
    return figure


def overlay(image: Any, weights: Any, strongest: float | None = None) -> np.ndarray:
    """Return (H, W, 3) a map of the patches' weights (N,), and the image as a faint drawing in it.

    ``strongest`` is the weight of the darkest color, by default the largest one. Of the image one sees what differs
    from its most common gray: a plain background must not tint the map.
    """
    shown, values = as_image(image), _array(weights)
    G = round(len(values) ** 0.5)
    if len(values) != G * G or len(shown) % G:
        raise ValueError(
            f"{len(values)} weights do not lie on a square grid over an image of {len(shown)} pixels: "
            "leave out the class token's, and give one for each patch"
        )
    top = strongest or max(float(values.max()), 1e-9)
    heat = SEQUENTIAL(values.reshape(G, G).clip(0, top) / top)[..., :3]  # (G, G, 3)
    heat = heat.repeat(len(shown) // G, axis=0).repeat(len(shown) // G, axis=1)  # (H, W, 3)
    gray = shown.mean(axis=2, keepdims=True) / 255
    drawing = 1 - GHOST * np.abs(gray - np.median(gray))  # (H, W, 1)
    return (drawing * heat * 255).round().astype(np.uint8)


def attention_grid(
    images: Sequence[Any], weights: Any, names: Sequence[str], title: str, shared: bool = False
) -> Figure:
    """Draw for each of M images where C things look: ``weights`` (M, C, N), ``names`` of the C columns.

    Each map has its own scale of colors: the darkest patch is the one that is looked at most. With ``shared`` all maps
    of an image have one scale, and one that looks everywhere alike is pale.
    """
    values = _array(weights)
    M, C = values.shape[:2]
    if len(images) != M or len(names) != C:
        raise ValueError(f"weights {values.shape} are those of {M} images and {C} columns, not of {len(images)} "
                         f"and {len(names)}")  # fmt: skip
    side = min(1.2, 9.6 / (C + 1))
    figure, axes = canvas(side * (C + 1), side * M + 0.75, rows=M, columns=C + 1, image=True)
    for m, image in enumerate(images):
        row = axes[m * (C + 1) : (m + 1) * (C + 1)]
        row[0].imshow(as_image(image))
        for one, map_weights in zip(row[1:], values[m], strict=True):
            one.imshow(overlay(image, map_weights, float(values[m].max()) if shared else None))
    for one, name in zip(axes[1 : C + 1], names, strict=True):
        one.set_title(name, size=8.5, loc="center")
    figure.get_layout_engine().set(w_pad=0.025, h_pad=0.025, wspace=0.0, hspace=0.0)  # type: ignore[union-attr, call-arg]
    figure.suptitle(title)
    return figure


def token_matrix(weights: Any, title: str = "Which token looks at which?", cls_token: bool = True) -> Figure:
    """Draw the attention map (T, T) of one head: row t says how token t shares out its attention.

    Token 0 is the class token if there is one, the others are patches, numbered from 1 in reading order.
    """
    values, extra = _array(weights), int(cls_token)
    figure, (axes,) = canvas(6.2, 5.4)
    shades = axes.imshow(values, cmap=SEQUENTIAL, vmin=0, vmax=np.quantile(values, 0.995))
    G = round((len(values) - extra) ** 0.5)
    for edge in range(extra, len(values), G):  # a line after each row of patches
        for line in (axes.axhline, axes.axvline):
            line(edge - 0.5, color="white", linewidth=0.6)
    ticks = list(range(0, len(values), G))
    names = [str(tick + 1 - extra) if tick >= extra else "class" for tick in ticks]
    axes.set_xticks(ticks, names, size=8)
    axes.set_yticks(ticks, names, size=8)
    axes.set(xlabel="… at this token", ylabel="this token looks …", title=title)
    axes.grid(False)
    figure.colorbar(shades, ax=axes, shrink=0.8, label="weight")
    return figure


def attention_by_hand(query: Any, key: Any, value: Any) -> Figure:
    """Draw attention over a few tokens (T, D) as tables of numbers, from queries and keys to the result."""
    q, k, v = (_array(one).astype(np.float64) for one in (query, key, value))
    dots = q @ k.T / math.sqrt(q.shape[1])
    shared = np.exp(dots) / np.exp(dots).sum(axis=1, keepdims=True)
    tables = {
        "queries": q,
        "keys": k,
        "scores:\nqueries · keys / √D": dots,
        "weights:\nsoftmax of each row": shared,
        "values": v,
        "result:\nweights × values": shared @ v,
    }
    figure, panels = canvas(10.5, 2.3, columns=len(tables))
    for axes, (name, table) in zip(panels, tables.items(), strict=True):
        least, most = min(0.0, table.min()), max(table.max(), 1e-9)
        axes.imshow(table, cmap=SEQUENTIAL, vmin=least, vmax=1.4 * most, aspect="auto")
        for (row, column), number in np.ndenumerate(table):
            dark = number > 0.8 * most
            axes.text(
                column, row, f"{round(number, 2):g}", ha="center", va="center", size=10, color="white" if dark else INK
            )
        between_tokens = table.shape == dots.shape and table is not q
        axes.set_xticks(range(table.shape[1]), [f"key {n + 1}" for n in range(len(k))] if between_tokens else [])
        axes.set(yticks=[], xlabel="" if between_tokens else "D numbers", ylabel="" if between_tokens else "tokens")
        axes.tick_params(length=0)
        axes.set_title(name, size=9.5)
        axes.grid(False)
    figure.suptitle("Attention over three tokens, step by step")
    return figure


def position_similarity(positions: Any, title: str = "How alike are the positions?") -> Figure:
    """Draw for each of N places how alike it is to all others: a grid of G × G maps, each G × G, of cosines.

    ``positions`` (N, D) without the class token's. What all places share, their mean, is taken away first.
    """
    places = _array(positions).astype(np.float64)
    places = places - places.mean(axis=0)
    places = places / np.linalg.norm(places, axis=1, keepdims=True)
    cosines = places @ places.T  # (N, N)
    G = round(len(places) ** 0.5)
    limit = float(np.abs(cosines[~np.eye(len(places), dtype=bool)]).max())
    figure, axes = canvas(6.6, 5.6, rows=G, columns=G)
    for n, one in enumerate(axes):
        shades = one.imshow(cosines[n].reshape(G, G), cmap=DIVERGING, vmin=-limit, vmax=limit)
        row, column = divmod(n, G)
        one.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=INK, edgecolor="white", linewidth=1))
        one.set(xticks=[], yticks=[])
        one.grid(False)
        for spine in one.spines.values():
            spine.set(visible=True, color=FAINT)
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0.0, hspace=0.0)  # type: ignore[union-attr, call-arg]
    figure.colorbar(shades, ax=axes, shrink=0.7, label="cosine")
    figure.suptitle(title)
    return figure


def norms(lines: dict[str, dict[str, tuple[Sequence[float], Sequence[float], Sequence[float]]]], title: str) -> Figure:
    """Draw how long tokens are on their way through a tower.

    ``lines`` has a panel for each name, and in it for each kind of token its lengths at every stage: the middle one,
    and the least and the greatest, between which a band is drawn.
    """
    figure, panels = canvas(9.4, 3.6, columns=len(lines))
    for axes, (name, kinds) in zip(panels, lines.items(), strict=True):
        for color, (kind, (middle, low, high)) in zip((TEXT_COLOR, IMAGE_COLOR), kinds.items(), strict=False):
            stages = np.arange(len(middle))
            axes.fill_between(stages, low, high, color=color, alpha=0.18, linewidth=0)
            axes.plot(stages, middle, "o-", color=color, markersize=4, label=kind)
        axes.set(title=name, xlabel="after block …", ylabel="length of a token")
        axes.set_xticks(range(0, len(stages), max(1, len(stages) // 6)))
    top = 1.05 * max(one.get_ylim()[1] for one in panels)
    for axes in panels:
        axes.set_ylim(0, top)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    figure.suptitle(title)
    return figure


def parted_heads(parted: dict[str, Any], title: str) -> Figure:
    """Draw which numbers of which token each head got: for each name a (K, T, D/K) whose entries are token numbers."""
    names = list(parted)
    stacks = [_array(one) for one in parted.values()]
    figure, axes = canvas(9, 0.27 * stacks[0].shape[1] + 1.2, columns=sum(len(stack) for stack in stacks))
    places = iter(axes)
    for name, stack in zip(names, stacks, strict=True):
        for k, head in enumerate(stack):
            one = next(places)
            one.imshow(head, cmap=SEQUENTIAL, aspect="auto", vmin=0, vmax=1.15 * stacks[0].max())
            for (row, column), token in np.ndenumerate(head):
                dark = token > 0.6 * stacks[0].max()
                one.text(column, row, f"{token:.0f}", ha="center", va="center", size=9, color="white" if dark else INK)
            one.set(xticks=[], yticks=[], title=name if len(stack) == 1 else f"{name}: head {k + 1}")
            one.set(xlabel="numbers", ylabel="tokens")
            one.grid(False)
    figure.suptitle(title)
    return figure
