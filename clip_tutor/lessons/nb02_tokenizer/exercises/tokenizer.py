"""Exercise 02.5: the functions of notebook 02 become a tokenizer that reads any list of merges."""

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand
from clip_tutor.lessons.nb02_tokenizer.exercises.encoding import encode_word
from clip_tutor.lessons.nb02_tokenizer.exercises.row import build_row
from clip_tutor.tokenizers.bpe import as_symbols, spell_bytes, split_words
from clip_tutor.tokenizers.cleaning import clean


class MyTokenizer:
    """Captions to rows of ids, with CLIP's conventions.

    The ids in order: 256 symbols of bytes, in the order of their code points; the same 256 with "</w>" behind them;
    each merge, both symbols joined; "<|startoftext|>"; "<|endoftext|>".
    """

    def __init__(self, merges: list[tuple[str, str]], context_length: int = 77) -> None:
        """Keep what encoding needs; ``self.symbols`` is the list in which an id is a place."""
        letters = [chr(code) for code in (*range(33, 127), *range(161, 173), *range(174, 324))]
        joined = [left + right for left, right in merges]
        self.symbols = [*letters, *(letter + "</w>" for letter in letters), *joined]
        self.symbols += ["<|startoftext|>", "<|endoftext|>"]
        self.ids = {symbol: place for place, symbol in enumerate(self.symbols)}
        self.ranks = {pair: rank for rank, pair in enumerate(merges)}
        self.context_length = context_length

    def encode(self, caption: str) -> list[int]:
        """Return the ids of a caption, of any length and without special tokens."""
        found = []
        for word in split_words(clean(caption)):
            found += [self.ids[symbol] for symbol in encode_word(as_symbols(word), self.ranks)]
        return found

    def __call__(self, captions: list[str], truncate: bool = False) -> list[list[int]]:
        """Return a row of ids for each caption; raise a ValueError if one is too long and ``truncate`` is off."""
        rows, end_id = [], len(self.symbols) - 1
        for caption in captions:
            found = self.encode(caption)
            if len(found) > self.context_length - 2 and not truncate:
                raise ValueError(f"{len(found)} tokens, and there is room for {self.context_length - 2}: {caption!r}")
            rows.append(build_row(found, end_id - 1, end_id, self.context_length))
        return rows


def _rows(kind, merges, context_length, captions, truncate):  # type: ignore[no-untyped-def]
    """Return what a tokenizer of this kind makes of captions, or that it refuses them."""
    try:
        return kind(merges, context_length)(captions, truncate=truncate)
    except ValueError:
        return "a ValueError"


_MERGES = [("a", "t</w>"), ("c", "at</w>"), ("d", "o"), ("do", "g</w>"), ("s", "</w>"), ("a", "n"), ("an", "d</w>")]
_CASES: tuple[tuple[list[str], int, bool], ...] = (
    (["cat"], 6, False),
    (["cat", "dogs", ""], 8, False),
    (["a cat and a dog"], 7, False),
    (["A  CAT &amp; 2 dogs!"], 12, False),
    (["café 🐶", "naïve"], 16, False),
    (["a cat and a dog"], 6, False),
    (["a cat and a dog", "cat"], 6, True),
    (["dog", "a cat and a dog and a cat"], 9, False),
)


def _check_tokenizer(tokenize: Attempt) -> str:
    for captions, length, truncate in _CASES:
        rows = tokenize(_MERGES, length, captions, truncate)
        right = _rows(MyTokenizer, _MERGES, length, captions, truncate)
        asked = f"{captions}, context_length {length}, truncate={truncate}"
        demand(
            isinstance(rows, str | list), f"a {type(rows).__name__} for {asked}", "a list with one row for each caption"
        )
        demand(rows == right, f"{rows} for {asked}", f"{right}")
    return (
        f"{len(_CASES)} batches with a list of {len(_MERGES)} merges: capitals, entities, letters of several bytes, "
        "an empty caption, one that fits to the place, and long ones, refused and cut"
    )


class _EndFirst(MyTokenizer):
    def __init__(self, merges, context_length=77):  # type: ignore[no-untyped-def]
        super().__init__([("", "<|endoftext|>"), ("", "<|startoftext|>"), *merges], context_length)
        self.ranks = {pair: rank for rank, pair in enumerate(merges)}
        self.symbols = [*self.symbols[:512], *self.symbols[514:-2], "<|endoftext|>", "<|startoftext|>"]
        self.ids = {symbol: place for place, symbol in enumerate(self.symbols)}

    def __call__(self, captions, truncate=False):  # type: ignore[no-untyped-def]
        start, end = len(self.symbols) - 2, len(self.symbols) - 1
        swap = {start: end, end: start}
        return [[swap.get(i, i) for i in row] for row in super().__call__(captions, truncate)]


class _SpecialFirst(MyTokenizer):
    def __call__(self, captions, truncate=False):  # type: ignore[no-untyped-def]
        vocabulary = len(self.symbols)
        rows = super().__call__(captions, truncate)
        ends = [row.index(vocabulary - 1) for row in rows]
        return [
            [(i + 2) % vocabulary if place <= end else 0 for place, i in enumerate(row)]
            for row, end in zip(rows, ends, strict=True)
        ]


class _ByByte(MyTokenizer):
    def __init__(self, merges, context_length=77):  # type: ignore[no-untyped-def]
        super().__init__(merges, context_length)
        printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
        borrowed = iter(range(256, 324))
        letters = [chr(byte if byte in printable else next(borrowed)) for byte in range(256)]
        self.symbols[:512] = [*letters, *(letter + "</w>" for letter in letters)]
        self.ids = {symbol: place for place, symbol in enumerate(self.symbols)}


class _NoEnds(MyTokenizer):
    def __init__(self, merges, context_length=77):  # type: ignore[no-untyped-def]
        super().__init__(merges, context_length)
        pairs = zip(self.symbols[:256], self.symbols[256:512], strict=True)
        self.symbols[:512] = [symbol for pair in pairs for symbol in pair]
        self.ids = {symbol: place for place, symbol in enumerate(self.symbols)}


class _Silent(MyTokenizer):
    def __call__(self, captions, truncate=False):  # type: ignore[no-untyped-def]
        return super().__call__(captions, truncate=True)


class _Strict(MyTokenizer):
    def __call__(self, captions, truncate=False):  # type: ignore[no-untyped-def]
        return super().__call__(captions)


class _AsTyped(MyTokenizer):
    def encode(self, caption):  # type: ignore[no-untyped-def]
        words = split_words(caption)
        return [self.ids[one] for word in words for one in encode_word(as_symbols(word), self.ranks)]


class _AtBlanks(MyTokenizer):
    def encode(self, caption):  # type: ignore[no-untyped-def]
        words = [spell_bytes(word) for word in clean(caption).split()]
        return [self.ids[one] for word in words for one in encode_word(as_symbols(word), self.ranks)]


class _TooStrict(MyTokenizer):
    def __call__(self, captions, truncate=False):  # type: ignore[no-untyped-def]
        if not truncate and any(len(self.encode(caption)) > self.context_length - 3 for caption in captions):
            raise ValueError("too long")
        return super().__call__(captions, truncate)


class _Flat(MyTokenizer):
    def __call__(self, captions, truncate=False):  # type: ignore[no-untyped-def]
        return [i for row in super().__call__(captions, truncate) for i in row]


TOKENIZER = Exercise(
    id="02.5",
    title="The whole tokenizer",
    difficulty=2,
    minutes=15,
    kept=True,
    reference=MyTokenizer,
    check=_check_tokenizer,
    use=_rows,
    hints=(
        "An id is a place in one long list of symbols. Make that list first; the dictionary from symbol to id follows.",
        "The code points of the 256 symbols, in order, are 33–126, 161–172 and 174–323: those that stand for "
        "themselves, and right behind them the borrowed ones.",
        "A row: `encode` the caption, look whether it fits, and leave the rest to your `build_row`. The end token's id "
        "is `len(self.symbols) - 1`.",
    ),
    mutants=(
        Mutant(_EndFirst, "start and end token changed places: the end token is the last of the list"),
        Mutant(_SpecialFirst, "the special tokens stand first in the list: they come after the merges"),
        Mutant(
            _ByByte,
            "the 256 symbols are in the order of their bytes: CLIP's list has them by the code points they "
            "are written with, so that id 0 is '!'",
        ),
        Mutant(
            _NoEnds, "each symbol is followed by its own form with </w>: all 256 come first, then all 256 with </w>"
        ),
        Mutant(_Silent, "a caption that is too long was cut without being asked to: raise a ValueError"),
        Mutant(_Strict, "`truncate` does nothing: with truncate=True a long caption is cut"),
        Mutant(_TooStrict, "a caption that just fits was refused: the two special tokens take two places, no more"),
        Mutant(_AsTyped, "the caption was not cleaned: capitals and entities are other symbols"),
        Mutant(_AtBlanks, "the caption was cut at its blanks only: a word is what `split_words` finds"),
        Mutant(_Flat, "all captions became one list: return a row for each of them"),
    ),
)
