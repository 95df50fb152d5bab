"""The byte-pair tokenizer for use: the ids of the plain one in `bpe`, dozens of times as fast, and CLIP's own list.

    train              counts are kept up to date     bpe_training.py    plain: bpe.train_bpe
    encode             ids are remembered             cache.py           plain: bpe.BPETokenizer.encode
    merging a word     a queue of pairs               merging.py         plain: bpe.encode_word
    from_vocabulary    published files                bpe_file.py

The tests ``test_the_fast_tokenizer_gives_the_ids_of_the_plain_one`` and ``test_merges_equal_a_naive_recount`` hold
the two equal.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

from clip_tutor.tokenizers import bpe
from clip_tutor.tokenizers.bpe import END_OF_TEXT, START_OF_TEXT
from clip_tutor.tokenizers.bpe_file import read_merges
from clip_tutor.tokenizers.bpe_training import train_bpe_incrementally
from clip_tutor.tokenizers.cache import Cache
from clip_tutor.tokenizers.cleaning import clean
from clip_tutor.tokenizers.merging import merge_by_rank


class BPETokenizer(bpe.BPETokenizer):
    """Captions to rows of ids and back, from a list of merges; its arguments are those of `bpe.BPETokenizer`."""

    @classmethod
    def from_vocabulary(
        cls, path: str | Path, context_length: int = 77, special_tokens: tuple[str, str] = (START_OF_TEXT, END_OF_TEXT)
    ) -> BPETokenizer:
        """Return CLIP's own tokenizer, 49,408 ids, from a published file; see ``read_merges``."""
        return cls(read_merges(path), context_length, special_tokens)

    @classmethod
    def train(cls, captions: Iterable[str], vocab_size: int, context_length: int = 77) -> BPETokenizer:
        """Return a tokenizer of at most ``vocab_size`` ids (at least 514) whose merges fit ``captions``."""
        return cls(train_bpe_incrementally(captions, bpe.count_merges(vocab_size)), context_length)

    @cached_property
    def _cache(self) -> Cache:
        return Cache(self._encode_piece)

    def encode(self, text: str) -> list[int]:
        """Return the ids of a caption, without special tokens and of any length; an empty text has none.

        No word reaches across a space, so what lies between two spaces always has the same ids.

        Raises:
            TypeError: ``text`` is not a string.
        """
        cache = self._cache
        ids: list[int] = []
        for piece in clean(text).split():
            ids += cache[piece]
        return ids

    def _encode_piece(self, piece: str) -> list[int]:
        """Return the ids of a piece of a caption without spaces."""
        words = self._words.findall(piece)
        if len(words) > 1:  # "dog," is two words, and "dog" may be known
            return [i for word in words for i in self._cache[word]]
        if words[0] in self.special_tokens:
            return [self.token_to_id[words[0]]]
        symbols = merge_by_rank(bpe.as_symbols(bpe.spell_bytes(words[0])), self._rank_of)
        return [self.token_to_id[symbol] for symbol in symbols]

    def _rank_of(self, left: str, right: str) -> int | None:
        return self.ranks.get((left, right))
