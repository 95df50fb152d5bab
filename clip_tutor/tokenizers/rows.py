"""Rows of one length: special tokens around the ids, padding behind them, and no word lost in silence.

ids  320 1929  ──▶  49406 320 1929 49407  0 0 0 …        (CLIP: a special token on either side)
               ──▶  320 1929 1  1 1 1 …                  (SigLIP: one special token, and the same id pads)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

_COUNT = {1: "one special token", 2: "two special tokens"}


def as_list(captions: str | Iterable[str]) -> list[str]:
    """Return captions as a list: one caption is a list of one, not of its letters.

    Raises:
        TypeError: they are a dictionary, which Python would take for a list of its keys.
    """
    return [captions] if isinstance(captions, str) else list(several(captions))


def several(captions: Iterable[str]) -> Iterable[str]:
    """Return captions as they are, once it is sure that they are several.

    Raises:
        TypeError: they are one text, which Python would take for a list of its letters, or a dictionary.
    """
    if isinstance(captions, str | bytes | Mapping):
        raise TypeError(
            f"captions must be a list of texts, and this is one {type(captions).__name__}: {captions!r:.60}. "
            "Put a single caption in a list, read a file's lines first, and take a dictionary's values()."
        )
    return captions


def add_special_tokens(
    ids: Sequence[int], caption: str, context_length: int, truncate: bool, start: tuple[int, ...], end: tuple[int, ...]
) -> list[int]:
    """Return the start tokens, the ids, and the end tokens, in at most ``context_length`` ids.

    Args:
        caption: what the ids stand for; an error shows how it begins.
        truncate: cut ids that are too many. The end token stays: the model reads a caption's vector there.

    Raises:
        ValueError: there are too many ids, and ``truncate`` is off.
    """
    special_tokens = len(start) + len(end)
    room = context_length - special_tokens
    if len(ids) > room and not truncate:
        raise ValueError(
            f"context_length {context_length} holds {room} tokens and {_COUNT[special_tokens]}; this caption has "
            f"{len(ids)} tokens: {caption[:40]!r}… Shorten it, or pass truncate=True to cut it."
        )
    return [*start, *ids[:room], *end]


def check_context_length(context_length: int, special_tokens: int) -> None:
    """Refuse rows that cannot hold their special tokens and a word.

    Raises:
        ValueError: ``context_length`` has no room for them.
    """
    if context_length < special_tokens + 1:
        raise ValueError(
            f"context_length {context_length} has no room for {_COUNT[special_tokens]} and a word: "
            f"use at least {special_tokens + 1}"
        )


def check_id(i: int, vocab_size: int) -> None:
    """Refuse an id that a vocabulary of ``vocab_size`` ids does not have.

    Raises:
        ValueError: there is no such id.
    """
    if not 0 <= i < vocab_size:
        raise ValueError(f"id {i} is not in this vocabulary of {vocab_size}: another tokenizer made it")
