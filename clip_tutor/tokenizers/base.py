"""What every tokenizer does, whichever way it cuts words into pieces: rows, text and a file.

                    ┌─ encode ─▶ [320, 1929]                    pieces only, of any length
    "a dog"  ───────┤
                    └─ call ───▶ [start, 320, 1929, end, 0, …]  a row for a text tower: special tokens and padding

    CLIP, BERT      49406 320 1929 49407  0 0 0 …     a special token on either side, then padding
    SentencePiece   320 1929 1  1 1 1 …               one special token; in SigLIP the same id pads

A family of tokenizers says how text becomes ids, how ids become text, and what it needs to be written down. The rest
is here, once. Towers, search and training ask only for this, so that a model may come with any of the families.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar

from clip_tutor.tokenizers.cleaning import check_captions

Padding = Literal["context_length", "longest"]
Own = TypeVar("Own", bound="Tokenizer")

_SPECIAL_TOKENS = ("one special token", "two special tokens")  # without and with a start token


class Tokenizer(ABC):
    """Captions to rows of ids, and ids to text.

    Args:
        context_length: ids in a row, special tokens and padding included.
        vocab_size: V, how many ids there are.
        start_id: the special token that begins every row, or None where rows have none.
        end_id: the special token that ends every caption.
        pad_id: what fills a row after its caption.

    Raises:
        ValueError: ``context_length`` has no room for the special tokens and a word.
    """

    kind: ClassVar[str]  # the family's name in JSON text
    # How rows of one batch may be padded without a change to what this family's text towers compute.
    batch_padding: ClassVar[Padding]

    def __init__(self, context_length: int, vocab_size: int, start_id: int | None, end_id: int, pad_id: int) -> None:
        self.context_length = context_length
        self.vocab_size = vocab_size
        self.start_id = start_id
        self.end_id = end_id
        self.pad_id = pad_id
        self._start = [] if start_id is None else [start_id]
        self._room = context_length - len(self._start) - 1  # for the ids of a caption
        if self._room < 1:
            raise ValueError(
                f"context_length {context_length} has no room for {_SPECIAL_TOKENS[len(self._start)]} and a word: "
                f"use at least {len(self._start) + 2}"
            )

    @abstractmethod
    def encode(self, text: str) -> list[int]:
        """Return the ids of a caption, without special tokens and of any length; an empty text has none.

        Raises:
            TypeError: ``text`` is not a string.
        """

    @abstractmethod
    def _text_of(self, ids: list[int]) -> str:
        """Return the text that ids stand for; there is neither a start nor an end token among them."""

    @abstractmethod
    def _to_fields(self) -> dict[str, Any]:
        """Return what the constructor needs besides ``context_length``, in types that JSON knows."""

    @classmethod
    @abstractmethod
    def _from_fields(cls: type[Own], fields: dict[str, Any]) -> Own:
        """Return the tokenizer that was written as these fields, ``context_length`` among them."""

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of a row of ids: what comes after the first end token, and the special tokens, left out.

        Raises:
            ValueError: there is no such id.
        """
        kept: list[int] = []
        for i in ids:
            if not 0 <= i < self.vocab_size:
                raise ValueError(f"id {i} is not in this vocabulary of {self.vocab_size}: another tokenizer made it")
            if i == self.end_id:
                break
            if i != self.start_id:
                kept.append(i)
        return self._text_of(kept)

    def __call__(
        self, captions: str | Iterable[str], *, truncate: bool = False, pad: Padding = "context_length"
    ) -> list[list[int]]:
        """Return one row of ids a caption: the start token if there is one, ids, the end token, and padding.

        An empty caption is a row of special tokens: guidance steers an image away from it.

        Args:
            captions: one caption or several.
            truncate: cut a caption that is too long instead of raising. Its last id becomes the end token, which must
                stay: CLIP reads the caption's vector there.
            pad: "longest" fills rows up to the longest caption of this batch only. CLIP's and BERT's towers do not
                look at padding and compute the same features from the shorter rows, in less time; SigLIP's reads
                the last place of a whole row. ``batch_padding`` says which of the two a family's towers allow.

        Raises:
            TypeError: a caption is not a string, or ``captions`` is a dictionary.
            ValueError: a caption is too long and ``truncate`` is off.
        """
        if isinstance(captions, str):
            captions = [captions]
        check_captions(captions)
        rows = [self._row(caption, truncate) for caption in captions]
        length = max(map(len, rows), default=0) if pad == "longest" else self.context_length
        return [row + [self.pad_id] * (length - len(row)) for row in rows]

    def _row(self, caption: str, truncate: bool) -> list[int]:
        """Return the ids of one caption between their special tokens, without padding."""
        ids = self.encode(caption)
        if len(ids) > self._room and not truncate:
            raise ValueError(
                f"context_length {self.context_length} holds {self._room} tokens and "
                f"{_SPECIAL_TOKENS[len(self._start)]}; this caption has {len(ids)} tokens: {caption[:40]!r}… "
                "Shorten it, or pass truncate=True to cut it."
            )
        return [*self._start, *ids[: self._room], self.end_id]

    def to_json(self) -> str:
        """Return all that the tokenizer knows as JSON text, which ``tokenizers.from_json`` reads."""
        fields = {"kind": self.kind, "context_length": self.context_length} | self._to_fields()
        return json.dumps(fields, ensure_ascii=False)

    @classmethod
    def from_json(cls: type[Own], text: str) -> Own:
        """Return the tokenizer that ``to_json`` wrote.

        Raises:
            ValueError: the text is not JSON, or not a tokenizer of this kind.
        """
        try:
            fields = json.loads(text)
            if fields["kind"] != cls.kind:
                raise ValueError(f"its kind is {fields['kind']!r}")
            return cls._from_fields(fields)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(
                f"this is not a tokenizer written by {cls.__name__}.to_json ({error!r}); it begins {text[:40]!r}"
            ) from error

    def save(self, path: str | Path) -> None:
        """Write the tokenizer to a JSON file."""
        Path(path).write_text(self.to_json(), encoding="utf-8")

    @classmethod
    def load(cls: type[Own], path: str | Path) -> Own:
        """Read a tokenizer that ``save`` wrote.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it holds something else, or was cut off.
        """
        return cls.from_json(Path(path).read_text(encoding="utf-8"))
