"""A unigram tokenizer: of all ways to cut a text into known pieces, the most probable one. SigLIP's.

    "Snowy owls!"  ──canonicalize──▶  "snowy owls"  ──normalize──▶  "▁snowy▁owls"

      ▁  s  n  o  w  y  ▁  o  w  l  s         every piece is an arrow with a log-probability:
      └──▁snow───┘└y┘└──▁owl──┘└s┘            the best way to each place is the best way to an earlier
      └───▁snowy────┘└───▁owls───┘  ◀ best    place plus one arrow (Viterbi)
      ──ids──▶  [▁snowy, ▁owls, </s>, </s>, </s>, …]

BPE cannot undo a merge; here all cuts compete, and each piece's score is the logarithm of how often it was used.
The row has no start token. Its end token </s> is repeated to the end, so the last place, where SigLIP reads the
caption's vector, is always one.

Source: Kudo 2018, "Subword Regularization"; google/sentencepiece ``src/unigram_model.cc``; for the rows,
google-research/big_vision ``pp/ops_text.py``.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from typing import Any

from clip_tutor.tokenizers.cleaning import canonicalize
from clip_tutor.tokenizers.sentencepiece.normalization import SPACE, Normalization, Normalizer
from clip_tutor.tokenizers.sentencepiece.pieces import Piece, PieceType, Vocabulary
from clip_tutor.tokenizers.sentencepiece.tokenizer import PieceTokenizer
from clip_tutor.tokenizers.sentencepiece.unigram_training import learn_pieces

# An unknown character is that much less probable than the rarest piece: e⁻¹⁰, one in twenty thousand.
UNKNOWN_PENALTY = 10.0

Trie = dict[str, Any]  # a character leads to the next node; "" to the score of the piece that ends here


def _rounded(number: float) -> float:
    """Return what is left of a number in 32 bits."""
    return array("f", [number])[0]


class UnigramTokenizer(PieceTokenizer):
    """Captions to rows of ids and back, from pieces with log-probabilities.

    Args:
        vocabulary: the pieces; </s> must be among them, and ends and fills the rows.
        context_length: ids in a row (64 in SigLIP, 16 in its So400m at 224 pixels).
    """

    kind = "unigram"
    algorithm = "unigram"
    end_tokens = ("</s>",)

    def __init__(self, vocabulary: Vocabulary, context_length: int = 64) -> None:
        super().__init__(vocabulary, context_length)
        defined = [piece.text for piece in vocabulary.pieces if piece.kind == PieceType.USER_DEFINED]
        self._normalize = Normalizer(vocabulary.normalization, defined, vocabulary.backend == "tokenizers")
        scores = [piece.score for piece in vocabulary.pieces if piece.kind == PieceType.NORMAL]
        self._unknown_score = min(scores, default=0.0) - UNKNOWN_PENALTY
        self._trie: Trie = {}
        for text, i in self._table.token_to_id.items():
            piece = vocabulary.pieces[i]
            node = self._trie
            for character in text:
                node = node.setdefault(character, {})
            # What a model's maker has defined by hand wins against any other cut, a long piece against short ones.
            by_hand = _rounded((len(text.encode("utf-8")) - 1) * 0.1)
            node[""] = by_hand if piece.kind == PieceType.USER_DEFINED else piece.score

    @staticmethod
    def _other_algorithm() -> str:
        return "these pieces are merged, not chosen by probability: use SentencePieceBPETokenizer"

    @classmethod
    def train(cls, captions: Iterable[str], vocab_size: int, context_length: int = 64) -> UnigramTokenizer:
        """Return a tokenizer of at most ``vocab_size`` ids whose pieces fit ``captions``, in SigLIP's order.

        Raises:
            ValueError: ``vocab_size`` has no room for the captions' letters, or there are none.
        """
        learned = learn_pieces(captions, vocab_size - 3)
        control, unknown = PieceType.CONTROL, PieceType.UNKNOWN
        special_tokens = (Piece("<pad>", 0.0, control), Piece("</s>", 0.0, control), Piece("<unk>", 0.0, unknown))
        pieces = (*special_tokens, *(Piece(text, _rounded(score)) for text, score in learned.items()))
        return cls(Vocabulary("unigram", "sentencepiece", pieces, Normalization()), context_length)

    def viterbi(self, text: str) -> list[str]:
        """Return the pieces of the most probable cut of a normalized text; an unknown character is a piece, too.

        Where two cuts are equally probable, rounding decides, and the pieces' order with it: SentencePiece adds
        up in 32 bits and the Hub's program in 64. The test ``test_ties_fall_as_in_the_program_that_reads_the_file``
        fails without either.
        """
        precision = "f" if self.vocabulary.backend == "sentencepiece" else "d"
        best = array(precision, [0.0]) * (len(text) + 1)
        total = array(precision, [0.0])  # rounds what is put into it
        cut_from = [-1] * (len(text) + 1)  # where the last piece of the best way to each place begins
        for start in range(len(text)):
            node, end, alone = self._trie, start, False
            while end < len(text) and (following := node.get(text[end])) is not None:
                node, end = following, end + 1
                if "" in node:
                    total[0] = best[start] + node[""]
                    if cut_from[end] < 0 or total[0] > best[end]:
                        best[end], cut_from[end] = total[0], start
                    alone = alone or end == start + 1
            if not alone:  # no piece is this one character, so it is unknown unless a longer piece holds it
                total[0] = best[start] + self._unknown_score
                if cut_from[start + 1] < 0 or total[0] > best[start + 1]:
                    best[start + 1], cut_from[start + 1] = total[0], start
        pieces: list[str] = []
        end = len(text)
        while end:
            pieces.append(text[cut_from[end] : end])
            end = cut_from[end]
        return pieces[::-1]

    def encode(self, text: str) -> list[int]:
        """Return the ids of a caption, without the end token and of any length; an empty text has none.

        Raises:
            TypeError: ``text`` is not a string.
        """
        normalized = self._normalize(canonicalize(text))
        ids: list[int] = []
        for part in self._parts(normalized):
            ids += self._table.ids(self.viterbi(part))
        return ids

    def _parts(self, text: str) -> Iterator[str]:
        """Yield what is cut at a time: the whole text in SentencePiece, one ``▁word`` in the Hub's program."""
        if self.vocabulary.backend == "sentencepiece":
            yield text
            return
        first, *words = text.split(SPACE)
        yield from [first, *(SPACE + word for word in words)] if first else (SPACE + word for word in words)
