"""What every caption set gives, wherever it lies: pairs of a picture, still encoded, and its captions.

    Hub · folder · Parquet · COCO · Flickr30k ─▶ PairSet      any pair by its number: pairs[17]
    Hub, streaming · WebDataset shards        ─▶ PairStream   one after the other, each process its own share

Pictures stay encoded here. Whoever reads a pair decodes it, and can leave it out when that fails: among millions of
web pictures some always are damaged.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

from clip_tutor.images.opening import Source


class Pair(NamedTuple):
    """A picture and what people wrote about it."""

    name: str  # a file name, a key or a row: what a message about this pair calls it
    picture: Source  # a path, the bytes of a file, or a picture that is already open
    captions: tuple[str, ...]


@runtime_checkable
class PairSet(Protocol):
    """Pairs that can be looked up by number, in any order."""

    def __len__(self) -> int:
        """Return how many pairs there are."""
        ...

    def __getitem__(self, index: int, /) -> Pair:
        """Return pair ``index``, from 0."""
        ...


@runtime_checkable
class PairStream(Protocol):
    """Pairs that come one after the other, from shards that are dealt out to processes."""

    def pairs(self, rank: int, world: int, worker: int, workers: int, epoch: int) -> Iterator[Pair]:
        """Return one epoch's share of one worker: together, all workers of all ranks see each pair once.

        Args:
            rank, world: which training process this is, of how many.
            worker, workers: which of its loading processes, of how many (0 of 1 where there are none).
            epoch: from 0; shards come in another order in each.
        """
        ...


def clean_captions(captions: object) -> tuple[str, ...]:
    """Return a caption or a list of captions without empty ones and without space around them.

    Raises:
        TypeError: they are neither text nor a list of texts.
    """
    many = [captions] if isinstance(captions, str) or captions is None else captions
    if not isinstance(many, list | tuple):
        raise TypeError(f"captions are a text or a list of texts, not {type(captions).__name__}: {captions!r:.60}")
    kept = []
    for caption in many:
        if caption is not None and not isinstance(caption, str):
            raise TypeError(f"a caption is a text, not {type(caption).__name__}: {caption!r:.60}")
        if caption and (text := caption.strip()):
            kept.append(text)
    return tuple(kept)


CAPTION_COLUMNS = ("captions", "caption", "texts", "text", "txt", "sentences", "sentence", "comment", "title")


def pick_column(columns: Iterable[str], known: tuple[str, ...], what: str, where: str) -> str:
    """Return the first of the ``known`` names that a table has; capitals and space around a name do not count.

    Args:
        columns: the table's own names.
        known: names that people give to such a column, the likeliest first.
        what: what the column holds, and ``where`` the table lies: for the message.

    Raises:
        ValueError: none of the known names is among them.
    """
    own = {column.strip().lower(): column for column in columns}
    for name in known:
        if name in own:
            return own[name]
    raise ValueError(
        f"{where} has no column for {what} among {', '.join(own.values()) or 'none at all'}. "
        f"Call one of them {known[0]!r} (or {', '.join(known[1:4])} …)"
    )


def pick_caption_columns(columns: Iterable[str], where: str) -> list[str]:
    """Return which columns hold captions: several where they are numbered (``caption_0`` …), else the likeliest one.

    Raises:
        ValueError: there is none.
    """
    columns = list(columns)
    numbered = [column for column in columns if re.fullmatch(r"(caption|sentence|text)_?\d+", column.strip().lower())]
    return numbered or [pick_column(columns, CAPTION_COLUMNS, "captions", where)]


def captions_in(row: Mapping[str, Any], columns: list[str]) -> Any:
    """Return what a row holds in its caption columns, still to be cleaned."""
    return row[columns[0]] if len(columns) == 1 else [row[column] for column in columns]
