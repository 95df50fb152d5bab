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

import regex

from clip_tutor.tokenizers.cleaning import clean

END_OF_WORD = "</w>"
START_OF_TEXT = "<|startoftext|>"
END_OF_TEXT = "<|endoftext|>"

# A word is: a special mark, an English contraction, a run of letters, ONE digit, or a run of anything else.
_WORDS = regex.compile(
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+", regex.IGNORECASE
)

Pair = tuple[str, str]


def byte_symbols() -> dict[int, str]:
    """Return one printable character for each of the 256 bytes, in CLIP's order.

    Printable bytes stand for themselves. The other 68 (spaces, controls) borrow the characters from code
    point 256 on, so that merges can be written to a text file and read by a person.
    """
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    symbols = {byte: chr(byte) for byte in printable}
    others = (byte for byte in range(256) if byte not in symbols)
    return symbols | {byte: chr(256 + n) for n, byte in enumerate(others)}


_BYTE_TO_SYMBOL = byte_symbols()
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


def learn_merges(captions: Iterable[str], count: int) -> list[Pair]:
    """Return at most ``count`` merges learned from ``captions``: each glues the commonest pair of neighbors.

    Pairs seen only once are not worth an id: learning stops there. Ties go to the pair that comes first in
    the alphabet, so that the same captions always give the same merges.

    Source: Sennrich et al. 2016, algorithm 1, with the counts kept up to date instead of counted anew.
    """
    words = Counter(word for caption in captions for word in split_words(clean(caption)))
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


class BPETokenizer:
    """Captions to rows of ids and back, from a list of merges.

    The order of ids is CLIP's: 256 bytes, the same 256 ending a word, one id a merge, start mark, end mark.
    The end mark therefore has the LARGEST id, which is how a text tower finds it (``ids.argmax``); the test
    ``test_end_mark_is_the_largest_id`` fails when that changes.

    Args:
        merges: pairs of symbols in the order in which they were learned.
        context_length: ids in a row, both marks included (77 in CLIP).
    """

    def __init__(self, merges: Sequence[Pair], context_length: int = 77) -> None:
        if context_length < 3:
            raise ValueError(f"context_length {context_length} has no room for two marks and a word: use at least 3")
        self.merges = [(left, right) for left, right in merges]
        self.context_length = context_length
        letters = list(_BYTE_TO_SYMBOL.values())
        glued = [left + right for left, right in self.merges]
        vocabulary = [*letters, *(s + END_OF_WORD for s in letters), *glued, START_OF_TEXT, END_OF_TEXT]
        self.id_of = {symbol: i for i, symbol in enumerate(vocabulary)}
        self.symbol_of = vocabulary
        self._rank = {pair: rank for rank, pair in enumerate(self.merges)}
        # A finished word's ids. The two marks are whole already, and a caption may even spell them out.
        self._cache: dict[str, list[int]] = {mark: [self.id_of[mark]] for mark in (START_OF_TEXT, END_OF_TEXT)}

    @classmethod
    def train(cls, captions: Iterable[str], vocab_size: int, context_length: int = 77) -> BPETokenizer:
        """Return a tokenizer of at most ``vocab_size`` ids (at least 514) whose merges fit ``captions``."""
        if vocab_size < 514:
            raise ValueError(f"vocab_size {vocab_size} is too small: 512 byte symbols and two marks need 514 ids")
        return cls(learn_merges(captions, vocab_size - 514), context_length)

    @property
    def vocab_size(self) -> int:
        """How many ids there are."""
        return len(self.symbol_of)

    @property
    def start_id(self) -> int:
        """The id of the mark that begins every row."""
        return self.vocab_size - 2

    @property
    def end_id(self) -> int:
        """The id of the mark that ends every caption."""
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
        """Return the ids of a caption, without marks and of any length; an empty text has none.

        Raises:
            TypeError: ``text`` is not a string.
        """
        ids: list[int] = []
        for word in split_words(clean(text)):
            if word not in self._cache:
                self._cache[word] = [self.id_of[symbol] for symbol in self.merge_steps(word)[-1]]
            ids.extend(self._cache[word])
        return ids

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of a row of ids: what comes after the first end mark, and the marks, left out."""
        symbols: list[str] = []
        for i in ids:
            if not 0 <= i < self.vocab_size:
                raise ValueError(f"id {i} is not in this vocabulary of {self.vocab_size}: another tokenizer made it")
            if i == self.end_id:
                break
            if i != self.start_id:
                symbols.append(self.symbol_of[i])
        words = "".join(symbols).replace(END_OF_WORD, " ")
        as_bytes = bytes(_SYMBOL_TO_BYTE.get(symbol, 32) for symbol in words)
        return as_bytes.decode("utf-8", errors="replace").strip()

    def __call__(self, captions: str | Iterable[str], *, truncate: bool = False, trim: bool = False) -> list[list[int]]:
        """Return one row of ids a caption: start mark, ids, end mark, and zeros up to the context length.

        Args:
            captions: one caption or several.
            truncate: cut a caption that is too long instead of raising; its last id becomes the end mark.
            trim: pad only to the longest caption of this batch. A causal text tower computes the same
                features from the shorter rows, in less time.

        Raises:
            TypeError: a caption is not a string.
            ValueError: a caption is empty, or too long and ``truncate`` is off.
        """
        captions = [captions] if isinstance(captions, str) else list(captions)
        rows = [self._row(caption, truncate) for caption in captions]
        length = max(map(len, rows), default=0) if trim else self.context_length
        return [row + [0] * (length - len(row)) for row in rows]

    def _row(self, caption: str, truncate: bool) -> list[int]:
        ids = self.encode(caption)
        if not ids:
            raise ValueError(
                f"this caption is empty: {caption!r}. An empty caption matches every picture equally: "
                "leave the pair out, or give it words."
            )
        room = self.context_length - 2
        if len(ids) > room and not truncate:
            raise ValueError(
                f"context_length {self.context_length} holds {room} tokens and two marks; this caption has {len(ids)} "
                f"tokens: {caption[:40]!r}… Shorten it, or pass truncate=True to cut it."
            )
        return [self.start_id, *ids[:room], self.end_id]

    def to_json(self) -> str:
        """Return the tokenizer as JSON text: its merges and its context length say everything."""
        merges = [" ".join(pair) for pair in self.merges]
        return json.dumps({"kind": "bpe", "context_length": self.context_length, "merges": merges}, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> BPETokenizer:
        """Return the tokenizer that ``to_json`` wrote.

        Raises:
            ValueError: the text is not JSON, or not a tokenizer of this kind.
        """
        try:
            fields = json.loads(text)
            if fields["kind"] != "bpe":
                raise ValueError(f"its kind is {fields['kind']!r}")
            merges = [(left, right) for left, right in (merge.split(" ") for merge in fields["merges"])]
            return cls(merges, fields["context_length"])
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(
                f"this is not a tokenizer written by BPETokenizer.save ({error}); it begins {text[:40]!r}"
            ) from error

    def save(self, path: str | Path) -> None:
        """Write the tokenizer to a JSON file."""
        Path(path).write_text(self.to_json(), encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> BPETokenizer:
        """Read a tokenizer that ``save`` wrote."""
        return cls.from_json(Path(path).read_text(encoding="utf-8"))
