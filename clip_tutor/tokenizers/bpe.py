"""Byte-level byte-pair encoding with CLIP's conventions: captions become fixed-length rows of ids.

    "A puppy!"  ──clean──▶  "a puppy!"  ──split──▶  a · puppy · !
      ──bytes──▶  a</w> · p u p p y</w> · !</w>  ──merges──▶  a</w> · puppy</w> · !</w>
      ──ids──▶  [start, 320, 6829, 256, end, 0, 0, …]

Every word ends in ``</w>``, so "car" inside "carpet" and the word "car" are different symbols. The start
is one of 512 symbols (each byte, inside a word and at its end), so no text is ever unknown.

Follows openai/CLIP ``clip/simple_tokenizer.py``; the merges come from Sennrich et al. 2016, section 3.2.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import regex

from clip_tutor.tokenizers.cleaning import clean
from clip_tutor.tokenizers.files import not_a_tokenizer, read_fields, read_lines
from clip_tutor.tokenizers.merging import merge_by_rank
from clip_tutor.tokenizers.rows import add_special_tokens, as_list, check_context_length, check_id, several

END_OF_WORD = "</w>"
START_OF_TEXT = "<|startoftext|>"
END_OF_TEXT = "<|endoftext|>"
# OpenCLIP gives the same two ids other names. A caption that spells one out gets that special token's id.
OPEN_CLIP_SPECIAL_TOKENS = ("<start_of_text>", "<end_of_text>")

# How many merges of the published file CLIP uses: 49,152 ids, as the paper has it, less 256 bytes and 2 special tokens.
CLIP_MERGES = 49_152 - 256 - 2

# Pieces of captions whose ids are remembered, and the longest of them: the web has endless words that come once.
CACHE_SIZE = 100_000
CACHED_LENGTH = 50

Pair = tuple[str, str]


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


def split_words(text: str) -> list[str]:
    """Return the words of a cleaned caption, each written in byte symbols: ``"é!"`` gives ``["Ã©", "!"]``."""
    return ["".join(_BYTE_TO_SYMBOL[byte] for byte in word.encode("utf-8")) for word in _WORDS.findall(text)]


def as_symbols(word: str) -> list[str]:
    """Return a word's first symbols, the last one marked as the end: ``"dog"`` gives ``["d", "o", "g</w>"]``."""
    return [*word[:-1], word[-1] + END_OF_WORD]


def merge_pair(symbols: Sequence[str], pair: Pair) -> list[str]:
    """Return ``symbols`` with each occurrence of ``pair`` glued, from left to right."""
    merged: list[str] = []
    i = 0
    while i < len(symbols):
        if i + 1 < len(symbols) and (symbols[i], symbols[i + 1]) == pair:
            merged.append(symbols[i] + symbols[i + 1])
            i += 2
        else:
            merged.append(symbols[i])
            i += 1
    return merged


def train_bpe(captions: Iterable[str], count: int) -> list[Pair]:
    """Return at most ``count`` merges learned from ``captions``: each glues the commonest pair of neighbors.

    Pairs seen only once are not worth an id: learning stops there. Ties go to the pair that comes first in
    the alphabet, so that the same captions always give the same merges.

    Source: Sennrich et al. 2016, algorithm 1, with the counts kept up to date instead of counted anew.

    Raises:
        TypeError: ``captions`` is one text, or a caption is not a string.
    """
    words = Counter(word for caption in several(captions) for word in split_words(clean(caption)))
    spelling = {word: as_symbols(word) for word in words}
    counts: Counter[Pair] = Counter()
    found_in: defaultdict[Pair, set[str]] = defaultdict(set)

    def tally(word: str, sign: int) -> None:
        for pair in zip(spelling[word], spelling[word][1:], strict=False):
            counts[pair] += sign * words[word]
            found_in[pair].add(word)

    for word in words:
        tally(word, +1)
    merges: list[Pair] = []
    while len(merges) < count and counts:
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        if counts[best] < 2:
            break
        merges.append(best)
        for word in found_in.pop(best):
            tally(word, -1)
            spelling[word] = merge_pair(spelling[word], best)
            tally(word, +1)
        del counts[best]
    return merges


def read_merges(path: str | Path) -> list[Pair]:
    """Return CLIP's 48,894 merges from a published file.

    Two layouts are about: OpenAI's ``bpe_simple_vocab_16e6.txt.gz``, which goes on to 262,144 merges that CLIP
    does not use, and the Hub's ``merges.txt``. Both have a line of their own first, and then one merge a line.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is something else, holds another model's merges, or was cut off.
    """
    lines = read_lines(path)
    known = set(_SYMBOL_TO_BYTE) | {symbol + END_OF_WORD for symbol in _SYMBOL_TO_BYTE}
    merges: list[Pair] = []
    for number, line in enumerate(lines[1 : CLIP_MERGES + 1], start=2):
        left, _, right = line.partition(" ")
        if left not in known or right not in known:
            raise ValueError(
                f"line {number} of {path} is no merge of two symbols that stand above it: {line[:40]!r}. "
                "CLIP's vocabulary is bpe_simple_vocab_16e6.txt.gz, or merges.txt on the Hub"
            )
        merges.append((left, right))
        known.add(left + right)
    if not any(right.endswith(END_OF_WORD) for _, right in merges):
        raise ValueError(
            f"no merge in {path} ends a word with {END_OF_WORD!r}: these are not CLIP's but another model's"
        )
    if len(merges) < CLIP_MERGES:
        raise ValueError(f"{path} holds {len(merges):,} merges and CLIP needs {CLIP_MERGES:,}: it was cut off")
    return merges


class BPETokenizer:
    """Captions to rows of ids and back, from a list of merges.

    The order of ids is CLIP's: 256 bytes, the same 256 ending a word, one id a merge, start token, end token.
    The end token therefore has the LARGEST id, which is how a text tower finds it (``ids.argmax``); the test
    ``test_end_mark_is_the_largest_id`` fails when that changes.

    Args:
        merges: pairs of symbols in the order in which they were learned.
        context_length: ids in a row, both special tokens included (77 in CLIP).
        special_tokens: how the start and the end token are spelled, OpenAI's way unless told otherwise.
    """

    pad_id = 0  # the id of "!", too: a causal text tower never looks behind the end token

    def __init__(
        self,
        merges: Sequence[Pair],
        context_length: int = 77,
        special_tokens: tuple[str, str] = (START_OF_TEXT, END_OF_TEXT),
    ) -> None:
        check_context_length(context_length, special_tokens=2)
        self.merges = [(left, right) for left, right in merges]
        self.context_length = context_length
        self.special_tokens = special_tokens
        letters = list(_BYTE_TO_SYMBOL.values())
        glued = [left + right for left, right in self.merges]
        self.id_to_token = [*letters, *(s + END_OF_WORD for s in letters), *glued, *special_tokens]
        self.token_to_id = {symbol: i for i, symbol in enumerate(self.id_to_token)}
        self._rank = {pair: rank for rank, pair in enumerate(self.merges)}
        self._words = word_pattern(special_tokens)
        self._cache: dict[str, list[int]] = {}

    @classmethod
    def from_vocabulary(
        cls, path: str | Path, context_length: int = 77, special_tokens: tuple[str, str] = (START_OF_TEXT, END_OF_TEXT)
    ) -> BPETokenizer:
        """Return CLIP's own tokenizer, 49,408 ids, from a published file; see ``read_merges``."""
        return cls(read_merges(path), context_length, special_tokens)

    @classmethod
    def train(cls, captions: Iterable[str], vocab_size: int, context_length: int = 77) -> BPETokenizer:
        """Return a tokenizer of at most ``vocab_size`` ids (at least 514) whose merges fit ``captions``."""
        if vocab_size < 514:
            raise ValueError(
                f"vocab_size {vocab_size} is too small: 512 byte symbols and two special tokens need 514 ids"
            )
        return cls(train_bpe(captions, vocab_size - 514), context_length)

    @property
    def vocab_size(self) -> int:
        """How many ids there are."""
        return len(self.id_to_token)

    @property
    def start_id(self) -> int:
        """The id of the special token that begins every row."""
        return self.vocab_size - 2

    @property
    def end_id(self) -> int:
        """The id of the special token that ends every caption."""
        return self.vocab_size - 1

    def merge_steps(self, word: str) -> list[list[str]]:
        """Return every stage of one word, from letters to finished symbols: what a notebook shows.

        The word is in byte symbols, as ``split_words`` gives it.
        """
        stages = [as_symbols(word)]
        while len(stages[-1]) > 1:
            pairs = zip(stages[-1], stages[-1][1:], strict=False)
            first_learned = min(pairs, key=lambda pair: self._rank.get(pair, len(self._rank)))
            if first_learned not in self._rank:
                break
            stages.append(merge_pair(stages[-1], first_learned))
        return stages

    def encode(self, text: str) -> list[int]:
        """Return the ids of a caption, without special tokens and of any length; an empty text has none.

        No word reaches across a space, so what lies between two spaces always has the same ids. Captions use
        the same words over and over: remembering them makes this dozens of times as fast.

        Raises:
            TypeError: ``text`` is not a string.
        """
        ids: list[int] = []
        for piece in clean(text).split():
            known = self._cache.get(piece)
            ids += self._ids_of(piece) if known is None else known
        return ids

    def _ids_of(self, piece: str) -> list[int]:
        """Return the ids of a piece of a caption without spaces, and remember them."""
        words = self._words.findall(piece)
        ids: list[int] = []
        if len(words) > 1:  # "dog," is two words, and "dog" may be known
            for word in words:
                known = self._cache.get(word)
                ids += self._ids_of(word) if known is None else known
        elif words[0] in self.special_tokens:
            ids = [self.token_to_id[words[0]]]
        else:
            symbols = "".join([_BYTE_TO_SYMBOL[byte] for byte in words[0].encode("utf-8")])
            ids = [self.token_to_id[symbol] for symbol in merge_by_rank(as_symbols(symbols), self._rank_of)]
        if len(piece) <= CACHED_LENGTH:
            if len(self._cache) >= CACHE_SIZE:  # begin anew: frequent words are back after a few captions
                self._cache.clear()
            self._cache[piece] = ids
        return ids

    def _rank_of(self, left: str, right: str) -> int | None:
        return self._rank.get((left, right))

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of a row of ids: what comes after the first end token, and the special tokens, left out."""
        symbols: list[str] = []
        for i in ids:
            check_id(i, self.vocab_size)
            if i == self.end_id:
                break
            if i != self.start_id:
                symbols.append(self.id_to_token[i])
        words = "".join(symbols).replace(END_OF_WORD, " ")
        as_bytes = bytes(_SYMBOL_TO_BYTE.get(symbol, 32) for symbol in words)
        return as_bytes.decode("utf-8", errors="replace").strip()

    def __call__(
        self,
        captions: str | Iterable[str],
        *,
        truncate: bool = False,
        pad: Literal["context_length", "longest"] = "context_length",
    ) -> list[list[int]]:
        """Return one row of ids a caption: start token, ids, end token, and zeros up to the context length.

        An empty caption is a row of two special tokens: guidance steers an image away from it.

        Args:
            captions: one caption or several.
            truncate: cut a caption that is too long instead of raising; its last id becomes the end token.
            pad: "longest" fills rows up to the longest caption of this batch only. A causal text tower computes the
                same features from the shorter rows, in less time.

        Raises:
            TypeError: a caption is not a string.
            ValueError: a caption is too long and ``truncate`` is off.
        """
        start, end = (self.start_id,), (self.end_id,)
        rows = [
            add_special_tokens(self.encode(caption), caption, self.context_length, truncate, start, end)
            for caption in as_list(captions)
        ]
        length = max(map(len, rows), default=0) if pad == "longest" else self.context_length
        return [row + [self.pad_id] * (length - len(row)) for row in rows]

    def to_json(self) -> str:
        """Return the tokenizer as JSON text: its merges and its context length say everything."""
        fields = {"kind": "bpe", "context_length": self.context_length, "merges": [" ".join(p) for p in self.merges]}
        if self.special_tokens != (START_OF_TEXT, END_OF_TEXT):
            fields["special_tokens"] = self.special_tokens
        return json.dumps(fields, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> BPETokenizer:
        """Return the tokenizer that ``to_json`` wrote.

        Raises:
            ValueError: the text is not JSON, or not a tokenizer of this kind.
        """
        fields = read_fields(text, "bpe", cls.__name__)
        try:
            merges = [(left, right) for left, right in (merge.split(" ") for merge in fields["merges"])]
            start, end = fields.get("special_tokens", (START_OF_TEXT, END_OF_TEXT))
            return cls(merges, fields["context_length"], (start, end))
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise not_a_tokenizer(text, cls.__name__, error) from error

    def save(self, path: str | Path) -> None:
        """Write the tokenizer to a JSON file."""
        Path(path).write_text(self.to_json(), encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> BPETokenizer:
        """Read a tokenizer that ``save`` wrote."""
        return cls.from_json(Path(path).read_text(encoding="utf-8"))
