"""WordPiece with the conventions of BERT uncased: what ALIGN's text tower reads.

    "Two Corgis, naïve!"  ──simplify──▶  "two corgis, naive!"  ──split──▶  two · corgis · , · naive · !
      ──longest piece first──▶  two · cor ##gis · , · naive · !
      ──ids──▶  [CLS, one id a piece, SEP, PAD, PAD, …]

A piece that continues a word begins with ``##``. Where BPE replays its merges, WordPiece needs only the list of
pieces: it takes the longest that fits, again and again. A word that cannot be spelled becomes ``[UNK]`` as a
whole, which is how a model goes blind to an emoji. Google never published the trainer that made BERT's list;
`WordPieceTokenizer.train` makes the plainest list there is: every letter, and the commonest words.

Follows google-research/bert ``tokenization.py`` and Schuster & Nakajima 2012.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import regex

from clip_tutor.tokenizers.base import Tokenizer
from clip_tutor.tokenizers.cache import Cache
from clip_tutor.tokenizers.cleaning import check_captions, replace_surrogates
from clip_tutor.tokenizers.files import read_lines

CONTINUES = "##"
PAD, UNKNOWN, START, END, MASK = "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"
LONGEST_WORD = 100  # letters; a longer word is unknown

# Han characters stand for whole words and are written without spaces, so each becomes a word of its own.
_HAN = (
    *((0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F), (0x2B740, 0x2B81F)),
    *((0x2B820, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F)),
)
# One mark of punctuation is one word. ASCII's signs ($ + < = > ^ ` | ~) count as punctuation here.
_WORDS = regex.compile(r"[\p{P}$+<=>^`|~]|[^\s\p{P}$+<=>^`|~]+")


@lru_cache(maxsize=100_000)
def _simplified(character: str) -> str:
    """Return what one character becomes before accents are dropped: itself, a space, nothing, or a word of its own."""
    if character.isspace() and character not in "\x0b\x0c\x1c\x1d\x1e\x1f\x85":
        return " "
    if character in "\x00\ufffd" or unicodedata.category(character) in ("Cc", "Cf", "Co"):
        return ""
    if any(first <= ord(character) <= last for first, last in _HAN):
        return f" {character} "
    return character


def simplify(text: str) -> str:
    """Return ``text`` without control characters and accents, in lower case, spaces around Han characters.

    An accent is a character of its own once the text is decomposed (NFD): "é" is "e" and U+0301, category Mn.
    """
    if text.isascii() and text.isprintable():
        return text.lower()
    text = unicodedata.normalize("NFD", "".join(map(_simplified, text)))
    return "".join(character.lower() for character in text if unicodedata.category(character) != "Mn")


class WordPieceTokenizer(Tokenizer):
    """Captions to rows of ids and back, from a list of pieces.

    [CLS] begins every row, and the tower reads the caption's vector there; [SEP] ends the caption, [PAD] fills up.

    Args:
        pieces: the vocabulary; a piece's place is its id. [PAD], [UNK], [CLS] and [SEP] must be among them.
        context_length: ids in a row, both special tokens included (64 in ALIGN).

    Raises:
        ValueError: a special token is missing, or ``context_length`` is below 3.
    """

    kind = "wordpiece"
    batch_padding = "longest"  # ``test_bert_never_looks_at_padding``
    start_id: int

    def __init__(self, pieces: Sequence[str], context_length: int = 64) -> None:
        self.pieces = list(pieces)
        self.token_to_id = {piece: i for i, piece in enumerate(self.pieces)}
        missing = [token for token in (PAD, UNKNOWN, START, END) if token not in self.token_to_id]
        if missing:
            raise ValueError(
                f"not among these {len(self.pieces)} pieces: {', '.join(missing)}. BERT's vocab.txt has them"
            )
        start_id, end_id, pad_id = (self.token_to_id[token] for token in (START, END, PAD))
        super().__init__(context_length, len(self.pieces), start_id, end_id, pad_id)
        # A caption that spells one gets its id, in capitals only, as in the published tokenizer.
        self._special_tokens = [token for token in (PAD, UNKNOWN, START, END, MASK) if token in self.token_to_id]
        self._split_marks = regex.compile("(" + "|".join(map(regex.escape, self._special_tokens)) + ")")
        self._cache = Cache(self.encode_word)

    @classmethod
    def from_vocabulary(cls, path: str | Path, context_length: int = 64) -> WordPieceTokenizer:
        """Return the tokenizer of a published ``vocab.txt``: one piece a line, 30,522 lines in BERT uncased.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file is something else, or was cut off before its special tokens.
        """
        lines = read_lines(path)
        try:
            return cls([line.removesuffix("\r") for line in lines], context_length)
        except ValueError as error:
            raise ValueError(f"{path} is no WordPiece vocabulary ({error}); it begins {lines[0][:40]!r}") from error

    @classmethod
    def train(cls, captions: Iterable[str], vocab_size: int, context_length: int = 64) -> WordPieceTokenizer:
        """Return a tokenizer of at most ``vocab_size`` ids: the letters of ``captions``, then their commonest words.

        A word that is not among them is spelled letter by letter. Words that come equally often go by the alphabet.

        Raises:
            TypeError: ``captions`` is one text, or a caption is not a string.
            ValueError: ``vocab_size`` has no room for the special tokens and each letter, first and in a word.
        """
        check_captions(captions)
        counts = Counter(word for text in captions for word in _WORDS.findall(simplify(replace_surrogates(text))))
        letters = sorted({letter for word in counts for letter in word})
        words = sorted(counts, key=lambda word: (-counts[word], word))
        pieces = [PAD, UNKNOWN, START, END, *letters, *(CONTINUES + letter for letter in letters)]
        if vocab_size < len(pieces):
            raise ValueError(
                f"vocab_size {vocab_size} has no room for 4 special tokens and {len(letters)} letters, each of them "
                f"twice: use at least {len(pieces)}"
            )
        return cls(list(dict.fromkeys(pieces + words))[:vocab_size], context_length)

    def encode(self, text: str) -> list[int]:
        """Return the ids of a caption, without special tokens and of any length; an empty text has none.

        Raises:
            TypeError: ``text`` is not a string.
        """
        text = replace_surrogates(text)
        ids: list[int] = []
        for part in self._split_marks.split(text) if "[" in text else [text]:
            if part in self._special_tokens:
                ids.append(self.token_to_id[part])
                continue
            for word in _WORDS.findall(simplify(part)):
                ids += self._cache[word]
        return ids

    def encode_word(self, word: str) -> list[int]:
        """Return the ids of one simplified word: the longest piece that fits, then the next."""
        if len(word) > LONGEST_WORD:
            return [self.token_to_id[UNKNOWN]]
        ids: list[int] = []
        start = 0
        while start < len(word):
            for end in range(len(word), start, -1):
                piece = word[start:end] if start == 0 else CONTINUES + word[start:end]
                if piece in self.token_to_id:
                    ids.append(self.token_to_id[piece])
                    start = end
                    break
            else:  # no piece fits here, so the whole word is unknown
                return [self.token_to_id[UNKNOWN]]
        return ids

    def _text_of(self, ids: list[int]) -> str:
        words: list[str] = []
        for i in ids:
            piece = self.pieces[i]
            if words and piece.startswith(CONTINUES):
                words[-1] += piece.removeprefix(CONTINUES)
            elif i != self.pad_id:
                words.append(piece)
        return " ".join(words)

    def _to_fields(self) -> dict[str, Any]:
        return {"pieces": self.pieces}

    @classmethod
    def _from_fields(cls, fields: dict[str, Any]) -> WordPieceTokenizer:
        return cls(fields["pieces"], fields["context_length"])
