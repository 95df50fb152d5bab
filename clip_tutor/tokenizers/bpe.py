"""Byte-level byte-pair encoding with CLIP's conventions, the plain way: captions become fixed-length rows of ids.

    "A puppy!"  ──clean──▶  "a puppy!"  ──split──▶  a · puppy · !
      ──bytes──▶  a</w> · p u p p y</w> · !</w>  ──merges──▶  a</w> · puppy</w> · !</w>
      ──ids──▶  [start, 320, 6829, 256, end, 0, 0, …]

Every word ends in ``</w>``, so "car" inside "carpet" and the word "car" are different symbols. The start
is one of 512 symbols (each byte, inside a word and at its end), so no text is ever unknown.

This file is written to be read. What `clip_tutor.tokenizers` gives to users is its fast form, which does the same:
see `bpe_training`, `bpe_fast` and `bpe_file`.

Follows openai/CLIP ``clip/simple_tokenizer.py``; the merges come from Sennrich et al. 2016, section 3.2.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import regex

from clip_tutor.tokenizers.base import Tokenizer
from clip_tutor.tokenizers.cleaning import check_captions, clean

END_OF_WORD = "</w>"
START_OF_TEXT = "<|startoftext|>"
END_OF_TEXT = "<|endoftext|>"
# OpenCLIP gives the same two ids other names. A caption that spells one out gets that special token's id.
OPEN_CLIP_SPECIAL_TOKENS = ("<start_of_text>", "<end_of_text>")

Pair = tuple[str, str]

# ---- the alphabet: words and bytes ----------------------------------------------------------------------------------


def word_pattern(special_tokens: tuple[str, str] = (START_OF_TEXT, END_OF_TEXT)) -> regex.Pattern[str]:
    """Return what CLIP calls a word.

    It is: a special token, an English contraction, a run of letters, ONE digit, or a run of anything else.
    """
    words = r"|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
    return regex.compile("|".join(map(regex.escape, special_tokens)) + words, regex.IGNORECASE)


_WORDS = word_pattern()


def bytes_to_unicode() -> dict[int, str]:
    """Return one printable character for each of the 256 bytes, in CLIP's order.

    Printable bytes stand for themselves. The other 68 (spaces, controls) borrow the characters from code
    point 256 on, so that merges can be written to a text file and read by a person.
    """
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    symbols = {byte: chr(byte) for byte in printable}
    others = (byte for byte in range(256) if byte not in symbols)
    return symbols | {byte: chr(256 + n) for n, byte in enumerate(others)}


_BYTE_TO_SYMBOL = bytes_to_unicode()
_SYMBOL_TO_BYTE = {symbol: byte for byte, symbol in _BYTE_TO_SYMBOL.items()}


def spell_bytes(word: str) -> str:
    """Return a word with one character for each of its bytes: ``"é"`` gives ``"Ã©"``."""
    return "".join([_BYTE_TO_SYMBOL[byte] for byte in word.encode("utf-8")])


def split_words(text: str) -> list[str]:
    """Return the words of a cleaned caption, each written in byte symbols: ``"é!"`` gives ``["Ã©", "!"]``."""
    return [spell_bytes(word) for word in _WORDS.findall(text)]


def as_symbols(word: str) -> list[str]:
    """Return a word's first symbols, the last one marked as the end: ``"dog"`` gives ``["d", "o", "g</w>"]``."""
    return [*word[:-1], word[-1] + END_OF_WORD]


# ---- training: merge the commonest pair, and repeat -----------------------------------------------------------------


def spell(captions: Iterable[str]) -> dict[tuple[str, ...], int]:
    """Return each different word of ``captions`` as its first symbols, and how often it stands there.

    Raises:
        TypeError: ``captions`` is one text, or a caption is not a string.
    """
    check_captions(captions)
    words = Counter(word for caption in captions for word in split_words(clean(caption)))
    return {tuple(as_symbols(word)): count for word, count in words.items()}


def count_pairs(spelled: Mapping[tuple[str, ...], int]) -> Counter[Pair]:
    """Return how often each pair of neighbors stands in words that come so many times."""
    pairs: Counter[Pair] = Counter()
    for symbols, count in spelled.items():
        for pair in pairwise(symbols):
            pairs[pair] += count
    return pairs


def merge_pair(symbols: Sequence[str], pair: Pair) -> list[str]:
    """Return ``symbols`` with each occurrence of ``pair`` merged, from left to right."""
    merged: list[str] = []
    i = 0
    while i < len(symbols):
        if tuple(symbols[i : i + 2]) == pair:
            merged.append(symbols[i] + symbols[i + 1])
            i += 2
        else:
            merged.append(symbols[i])
            i += 1
    return merged


def train_bpe(captions: Iterable[str], count: int) -> list[Pair]:
    """Return at most ``count`` merges learned from ``captions``: each merges the commonest pair of neighbors.

    Pairs seen only once are not worth an id: learning stops there. Ties go to the pair that comes first in
    the alphabet, so that the same captions always give the same merges.

    Source: Sennrich et al. 2016, algorithm 1.

    Raises:
        TypeError: ``captions`` is one text, or a caption is not a string.
    """
    spelled = spell(captions)
    merges: list[Pair] = []
    while len(merges) < count:
        pairs = count_pairs(spelled)
        best = min(pairs, key=lambda pair: (-pairs[pair], pair), default=None)
        if best is None or pairs[best] < 2:
            break
        merges.append(best)
        spelled = {tuple(merge_pair(symbols, best)): times for symbols, times in spelled.items()}
    return merges


# ---- encoding: merge the pair that was learned first, and repeat; and back -----------------------------------------


def earliest_pair(symbols: Sequence[str], ranks: Mapping[Pair, int]) -> Pair | None:
    """Return the pair of neighbors that was learned first, or None if none of them was learned."""
    earliest = min(pairwise(symbols), key=lambda pair: ranks.get(pair, math.inf), default=None)
    return earliest if earliest in ranks else None


def encode_word(word: str, ranks: Mapping[Pair, int]) -> list[str]:
    """Return the symbols that a word ends up as, when no pair that was learned is left in it.

    Args:
        word: in byte symbols, as ``split_words`` gives it.
        ranks: each merge with its place in the order of learning, from 0.
    """
    symbols = as_symbols(word)
    while (pair := earliest_pair(symbols, ranks)) is not None:
        symbols = merge_pair(symbols, pair)
    return symbols


def read_bytes(spelled: str) -> str:
    """Return the text of byte symbols; bytes that are only part of a character become U+FFFD, spaces stay."""
    as_bytes = bytes(_SYMBOL_TO_BYTE.get(symbol, 32) for symbol in spelled)  # 32 is the space
    return as_bytes.decode("utf-8", errors="replace")


def decode_symbols(symbols: Iterable[str]) -> str:
    """Return the text that symbols spell; bytes that are only part of a character become U+FFFD."""
    return read_bytes("".join(symbols).replace(END_OF_WORD, " ")).strip()


# ---- the tokenizer --------------------------------------------------------------------------------------------------


def count_merges(vocab_size: int) -> int:
    """Return how many merges a vocabulary has besides 512 byte symbols and two special tokens.

    Raises:
        ValueError: ``vocab_size`` is below 514.
    """
    if vocab_size < 514:
        raise ValueError(f"vocab_size {vocab_size} is too small: 512 byte symbols and two special tokens need 514 ids")
    return vocab_size - 514


class BPETokenizer(Tokenizer):
    """Captions to rows of ids and back, from a list of merges.

    The order of ids is CLIP's: 256 bytes, the same 256 ending a word, one id a merge, start token, end token.
    The end token therefore has the LARGEST id, which is how a text tower finds it (``ids.argmax``); the test
    ``test_end_mark_is_the_largest_id`` fails when that changes. Rows are filled with 0, the id of "!", too:
    a causal text tower never looks behind the end token.

    Args:
        merges: pairs of symbols in the order in which they were learned.
        context_length: ids in a row, both special tokens included (77 in CLIP).
        special_tokens: how the start and the end token are spelled, OpenAI's way unless told otherwise.

    Raises:
        ValueError: ``context_length`` is below 3.
    """

    kind = "bpe"
    batch_padding = "longest"  # ``test_padding_cannot_leak``
    start_id: int

    def __init__(
        self,
        merges: Iterable[Pair],
        context_length: int = 77,
        special_tokens: tuple[str, str] = (START_OF_TEXT, END_OF_TEXT),
    ) -> None:
        self.merges = [(left, right) for left, right in merges]
        self.ranks = {pair: rank for rank, pair in enumerate(self.merges)}
        self.special_tokens = special_tokens
        letters = list(_BYTE_TO_SYMBOL.values())
        merged = [left + right for left, right in self.merges]
        self.id_to_token = [*letters, *(letter + END_OF_WORD for letter in letters), *merged, *special_tokens]
        self.token_to_id = {symbol: i for i, symbol in enumerate(self.id_to_token)}
        self._words = word_pattern(special_tokens)
        vocab_size = len(self.id_to_token)
        super().__init__(context_length, vocab_size, start_id=vocab_size - 2, end_id=vocab_size - 1, pad_id=0)

    @classmethod
    def train(cls, captions: Iterable[str], vocab_size: int, context_length: int = 77) -> BPETokenizer:
        """Return a tokenizer of at most ``vocab_size`` ids (at least 514) whose merges fit ``captions``."""
        return cls(train_bpe(captions, count_merges(vocab_size)), context_length)

    def encode(self, text: str) -> list[int]:
        """Return the ids of a caption, without special tokens and of any length; an empty text has none.

        Raises:
            TypeError: ``text`` is not a string.
        """
        ids: list[int] = []
        for word in self._words.findall(clean(text)):
            if word in self.special_tokens:
                ids.append(self.token_to_id[word])
            else:
                ids += [self.token_to_id[symbol] for symbol in encode_word(spell_bytes(word), self.ranks)]
        return ids

    def merge_steps(self, word: str) -> list[list[str]]:
        """Return every stage of one word, from letters to finished symbols: what a notebook shows.

        The word is in byte symbols, as ``split_words`` gives it.
        """
        stages = [as_symbols(word)]
        while (pair := earliest_pair(stages[-1], self.ranks)) is not None:
            stages.append(merge_pair(stages[-1], pair))
        return stages

    def _text_of(self, ids: list[int]) -> str:
        return decode_symbols(self.id_to_token[i] for i in ids)

    def _to_fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = {"merges": [" ".join(pair) for pair in self.merges]}
        if self.special_tokens != (START_OF_TEXT, END_OF_TEXT):
            fields["special_tokens"] = self.special_tokens
        return fields

    @classmethod
    def _from_fields(cls, fields: dict[str, Any]) -> BPETokenizer:
        merges = [(left, right) for left, right in (merge.split(" ") for merge in fields["merges"])]
        start, end = fields.get("special_tokens", (START_OF_TEXT, END_OF_TEXT))
        return cls(merges, fields["context_length"], (start, end))
