"""The tour's search box: words go in with each key stroke, and the images that fit them best come out."""

import time
from collections.abc import Sequence
from html import escape
from typing import Any

import ipywidgets

from clip_tutor.lab.plots.style import MUTED
from clip_tutor.lab.widgets.explore import Explorer, explore
from clip_tutor.lab.widgets.gallery import data_address, gallery
from clip_tutor.lab.widgets.image_search.query import one_thread
from clip_tutor.search import ImageIndex

SIDE = 124  # of an image on the screen, in pixels


def search_box(index: ImageIndex, images: Sequence[Any], to_try: Sequence[str], k: int = 12) -> Explorer:
    """Return a widget that searches ``index`` while its reader types.

    Args:
        index: holds the images' vectors, each under its caption.
        images: the images themselves, in the same order; see `as_image`.
        to_try: searches that buttons offer; the first one is made at once.
        k: how many images it shows.

    Raises:
        ValueError: these are not as many images as the index has.
    """
    if len(images) != len(index):
        raise ValueError(f"an index of {len(index)} images needs these, in its order, and not {len(images)} others")
    addresses = [data_address(image) for image in images]  # once, and not at each key stroke

    def find(words: str) -> str:
        if not words.strip():
            return _line("Type a few words: what, how many, how large, on which color?")
        start = time.perf_counter()
        with one_thread():
            hits = index.search(words, k=k)
        found = [addresses[hit.row] for hit in hits]
        tiles = gallery(found, [hit.name for hit in hits], [hit.score for hit in hits], SIDE)
        milliseconds = 1000 * (time.perf_counter() - start)
        said = _line(f"{len(index):,} images compared with “{words.strip()[:60]}” in {milliseconds:.0f} ms")
        return f'<div style="max-width:{6 * SIDE + 5 * 12}px">{said}{tiles}</div>'

    text = ipywidgets.Text(value=to_try[0], description="search for", layout={"width": "480px"})
    box = explore(find, words=text)
    buttons = [ipywidgets.Button(description=words, layout={"width": "auto"}) for words in to_try]
    for button in buttons:
        button.on_click(lambda pressed: setattr(text, "value", pressed.description))
    row = ipywidgets.HBox(buttons, layout={"flex_flow": "row wrap"})
    # Not the whole screen: its place for figures would stay empty, a broken image to some readers.
    box.children = [box.children[0], row, box.screen.message, box.screen.html]
    box.add_class("kit-search")
    return box


def _line(words: str) -> str:
    return f'<div style="color:{MUTED};margin:6px 0 10px">{escape(words)}</div>'
