"""What every tokenizer can do, whichever way it cuts words into pieces.

                    ┌─ encode ─▶ [320, 1929]                    pieces only, of any length
    "a dog"  ───────┤
                    └─ call ───▶ [start, 320, 1929, end, 0, …]  a row for a text tower: special tokens and padding

Towers, search and training ask only for this, so that a model may come with any of the four.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, runtime_checkable


@runtime_checkable
class Tokenizer(Protocol):
    """Captions to rows of ids, and ids to text."""

    context_length: int  # ids in a row, special tokens and padding included

    @property
    def vocab_size(self) -> int:
        """How many ids there are."""
        ...

    @property
    def pad_id(self) -> int:
        """The id that fills a row after its caption."""
        ...

    def encode(self, text: str) -> list[int]:
        """Return the ids of a caption, without special tokens and of any length."""
        ...

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of a row of ids, without its special tokens and padding."""
        ...

    def __call__(self, captions: str | Iterable[str], *, truncate: bool = False) -> list[list[int]]:
        """Return one row of exactly ``context_length`` ids a caption."""
        ...

    def to_json(self) -> str:
        """Return all that the tokenizer knows as JSON text, which ``tokenizers.from_json`` reads."""
        ...
