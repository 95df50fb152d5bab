"""The board of inverted lists: which of them a query reads, where its ten best lie, and which it misses.

words ─▶ exact search ─▶ ten best ─┬─▶ an image each: found, or pale, as its list was not read
words ─▶ centers, nearest first ───┴─▶ a bar for each list: read or not, and how many of the ten lie in it
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from matplotlib.figure import Figure
from torch import Tensor

from clip_tutor.embedding import encode_texts
from clip_tutor.lab.plots.style import FAINT, IMAGE_COLOR, INK, MUTED, TEXT_COLOR, canvas
from clip_tutor.lab.widgets.gallery import as_image
from clip_tutor.model import CLIP
from clip_tutor.tokenizers import Tokenizer

WORDS, IMAGE = "the words", "the image that comes first"
SHOWN = 10


class Probed(NamedTuple):
    """What a query reads and finds."""

    order: Tensor  # (M,) the lists, nearest center first
    rows: Tensor  # (10,) the best of all
    places: Tensor  # (10,) at which place of ``order`` the list of each lies
    compared: int  # centers, and vectors in the lists that were read


def probe(vectors: Tensor, centers: Tensor, list_of: Tensor, query: Tensor, probes: int) -> Probed:
    """Return what a query (E,) reads of (N, E) vectors in M lists; list_of is (N,)."""
    order = (centers @ query).argsort(descending=True)
    place_of = order.argsort()  # (M,)
    rows = (vectors @ query).topk(SHOWN).indices
    read = int((place_of[list_of] < probes).sum())
    return Probed(order, rows, place_of[list_of[rows]], len(centers) + read)


def lists_board(
    model: CLIP, tokenizer: Tokenizer, vectors: Tensor, centers: Tensor, images: Sequence[Any] | Tensor
) -> Callable[..., Figure]:
    """Return what draws the board for words, what is searched with, and a number of probes.

    Args:
        vectors: (N, E) of the images, of unit length.
        centers: (M, E) of the lists.
        images: N of them, in the order of the vectors.
    """
    list_of = (vectors @ centers.T).argmax(dim=1)  # (N,)
    sizes = torch.bincount(list_of, minlength=len(centers))

    def draw(words: str = "three cats", search_with: str = WORDS, probes: int = 4) -> Figure:
        asked = words if words.strip() else "a cat"
        query = encode_texts(model, tokenizer, [asked], truncate=True)[0]
        if search_with == IMAGE:
            query = vectors[(vectors @ query).argmax()]
        found = probe(vectors, centers, list_of, query, probes)
        color = IMAGE_COLOR if search_with == IMAGE else TEXT_COLOR
        return _drawn(found, sizes, probes, color, [images[row] for row in found.rows.tolist()], asked)

    draw.__name__ = "lists_board"
    return draw


def _drawn(found: Probed, sizes: Tensor, probes: int, color: str, images: Sequence[Any], asked: str) -> Figure:
    hits = torch.bincount(found.places, minlength=len(sizes)).tolist()
    there = int((found.places < probes).sum())
    figure, axes = canvas(11, 4.4, rows=2, columns=1)
    bars, strip = axes
    heights = sizes[found.order].tolist()
    places = range(1, len(heights) + 1)
    bars.bar(places, heights, color=[color if n <= probes else FAINT for n in places], width=0.85)
    for n, count in enumerate(hits):
        if count:
            bars.text(n + 1, heights[n], str(count), ha="center", va="bottom", size=10, weight="bold", color=INK)
    bars.set(
        xlabel="lists, the nearest center first; a number says how many of the ten best lie in a list",
        ylabel="images in it",
        xlim=(0.2, len(heights) + 0.8),
        ylim=(0, 1.25 * max(heights)),
    )
    bars.grid(axis="x", visible=False)
    strip.set(xlim=(0, SHOWN), ylim=(1.28, 0), xticks=[], yticks=[])
    strip.axis("off")
    for n, (image, place) in enumerate(zip(images, found.places.tolist(), strict=True)):
        is_found = place < probes
        strip.imshow(as_image(image), extent=(n + 0.04, n + 0.96, 0.95, 0.03), alpha=1.0 if is_found else 0.22)
        strip.text(
            n + 0.5,
            1.2,
            "found" if is_found else f"list {place + 1}",
            ha="center",
            size=9,
            color=INK if is_found else MUTED,
        )
    strip.set(xlim=(0, SHOWN), ylim=(1.28, 0))
    strip.set_aspect("equal")
    total = int(sizes.sum())
    figure.suptitle(f"“{asked[:40]}”: {there} of {SHOWN} found, {found.compared:,} dot products instead of {total:,}")
    return figure
