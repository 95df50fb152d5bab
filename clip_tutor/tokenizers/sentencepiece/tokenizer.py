"""What SentencePiece's two tokenizers share, however they cut: rows with an end token, and a file of pieces.

UnigramTokenizer            the most probable cut ─┐
                                                   ├─ encode ─▶ ids, the end token, padding
SentencePieceBPETokenizer   what merging leaves   ─┘
"""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from clip_tutor.tokenizers.base import Tokenizer
from clip_tutor.tokenizers.sentencepiece.hub_file import read_pieces
from clip_tutor.tokenizers.sentencepiece.pieces import PieceTable, Vocabulary

Own = TypeVar("Own", bound="PieceTokenizer")


class PieceTokenizer(Tokenizer):
    """Captions to rows of ids and back, from a vocabulary of pieces.

    Args:
        vocabulary: the pieces; an end token must be among them.
        context_length: ids in a row.

    Raises:
        ValueError: there is no end token, the pieces belong to another algorithm, or the rows hold no word.
    """

    batch_padding = "context_length"  # ``test_a_bidirectional_tower_wants_whole_rows``
    algorithm: ClassVar[str]  # of the vocabulary
    end_tokens: ClassVar[tuple[str, ...]]  # names of the end token, the usual one first

    def __init__(self, vocabulary: Vocabulary, context_length: int = 64) -> None:
        if vocabulary.algorithm != self.algorithm:
            raise ValueError(self._other_algorithm())
        self.vocabulary = vocabulary
        self._table = PieceTable(vocabulary)
        end_id = self._table.id_of_first(*self.end_tokens)
        if end_id is None:
            names = " or ".join(self.end_tokens)
            raise ValueError(f"none of these {len(vocabulary.pieces)} pieces is {names}, which ends every row")
        super().__init__(context_length, len(vocabulary.pieces), start_id=None, end_id=end_id, pad_id=end_id)

    @classmethod
    def from_vocabulary(cls: type[Own], path: str | Path, context_length: int = 64) -> Own:
        """Return the tokenizer of a published ``.model`` or ``tokenizer.json``; see ``read_pieces``."""
        return cls(read_pieces(path), context_length)

    @staticmethod
    @abstractmethod
    def _other_algorithm() -> str:
        """Say which tokenizer the vocabulary belongs to, if not to this one."""

    def _text_of(self, ids: list[int]) -> str:
        return self._table.text(ids)

    def _to_fields(self) -> dict[str, Any]:
        return self.vocabulary.to_fields()

    @classmethod
    def _from_fields(cls: type[Own], fields: dict[str, Any]) -> Own:
        return cls(Vocabulary.from_fields(fields), fields["context_length"])
