"""A retrieval grid: a row for each query, its best candidates with their similarities, the right one marked."""

from collections.abc import Callable, Sequence
from functools import cache
from html import escape
from typing import Any

import numpy as np
import torch
from matplotlib.colors import to_hex

from clip_tutor.evaluation.retrieval import ranks
from clip_tutor.lab.plots.style import COLORS, FAINT, IMAGE_COLOR, MUTED, SEQUENTIAL, TEXT_COLOR
from clip_tutor.lab.widgets.explore import Explorer, explore
from clip_tutor.lab.widgets.gallery import data_address

WORDS_TO_IMAGES, IMAGES_TO_WORDS = "words find images", "images find words"
AS_THEY_COME, WORST_FIRST, BEST_FIRST = "as they come", "worst first", "best first"
ROWS = 8  # queries on a page
SIDE = 84  # pixels of an image
RIGHT = COLORS[2]


def retrieval_grid(
    image_features: Any, text_features: Any, images: Sequence[Any], captions: Sequence[str], k: int = 6
) -> Explorer:
    """Return a widget that pages through all queries of N pairs, both ways.

    Args:
        image_features, text_features: (N, E) unit vectors, pair by pair.
        images: as `as_image` takes them.
        k: how many candidates each query shows; the right one follows, with its rank, where it is not among them.

    Raises:
        ValueError: there are not equally many of everything, or a similarity is not a number.
    """
    texts, pictured = torch.as_tensor(text_features).detach().cpu(), torch.as_tensor(image_features).detach().cpu()
    N = len(images)
    if not N == len(captions) == len(texts) == len(pictured) or not N:
        raise ValueError(
            f"a grid is made of pairs: {N} images, {len(captions)} captions, {len(pictured)} and {len(texts)} vectors"
        )
    similarity = texts.float() @ pictured.float().T  # (N captions, N images)
    if not similarity.isfinite().all():
        broken = int((~similarity.isfinite()).all(dim=1).sum()), int((~similarity.isfinite()).all(dim=0).sum())
        raise ValueError(
            f"vectors of {broken[0]} captions and {broken[1]} images hold NaN or infinity: leave these out"
        )

    @cache
    def address(n: int) -> str:
        return data_address(images[n])

    def grid(direction: str = WORDS_TO_IMAGES, order: str = AS_THEY_COME, page: int = 1) -> str:
        from_words = direction == WORDS_TO_IMAGES
        values = similarity if from_words else similarity.T
        rank = ranks(values)  # (N,), from 0
        queries = np.arange(N)
        if order != AS_THEY_COME:
            queries = np.argsort(rank.numpy() * (-1 if order == WORST_FIRST else 1), kind="stable")
        chosen = queries[(page - 1) * ROWS : page * ROWS].tolist()
        recall = float((rank == 0).float().mean())
        head = (
            f"<b>{direction}</b>: {recall:.1%} of {N:,} queries find their own first; the worst has it in place "
            f"{int(rank.max()) + 1:,}. Page {page} of {-(-N // ROWS)}"
        )
        rows = "".join(_row(n, values[n], int(rank[n]), k, from_words, address, captions) for n in chosen)
        return (
            f'<div style="line-height:1.3;overflow-x:auto"><div style="margin:6px 4px 10px">{head} '
            f'<span style="outline:3px solid {RIGHT};padding:0 5px;margin-left:8px">✓ its own</span></div>'
            f'<table style="border-collapse:collapse;background:none">{rows}</table></div>'
        )

    board = explore(
        grid,
        direction=[WORDS_TO_IMAGES, IMAGES_TO_WORDS],
        order=[AS_THEY_COME, WORST_FIRST, BEST_FIRST],
        page=(1, max(1, -(-N // ROWS))),
    )
    board.add_class("kit-retrieval")
    return board


def _row(
    query: int,
    values: torch.Tensor,
    rank: int,
    k: int,
    from_words: bool,
    address: Callable[[int], str],
    captions: Sequence[str],
) -> str:
    """Return one line of the table: the query, its best candidates, and its own if it is not among them."""
    best = values.argsort(descending=True, stable=True)[:k].tolist()
    shares = (values - values.min()) / (values.max() - values.min()).clamp(min=1e-9)

    def cell(n: int, note: str = "") -> str:
        return _candidate(n, float(values[n]), n == query, float(shares[n]), from_words, address, captions, note)

    cells = "".join(cell(n) for n in best)
    if query not in best:
        cells += f'<td style="color:{MUTED};padding:0 4px">…</td>{cell(query, f"place {rank + 1:,}")}'
    if from_words:
        look = f"width:150px;border-left:4px solid {TEXT_COLOR};padding-left:8px;text-align:left;white-space:normal"
        asked = f'<div style="{look}">{escape(captions[query])}</div>'
    else:
        asked = _image(query, address, captions, f"border:3px solid {IMAGE_COLOR}")
    head = f'<th scope="row" style="padding:6px;font-weight:600">{asked}</th>'
    return f'<tr style="border-bottom:1px solid {FAINT};background:none">{head}{cells}</tr>'


def _candidate(
    n: int,
    value: float,
    right: bool,
    share: float,
    from_words: bool,
    address: Callable[[int], str],
    captions: Sequence[str],
    note: str = "",
) -> str:
    """Return one cell: a candidate over a bar as long as its ``share`` of this query's span of similarities."""
    wide = f"width:{SIDE + 16}px;min-height:{SIDE // 2}px;white-space:normal;text-align:left"
    shown = _image(n, address, captions) if from_words else f'<div style="{wide}">{escape(captions[n])}</div>'
    bar = (
        f'<div style="height:4px;margin-top:3px;background:{FAINT}">'
        f'<div style="height:4px;width:{100 * share:.0f}%;background:{to_hex(SEQUENTIAL(share))}"></div></div>'
    )
    mark = f'<b style="color:{RIGHT}">✓ </b>' if right else ""
    frame = f"outline:3px solid {RIGHT};outline-offset:-3px;" if right else ""
    said = f'<div style="color:{MUTED}">{note}</div>' if note else ""
    look = f"padding:7px;vertical-align:top;text-align:center;font-size:11px;{frame}"
    return f'<td style="{look}">{shown}{bar}{mark}{value:.2f}{said}</td>'


def _image(n: int, address: Callable[[int], str], captions: Sequence[str], look: str = "") -> str:
    label = escape(captions[n])
    return f'<img src="{address(n)}" alt="{label}" title="{label}" width="{SIDE}" style="border-radius:5px;{look}">'
