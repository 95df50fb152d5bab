"""Two models, one query: what each finds, side by side, and where they differ."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import ipywidgets

from clip_tutor.lab.plots.style import COLORS, FAINT, INK, MUTED
from clip_tutor.lab.widgets.explore import Explorer, explore
from clip_tutor.lab.widgets.gallery import data_address
from clip_tutor.search import Answer, ImageIndex

SIDE = 100  # of an image on the screen, in pixels
COMMON, ALONE = COLORS[2], COLORS[5]  # found by all models, found by this one alone


def compare_search(
    indexes: Mapping[str, ImageIndex], images: Sequence[Any], to_try: Sequence[str], k: int = 6
) -> Explorer:
    """Return a widget that asks several models for the same words and shows what each finds.

    A green line under an image says that every model found it, a yellow one that only this model did; the numbers
    are cosine similarities. They say how a model ranks, and cannot be compared between models.

    Args:
        indexes: by the model's name, its index of the images; all hold the same images in the same order.
        images: the images themselves, in that order; see `as_image`.
        to_try: searches that buttons offer; the first one is made at once.
        k: how many images each shows.

    Raises:
        ValueError: there are fewer than two indexes, or one of them has not as many rows as there are images.
    """
    if len(indexes) < 2:
        raise ValueError(f"a comparison needs two models or more, each with its index, not {len(indexes)}")
    for name, index in indexes.items():
        if len(index) != len(images):
            raise ValueError(f"the index of {name} holds {len(index)} images, and {len(images)} are to be shown")
    names = next(iter(indexes.values())).names
    addresses: dict[int, str] = {}  # of images that were shown before

    def compare(words: str, k: int) -> str:
        if not words.strip():
            return f'<p style="color:{MUTED}">Type a few words: what, how many, how large, on which color?</p>'
        answers = {name: index.search(words, k=k) for name, index in indexes.items()}
        for answer in answers.values():
            for hit in answer:
                if hit.row not in addresses:
                    addresses[hit.row] = data_address(images[hit.row])
        return side_by_side(words, answers, addresses, names)

    text = ipywidgets.Text(value=to_try[0], description="search for", layout={"width": "420px"})
    shown = ipywidgets.IntSlider(k, min=1, max=max(12, k), description="images shown")
    board = explore(compare, words=text, k=shown)
    buttons = [ipywidgets.Button(description=words, layout={"width": "auto"}) for words in to_try]
    for button in buttons:
        button.on_click(lambda pressed: setattr(text, "value", pressed.description))
    row = ipywidgets.HBox(buttons, layout={"flex_flow": "row wrap"})
    board.children = [board.children[0], row, board.screen.message, board.screen.html]
    board.add_class("kit-compare")
    return board


def side_by_side(
    words: str, answers: Mapping[str, Answer], addresses: Mapping[int, str], captions: Sequence[str]
) -> str:
    """Return a column of HTML for each model's answer, under a line that says how much they share.

    Args:
        addresses: of the images that were found, by their row; see `data_address`.
        captions: of all images, by row.
    """
    found = {name: [hit.row for hit in answer] for name, answer in answers.items()}
    common = set.intersection(*map(set, found.values()))
    columns = []
    for name, answer in answers.items():
        elsewhere = {row for other, rows in found.items() if other != name for row in rows}
        tiles = "".join(
            _tile(place, hit.score, captions[hit.row], addresses[hit.row], hit.row in common, hit.row not in elsewhere)
            for place, hit in enumerate(answer, start=1)
        )
        scores = [hit.score for hit in answer]
        spread = f"{min(scores):.2f} to {max(scores):.2f}" if scores else "none"
        columns.append(
            f'<section style="flex:1 1 {3 * SIDE + 40}px;max-width:{4 * SIDE + 60}px" aria-label="{escape(name)}">'
            f'<div style="border-bottom:2px solid {FAINT};padding-bottom:4px;margin-bottom:8px"><b>{escape(name)}</b> '
            f'<span style="color:{MUTED}">scores {spread}</span></div>'
            f'<div style="display:flex;flex-wrap:wrap;gap:10px">{tiles}</div></section>'
        )
    most = max(map(len, found.values()), default=0)
    them = "both models" if len(answers) == 2 else f"all {len(answers)} models"
    said = f"“{escape(words.strip()[:60])}”: {len(common)} of {most} images are found by {them}"
    return (
        f'<div style="line-height:1.35"><div style="margin:6px 0 10px">{said} '
        f'<span style="color:{MUTED}">(<span style="border-bottom:4px solid {COMMON}">✓ found by {them}</span>, '
        f'<span style="border-bottom:4px dashed {ALONE}">only here</span>)</span></div>'
        f'<div style="display:flex;flex-wrap:wrap;gap:24px">{"".join(columns)}</div></div>'
    )


def _tile(place: int, score: float, caption: str, address: str, common: bool, alone: bool) -> str:
    line = f"4px solid {COMMON}" if common else f"4px dashed {ALONE}" if alone else f"4px solid {FAINT}"
    mark = "✓ " if common else ""
    said = "found by all" if common else "found only by this model" if alone else "found by some"
    return (
        f'<figure style="margin:0;width:{SIDE}px;text-align:center;font-size:11px">'
        f'<img src="{address}" alt="{escape(caption)}" title="{place}. {escape(caption)}: {said}" width="{SIDE}" '
        f'style="border-radius:6px 6px 0 0;border-bottom:{line};display:block">'
        f'<figcaption><b style="color:{INK}">{mark}{score:.2f}</b><br>{escape(caption)}</figcaption></figure>'
    )
