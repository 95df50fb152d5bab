"""What SentencePiece's two tokenizers share, however they cut: rows with an end token, and a file of pieces.

UnigramTokenizer            the most probable cut ─┐
                                                   ├─ encode ─▶ ids, the end token, padding
SentencePieceBPETokenizer   what merging leaves   ─┘
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar, TypeVar

from clip_tutor.tokenizers.files import not_a_tokenizer, read_fields
from clip_tutor.tokenizers.rows import add_special_tokens, as_list, check_context_length
from clip_tutor.tokenizers.sentencepiece.hub_file import read_pieces
from clip_tutor.tokenizers.sentencepiece.pieces import PieceTable, Vocabulary

Own = TypeVar("Own", bound="PieceTokenizer")


class PieceTokenizer(ABC):
    """Captions to rows of ids and back, from a vocabulary of pieces.

    Args:
        vocabulary: the pieces; an end token must be among them.
        context_length: ids in a row.

    Raises:
        ValueError: there is no end token, the pieces belong to another algorithm, or the rows hold no word.
    """

    kind: ClassVar[str]  # in the JSON text
    algorithm: ClassVar[str]  # of the vocabulary
    end_tokens: ClassVar[tuple[str, ...]]  # names of the end token, the usual one first

    def __init__(self, vocabulary: Vocabulary, context_length: int = 64) -> None:
        check_context_length(context_length, special_tokens=1)
        if vocabulary.algorithm != self.algorithm:
            raise ValueError(self._other_algorithm())
        self.vocabulary = vocabulary
        self.context_length = context_length
        self._table = PieceTable(vocabulary)
        end_id = self._table.id_of_first(*self.end_tokens)
        if end_id is None:
            names = " or ".join(self.end_tokens)
            raise ValueError(f"none of these {len(vocabulary.pieces)} pieces is {names}, which ends every row")
        self.end_id = self.pad_id = end_id

    @classmethod
    def from_vocabulary(cls: type[Own], path: str | Path, context_length: int = 64) -> Own:
        """Return the tokenizer of a published ``.model`` or ``tokenizer.json``; see ``read_pieces``."""
        return cls(read_pieces(path), context_length)

    @staticmethod
    @abstractmethod
    def _other_algorithm() -> str:
        """Say which tokenizer the vocabulary belongs to, if not to this one."""

    @abstractmethod
    def encode(self, text: str) -> list[int]:
        """Return the ids of a caption, without the end token and of any length; an empty text has none.

        Raises:
            TypeError: ``text`` is not a string.
        """

    @property
    def vocab_size(self) -> int:
        """How many ids there are."""
        return len(self.vocabulary.pieces)

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of a row of ids up to its first end token."""
        return self._table.text(ids, self.end_id)

    def __call__(self, captions: str | Iterable[str], *, truncate: bool = False) -> list[list[int]]:
        """Return one row of ids a caption: its ids, the end token, and padding up to the context length.

        Args:
            captions: one caption or several; an empty one is an end token and padding.
            truncate: cut a caption that is too long instead of raising; its last id becomes the end token.

        Raises:
            TypeError: a caption is not a string.
            ValueError: a caption is too long and ``truncate`` is off.
        """
        rows = [
            add_special_tokens(self.encode(caption), caption, self.context_length, truncate, (), (self.end_id,))
            for caption in as_list(captions)
        ]
        return [row + [self.pad_id] * (self.context_length - len(row)) for row in rows]

    def to_json(self) -> str:
        """Return the tokenizer as JSON text: its vocabulary and its context length say everything."""
        fields = {"kind": self.kind, "context_length": self.context_length} | self.vocabulary.to_fields()
        return json.dumps(fields, ensure_ascii=False)

    @classmethod
    def from_json(cls: type[Own], text: str) -> Own:
        """Return the tokenizer that ``to_json`` wrote.

        Raises:
            ValueError: the text is not JSON, or not a tokenizer of this kind.
        """
        fields = read_fields(text, cls.kind, cls.__name__)
        try:
            return cls(Vocabulary.from_fields(fields), fields["context_length"])
        except (KeyError, TypeError, ValueError) as error:
            raise not_a_tokenizer(text, cls.__name__, error) from error
