"""SentencePiece's own byte-pair encoding, as Gemma and SigLIP 2 have it: one long word, spaces and all.

    "Snow, 20 cm"  ──lower──▶  "snow, 20 cm"  ──escape──▶  s n o w , ▁ 2 0 ▁ c m
      ──merges──▶  snow · , · ▁ · 2 · 0 · ▁cm        a character without a piece: its bytes, <0xF0> <0x9F> …
      ──ids──▶  [one id a piece, <eos>, <pad>, <pad>, …]

CLIP first splits a text into words and merges inside them; here a space is a symbol like any other, in front
of its word, and digits stay apart because no merge joins them. There is no start token; the row ends in <eos>.

Source: google/sentencepiece ``src/bpe_model.cc``; for the rows, google-research/big_vision ``pp/ops_text.py``.
"""

from __future__ import annotations

from collections.abc import Iterator

from clip_tutor.tokenizers.cleaning import replace_surrogates
from clip_tutor.tokenizers.merging import merge_by_rank
from clip_tutor.tokenizers.sentencepiece.normalization import Normalizer, longest_first
from clip_tutor.tokenizers.sentencepiece.pieces import PieceType, Vocabulary
from clip_tutor.tokenizers.sentencepiece.tokenizer import PieceTokenizer


class SentencePieceBPETokenizer(PieceTokenizer):
    """Captions to rows of ids and back, from pieces that are merged.

    Args:
        vocabulary: the pieces. <eos> (or </s>) must be among them; <pad> fills the rows, or <eos> without it.
        context_length: ids in a row (64 in SigLIP 2).
    """

    kind = "sentencepiece_bpe"
    algorithm = "bpe"
    end_tokens = ("<eos>", "</s>")

    def __init__(self, vocabulary: Vocabulary, context_length: int = 64) -> None:
        super().__init__(vocabulary, context_length)
        pad_id = self._table.id_of_first("<pad>")
        self.pad_id = self.end_id if pad_id is None else pad_id
        defined = [piece.text for piece in vocabulary.pieces if piece.kind == PieceType.USER_DEFINED]
        self._normalize = Normalizer(vocabulary.normalization, defined)
        self._defined = longest_first(defined)
        self._added_tokens = longest_first(vocabulary.added_tokens)
        self._place_of_pair = {pair: place for place, pair in enumerate(vocabulary.merges)}
        self._rank = self._rank_of_pair if vocabulary.backend == "tokenizers" else self._rank_of_piece

    @staticmethod
    def _other_algorithm() -> str:
        return "these pieces are chosen by probability, not merged: use UnigramTokenizer"

    def _rank_of_piece(self, left: str, right: str) -> float | None:
        """SentencePiece: two neighbors merge when they spell a piece, the piece of the highest score first."""
        i = self._table.token_to_id.get(left + right)
        return None if i is None else -self.vocabulary.pieces[i].score

    def _rank_of_pair(self, left: str, right: str) -> float | None:
        """The Hub's program: two neighbors merge when the list has the pair; earlier pairs of the list merge first."""
        return self._place_of_pair.get((left, right))

    def encode(self, text: str) -> list[int]:
        """Return the ids of a caption, without the end token and of any length; an empty text has none.

        Raises:
            TypeError: ``text`` is not a string.
        """
        text = replace_surrogates(text)
        if self._added_tokens is None:
            return self._table.ids(self._segments(text))
        ids: list[int] = []
        end = 0
        for match in self._added_tokens.finditer(text):
            ids += self._table.ids(self._segments(text[end : match.start()]))
            ids.append(self._table.any_id_of[match.group()])
            end = match.end()
        return ids + self._table.ids(self._segments(text[end:]))

    def _segments(self, text: str) -> Iterator[str]:
        """Yield the symbols that are left when nothing more can be merged."""
        # Letter by letter: the lower case of a Greek sigma must not depend on its neighbors.
        normalized = self._normalize("".join(map(str.lower, text)))
        end = 0
        for match in self._defined.finditer(normalized) if self._defined is not None else ():
            yield from merge_by_rank(normalized[end : match.start()], self._rank, one_by_one=True)
            yield match.group()
            end = match.end()
        yield from merge_by_rank(normalized[end:], self._rank, one_by_one=True)
