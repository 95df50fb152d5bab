"""Exercise 02.1: a word as the symbols from which byte-pair encoding starts."""

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand
from clip_tutor.lessons.nb02_tokenizer.exercises.common import demand_strings


def word_symbols(word: str) -> list[str]:
    """Return the first symbols of a word: one for each of its UTF-8 bytes, the last one with "</w>" behind it.

    The bytes 33–126, 161–172 and 174–255 are written as the characters with these code points.
    The other 68 bytes, in rising order, are written as the characters with the code points 256, 257, 258, …
    """
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = [byte for byte in range(256) if byte not in printable]
    symbols = []
    for byte in word.encode("utf-8"):
        symbols.append(chr(byte) if byte in printable else chr(256 + others.index(byte)))
    return [*symbols[:-1], symbols[-1] + "</w>"]


def _check_symbols(answer: Attempt) -> str:
    words = ("cat", "a", "é", "naïve", "犬", "🐶", "ñandú", "!", "0", "\u00adx", "а", "Ā")
    for word in words:
        result = answer(word)
        demand_strings(result, "byte")
        right = word_symbols(word)
        raw = word.encode("utf-8").hex(" ")
        demand(result == right, f"{result} for {word!r}, whose bytes are {raw}", f"{right}")
    return f"{len(words)} words: letters of one, two and three bytes, an emoji of four, and a soft hyphen"


def _with(code, cut=lambda word: list(word.encode("utf-8")), end="</w>"):  # type: ignore[no-untyped-def]
    """Return an answer that writes bytes in another way, or other things than bytes."""

    def answer(word):  # type: ignore[no-untyped-def]
        symbols = [code(one) for one in cut(word)]
        return [*symbols[:-1], symbols[-1] + end]

    return answer


def _right(byte: int) -> str:
    return word_symbols(chr(byte))[0].removesuffix("</w>") if byte < 128 else _table(byte)


def _table(byte: int) -> str:
    kept = byte in range(161, 173) or byte in range(174, 256)
    return chr(byte if kept else 256 + (byte - 94 if byte < 161 else 67))


SYMBOLS = Exercise(
    id="02.1",
    title="The symbols of a word",
    difficulty=1,
    minutes=10,
    kept=True,
    reference=word_symbols,
    check=_check_symbols,
    hints=(
        '`word.encode("utf-8")` is the bytes, and going through them gives numbers from 0 to 255.',
        "Make the list of the 68 bytes that do not stand for themselves first. A byte's place in that list says which "
        "character it borrows.",
        "`chr(byte)` if the byte is printable, else `chr(256 + others.index(byte))`; at the end, replace the last "
        'symbol by itself with "</w>" behind it.',
    ),
    mutants=(
        Mutant(
            _with(str, cut=list),
            "the word was cut into characters: é is one character and two bytes, and the symbols are those of bytes",
        ),
        Mutant(_with(chr), "each byte was written as its own code point: some of those characters cannot be seen"),
        Mutant(
            _with(lambda byte: chr(byte) if 33 <= byte <= 126 else chr(256 + byte)),
            "bytes above 126 were shifted by 256: the borrowed characters are counted through, 256, 257, 258, …",
        ),
        Mutant(
            _with(lambda byte: chr(byte) if 33 <= byte <= 126 or byte >= 161 else _table(byte)),
            "byte 173, the soft hyphen, was left as it is: it cannot be seen and borrows the last of the characters",
        ),
        Mutant(_with(_right, end=""), "the end of the word is not marked: the last symbol ends in </w>"),
        Mutant(
            lambda word: [*word_symbols(word)[:-1], word_symbols(word)[-1].removesuffix("</w>"), "</w>"],
            "</w> became a symbol of its own: it is part of the last symbol",
        ),
        Mutant(
            lambda word: [symbol.removesuffix("</w>") + "</w>" for symbol in word_symbols(word)],
            "every symbol was marked as the end of a word: only the last one is",
        ),
    ),
)
