"""The pair browser: a page of pairs, filtered and sorted, from any list of pairs."""

from collections.abc import Callable, Mapping, Sequence
from html import escape

import numpy as np
from PIL import Image

from clip_tutor.data.pairs import Pair
from clip_tutor.images import load_image
from clip_tutor.lab.widgets.gallery import data_address, gallery

SHOWN = 12  # pairs on a page
SIDE = 112  # pixels of an image on the screen
ORDERS = ("as they come", "shortest caption first", "longest caption first", "darkest image first")
_UNKNOWN = np.inf  # the brightness of an image that cannot be opened: it comes last


def pair_browser(collections: Mapping[str, Sequence[Pair]]) -> Callable[..., str]:
    """Return ``browse``: a function from the settings of its controls to a page of pairs in HTML.

    Args:
        collections: by name, lists of pairs; each is read once, when it is first looked at.
    """
    brightness: dict[str, list[float]] = {}

    def browse(collection: str, words: str = "", order: str = ORDERS[0], page: int = 1) -> str:
        """Return a page of those pairs of a collection whose captions have all of some words."""
        pairs = collections[collection]
        if order == "darkest image first" and collection not in brightness:
            brightness[collection] = [_brightness(pair) for pair in pairs]
        found = [n for n, pair in enumerate(pairs) if _has(pair, words)]
        if order == "darkest image first":
            found.sort(key=brightness[collection].__getitem__)
        elif order != ORDERS[0]:
            found.sort(key=lambda n: len(_text(pairs[n]).split()), reverse=order.startswith("longest"))
        pages = max(1, -(-len(found) // SHOWN))
        at = min(page, pages)
        shown = [pairs[n] for n in found[(at - 1) * SHOWN : at * SHOWN]]
        said = f"{len(found):,} of {len(pairs):,} pairs have these words in a caption" if words.strip() else ""
        said = said or f"{len(pairs):,} pairs"
        head = f"<p><b>{escape(said)}</b>, page {at:,} of {pages:,}</p>"
        if not shown:
            return f"{head}<p>No caption has all of these words: take some away.</p>"
        return head + gallery([_small(pair) for pair in shown], [_text(pair) for pair in shown], side=SIDE)

    return browse


def _text(pair: Pair) -> str:
    """Return all captions of a pair in one line."""
    return " / ".join(pair.captions)


def _has(pair: Pair, words: str) -> bool:
    text = f" {_text(pair).lower()} "
    return all(f" {word} " in text for word in words.lower().split())


def _small(pair: Pair) -> str:
    """Return an address of a pair's image, no larger than the screen shows it; a gray one if it cannot be opened."""
    try:
        image = load_image(pair.image, convert=True)
    except (OSError, ValueError):
        image = Image.new("RGB", (SIDE, SIDE), "lightgray")
    image = image.copy()
    image.thumbnail((2 * SIDE, 2 * SIDE))
    return data_address(image)


def _brightness(pair: Pair) -> float:
    """Return the mean brightness of an image, from 0 to 255."""
    try:
        return float(np.asarray(load_image(pair.image, convert=True).convert("L")).mean())
    except (OSError, ValueError):
        return _UNKNOWN
