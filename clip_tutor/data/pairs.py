"""What every caption set gives, wherever it lies: pairs of an image, still encoded, and its captions.

    Hub · folder · Parquet · COCO · Flickr30k ─▶ PairSet      any pair by its number: pairs[17]
    Hub, streaming · WebDataset shards        ─▶ PairStream   one after the other, each process its own share

Images stay encoded here. Whoever reads a pair decodes it, and can leave it out when that fails: among millions of
web images some always are damaged.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

from clip_tutor.images import ImageLike
from clip_tutor.tokenizers.cleaning import is_blank, replace_surrogates


class Pair(NamedTuple):
    """An image and what people wrote about it."""

    name: str  # a file name, a key or a row: what a message about this pair calls it
    image: ImageLike  # a path, the bytes of a file, or an image that is already open
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
    """Return a caption or a list of captions without blank ones and without space around them.

    Blank is what cleaning turns into nothing (see `is_blank`), and None, and NaN, which pandas has for what is missing.
    Half characters become U+FFFD. Some sets keep each caption in a record of its own, as {"raw": …}.

    Raises:
        TypeError: they are neither text nor a list of texts.
        ValueError: a caption is bytes, and not UTF-8.
    """
    many = captions if isinstance(captions, list | tuple) else [captions]
    kept = []
    for caption in many:
        text = caption if isinstance(caption, str) else _text_of(caption)
        if text is None:
            what = "a caption is a text" if many is captions else "captions are a text or a list of texts"
            raise TypeError(f"{what}, not {type(caption).__name__}: {caption!r:.60}")
        if not is_blank(text):
            kept.append(replace_surrogates(text.strip()))
    return tuple(kept)


def _text_of(caption: object) -> str | None:
    """Return what a caption says that is not a string: nothing if it is missing; None if it is no caption."""
    if isinstance(caption, Mapping) and "raw" in caption:
        caption = caption["raw"]
    if isinstance(caption, bytes):
        try:
            return caption.decode("utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(f"a caption is bytes that are not UTF-8: {caption!r:.60}") from error
    if caption is None or caption != caption:
        return ""
    return caption if isinstance(caption, str) else None


CAPTION_COLUMNS = ("captions", "caption", "texts", "text", "txt", "sentences", "sentence", "comment", "title")


def pick_column(columns: Iterable[str], known: tuple[str, ...], what: str, where: str) -> str:
    """Return the first of the ``known`` names that a table has; capitals and space around a name do not count.

    Args:
        columns: the table's own names.
        known: names that people give to such a column, the likeliest first.
        what: what the column holds, and ``where`` the table lies: for the message.

    Raises:
        ValueError: none of the known names is among them, or the likeliest twice.
    """
    found = _likeliest(columns, known, what, where)
    if len(found) > 1:
        raise ValueError(f"{where} has {len(found)} columns for {what}, {found}: call the others something else")
    return found[0]


def _likeliest(columns: Iterable[str], known: tuple[str, ...], what: str, where: str) -> list[str]:
    """Return all columns with the first of the ``known`` names that there is."""
    own = list(columns)
    for name in known:
        if found := [column for column in own if column.strip().lower() == name]:
            return found
    raise ValueError(
        f"{where} has no column for {what} among {', '.join(own) or 'none at all'}. "
        f"Call one of them {known[0]!r} (or {', '.join(known[1:4])} …)"
    )


def pick_caption_columns(columns: Iterable[str], where: str) -> list[str]:
    """Return which columns hold captions: the likeliest name's, and what has the same name and a number.

    ``caption_0``, ``caption_1`` … are several captions, and so are ``caption`` and ``caption.1``, as pandas calls two
    columns of one name.

    Raises:
        ValueError: there is none.
    """
    names = {column: column.strip().lower() for column in columns}
    numbered = [match[1] for name in names.values() if (match := re.fullmatch(r"(caption|sentence|text)_?\d+", name))]
    stems = numbered or [_likeliest(names, CAPTION_COLUMNS, "captions", where)[0].strip().lower()]
    same = re.compile(rf"({'|'.join(stems)})([_. ]?\d+)?")
    return [column for column, name in names.items() if same.fullmatch(name)]


def captions_in(row: Mapping[str, Any], columns: list[str]) -> Any:
    """Return what a row holds in its caption columns, still to be cleaned."""
    return row[columns[0]] if len(columns) == 1 else [row[column] for column in columns]
