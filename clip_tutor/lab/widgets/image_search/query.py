"""What is looked for, and looking for it: plain functions, to be tested without a widget."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch

from clip_tutor.search import Answer, ImageIndex

LONGEST_LABEL = 60  # characters of a query, or of an image's name, on a button or in the history


@dataclass(frozen=True)
class Query:
    """Words, an image or both."""

    words: str = ""
    without: str = ""  # words for what is not wanted
    image: bytes | int | None = None  # a file that was uploaded, or a row of the index
    image_name: str = ""
    k: int = 12  # how many images
    weights: tuple[float, float] = (1.0, 1.0)  # of words and image, where there are both

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to look for."""
        return self.image is None and not self.words.strip()

    @property
    def is_mixed(self) -> bool:
        """Whether there are words and an image, so that weights count."""
        return self.image is not None and bool(self.words.strip())

    @property
    def label(self) -> str:
        """What a history calls it."""
        image = f"like {shortened(self.image_name)}" if self.image is not None else ""
        wanted = " + ".join(filter(None, [shortened(self.words), image])) or "nothing"
        return f"{wanted} − {shortened(self.without)}" if self.without.strip() else wanted

    def differs_in_more_than_amounts(self, other: Query) -> bool:
        """Whether it asks for something else, and not just for more images or with other weights."""
        return replace(self, k=1, weights=(1.0, 1.0)) != replace(other, k=1, weights=(1.0, 1.0))


def find(index: ImageIndex, query: Query) -> Answer:
    """Return what fits a query; nothing, where there is nothing to look for.

    Raises:
        ValueError: the image cannot be read, or nothing is left of the query with these weights.
    """
    if query.is_empty:
        return Answer(())
    with one_thread():
        return index.search(
            query.words.strip() or None,
            query.image,
            query.k,
            without=query.without.strip() or None,
            weights=query.weights if query.is_mixed else (1.0, 1.0),
        )


def shortened(text: str) -> str:
    """Return a text on one line, cut in its middle if it is long: a file's name may end in what tells it apart."""
    text, half = " ".join(text.split()), LONGEST_LABEL // 2
    return text if len(text) <= LONGEST_LABEL else f"{text[: half - 1]}…{text[-half:]}"


@contextmanager
def one_thread() -> Iterator[None]:
    """One short query is too little work to share: on a busy machine, threads wait for each other 40 times as long."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
