"""GPT-2's byte-level byte-pair encoding: the same merges as CLIP's, on text that is left exactly as it is.

    "A dog isn't"  ──split──▶  "A" · " dog" · " isn" · "'t"        a space belongs to the word AFTER it
      ──bytes──▶  A · Ġ d o g · Ġ i s n · ' t  ──merges──▶  A · Ġdog · Ġisn · 't  ──ids──▶  [32, 3290, 2125, 470]

    CLIP    lower case, spaces squeezed and dropped, a word's last symbol marked </w>, one digit a word
    GPT-2   nothing changed, so that decoding gives back the very text; "dog" and " dog" are two different words

A language model must write text that people read, CLIP only has to understand it: so capitals, spaces and line breaks
are kept. All of the merging is `bpe`'s; `merging` and `cache` make it fast.

Source: openai/gpt-2 ``src/encoder.py``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import regex

from clip_tutor.tokenizers.base import Tokenizer
from clip_tutor.tokenizers.bpe import END_OF_TEXT, Pair, bytes_to_unicode, read_bytes, spell_bytes
from clip_tutor.tokenizers.bpe_file import merges_in
from clip_tutor.tokenizers.cache import Cache
from clip_tutor.tokenizers.cleaning import replace_surrogates
from clip_tutor.tokenizers.files import read_lines, read_vocabulary
from clip_tutor.tokenizers.merging import merge_by_rank

# A contraction, letters, digits, or anything else, each with one space before it; else white space, whose last one
# is left to the word that follows.
_WORDS = regex.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")


class GPT2Tokenizer(Tokenizer):
    """Texts to ids and back, from a list of merges; every text comes back as it was.

    The order of ids is GPT-2's, unless ``vocabulary`` says another: 256 bytes, one id a merge, the end token. There is
    no start token: GPT-2's texts begin after the end token of the one before. It also fills rows: whatever
    stands behind the first one is padding.

    Args:
        merges: pairs of symbols in the order in which they were learned.
        context_length: ids in a row, the end token included (1024 in GPT-2).
        vocabulary: each symbol's id, where they are not in GPT-2's order.

    Raises:
        ValueError: ``context_length`` is below 2, or ``vocabulary`` lacks a symbol or an id.
    """

    kind = "gpt2"
    batch_padding = "longest"  # a causal model never looks at what comes later

    def __init__(
        self, merges: Iterable[Pair], context_length: int = 1024, vocabulary: Mapping[str, int] | None = None
    ) -> None:
        self.merges = [(left, right) for left, right in merges]
        self.ranks = {pair: rank for rank, pair in enumerate(self.merges)}
        symbols = [*bytes_to_unicode().values(), *(left + right for left, right in self.merges), END_OF_TEXT]
        self._vocabulary = dict(vocabulary) if vocabulary else None
        self.token_to_id = self._vocabulary or {symbol: i for i, symbol in enumerate(symbols)}
        if absent := [symbol for symbol in symbols if symbol not in self.token_to_id]:
            raise ValueError(
                f"the vocabulary has no id for {absent[0]!r} ({len(absent)} symbols in all): "
                "vocab.json and merges.txt belong to different models, download them together"
            )
        self.id_to_token = sorted(self.token_to_id, key=self.token_to_id.__getitem__)
        if [self.token_to_id[token] for token in self.id_to_token] != list(range(len(self.id_to_token))):
            raise ValueError("the ids of the vocabulary are not 0, 1, 2, … without a gap: download vocab.json again")
        end_id = self.token_to_id[END_OF_TEXT]
        super().__init__(context_length, len(self.id_to_token), start_id=None, end_id=end_id, pad_id=end_id)

    @classmethod
    def from_vocabulary(
        cls, path: str | Path, context_length: int = 1024, vocabulary: str | Path | None = None
    ) -> GPT2Tokenizer:
        """Return the tokenizer of published files.

        Args:
            path: ``merges.txt``, or OpenAI's ``vocab.bpe``.
            vocabulary: ``vocab.json``, or OpenAI's ``encoder.json``; not needed where ids have GPT-2's order.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: a file is something else, was cut off, or the two do not belong together.
        """
        advice = "GPT-2's merges are merges.txt on the Hub"
        merges = merges_in(read_lines(path), bytes_to_unicode().values(), path, advice)
        if vocabulary is None:
            return cls(merges, context_length)
        try:
            ids = json.loads(read_vocabulary(vocabulary))
        except ValueError as error:
            raise ValueError(f"{vocabulary} cannot be read as JSON ({error}): GPT-2's is vocab.json") from error
        if not isinstance(ids, dict) or not all(isinstance(i, int) for i in ids.values()):
            raise ValueError(f"{vocabulary} does not hold a symbol's id by its name: GPT-2's is vocab.json")
        return cls(merges, context_length, ids)

    @cached_property
    def _cache(self) -> Cache:
        return Cache(self._encode_word)

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text of any length; an empty text has none.

        Half characters: see `replace_surrogates`.

        Raises:
            TypeError: ``text`` is not a string.
        """
        cache = self._cache
        ids: list[int] = []
        for n, part in enumerate(replace_surrogates(text).split(END_OF_TEXT)):
            if n:
                ids.append(self.end_id)
            for word in _WORDS.findall(part):
                ids += cache[word]
        return ids

    def _encode_word(self, word: str) -> list[int]:
        return [self.token_to_id[symbol] for symbol in merge_by_rank(spell_bytes(word), self._rank_of)]

    def _rank_of(self, left: str, right: str) -> int | None:
        return self.ranks.get((left, right))

    def _text_of(self, ids: list[int]) -> str:
        return read_bytes("".join(self.id_to_token[i] for i in ids))

    def _to_fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = {"merges": [" ".join(pair) for pair in self.merges]}
        return fields | ({"vocabulary": self._vocabulary} if self._vocabulary else {})

    @classmethod
    def _from_fields(cls, fields: dict[str, Any]) -> GPT2Tokenizer:
        merges = [(left, right) for left, right in (merge.split(" ") for merge in fields["merges"])]
        return cls(merges, fields["context_length"], fields.get("vocabulary"))
