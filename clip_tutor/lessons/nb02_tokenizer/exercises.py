"""Exercises of notebook 02: glue a pair, encode a word, lay out the row; and the one in `wordpiece`."""

import math
from itertools import pairwise

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe
from clip_tutor.lessons.nb02_tokenizer.wordpiece import MATCH

# ---------------------------------------------------------------------------------------------------------------- 02.1


def merge_pair(symbols: list[str], pair: tuple[str, str]) -> list[str]:
    """Return the symbols of one word with each occurrence of the pair glued, from left to right.

    merge_pair(["l", "e", "t", "t", "e", "r</w>"], ("t", "e")) is ["l", "e", "t", "te", "r</w>"].
    A symbol is part of one glued pair at most.
    """
    merged = []
    i = 0
    while i < len(symbols):
        if tuple(symbols[i : i + 2]) == pair:
            merged.append(symbols[i] + symbols[i + 1])
            i += 2
        else:
            merged.append(symbols[i])
            i += 1
    return merged


def _demand_symbols(result: object) -> None:
    demand(
        isinstance(result, list) and all(isinstance(symbol, str) for symbol in result),
        f"the result is {describe(result)}",
        "a list of strings, one for each symbol",
    )


def _check_merge(merge: Attempt) -> str:
    cases: list[tuple[list[str], tuple[str, str]]] = [
        (["l", "e", "t", "t", "e", "r</w>"], ("t", "e")),
        (["t", "h", "a", "t</w>"], ("t", "h")),
        (["a", "t", "h", "th", "e</w>"], ("t", "h")),
        (["a", "n", "a", "n", "a", "s</w>"], ("a", "n")),
        (["o", "o", "o", "h</w>"], ("o", "o")),
        (["a", "t", "h", "e</w>"], ("at", "h")),
        (["at", "he", "n", "a</w>"], ("t", "h")),
        (["h", "t", "h</w>"], ("t", "h")),
        (["h", "t", "h"], ("h", "t")),
        (["x</w>"], ("t", "h")),
        (["c", "ar</w>"], ("c", "ar</w>")),
    ]
    results = [(symbols, pair, merge(symbols, pair)) for symbols, pair in cases]
    for symbols, pair, result in results:
        _demand_symbols(result)
        right = merge_pair(symbols, pair)
        demand(result == right, f"{result} from {symbols} and the pair {pair}", f"{right}")
    return f"{len(cases)} words: pairs twice in a word, overlapping ones, at both ends, and none at all"


def _overlapping(symbols, pair):  # type: ignore[no-untyped-def]  # the mutants take what their exercise takes
    glued, there = [], [two == pair for two in pairwise(symbols)]
    for i, symbol in enumerate(symbols):
        if i < len(there) and there[i]:
            glued.append("".join(pair))
        elif not (i and there[i - 1]):
            glued.append(symbol)
    return glued


def _first_only(symbols, pair):  # type: ignore[no-untyped-def]
    for i, two in enumerate(pairwise(symbols)):
        if two == pair:
            return [*symbols[:i], "".join(pair), *symbols[i + 2 :]]
    return list(symbols)


def _from_the_right(symbols, pair):  # type: ignore[no-untyped-def]
    turned = merge_pair([symbol[::-1] for symbol in symbols[::-1]], (pair[1][::-1], pair[0][::-1]))
    return [symbol[::-1] for symbol in turned[::-1]]


def _in_the_text(symbols, pair):  # type: ignore[no-untyped-def]
    return " ".join(symbols).replace(" ".join(pair), "".join(pair)).split(" ")


def _without_the_last(symbols, pair):  # type: ignore[no-untyped-def]
    glued, i = [], 0
    while i < len(symbols) - 1:
        here = tuple(symbols[i : i + 2]) == pair
        glued.append("".join(pair) if here else symbols[i])
        i += 2 if here else 1
    return glued


def _right_half_stays(symbols, pair):  # type: ignore[no-untyped-def]
    return ["".join(pair) if tuple(symbols[i : i + 2]) == pair else symbols[i] for i in range(len(symbols))]


MERGE = Exercise(
    id="02.1",
    title="Glue one pair",
    difficulty=1,
    minutes=8,
    reference=merge_pair,
    check=_check_merge,
    hints=(
        "Walk through the word with a place i. At each there are two cases: the pair begins here, or it does not.",
        "If the pair begins here, two symbols are used up, else one. So a `while` loop suits better than a `for`.",
        "`tuple(symbols[i : i + 2]) == pair` is also safe at the last symbol, where there is no second one.",
    ),
    mutants=(
        Mutant(_overlapping, "a symbol was glued twice: after a pair, go on behind it, two places further"),
        Mutant(_first_only, "only the first occurrence was glued: a word may hold the pair several times"),
        Mutant(_from_the_right, "glued from right to left: in 'o o o' the first two belong together"),
        Mutant(
            _in_the_text,
            "replaced text instead of symbols: 't h' also stands in 'at he', where neither symbol is t or h",
        ),
        Mutant(_without_the_last, "the last symbol was lost: it begins no pair, but it still belongs to the word"),
        Mutant(_right_half_stays, "the right half of the pair stayed behind: gluing uses up both symbols"),
        Mutant(
            lambda symbols, pair: merge_pair(merge_pair(symbols, pair), pair[::-1]),
            "the pair was glued in the other order, too: (t, h) says nothing about (h, t)",
        ),
        Mutant(
            lambda symbols, pair: "".join(symbols).replace("".join(pair), f" {''.join(pair)} ").split(),
            "the symbols were joined to one text first, and what earlier merges glued is forgotten",
        ),
    ),
)

# ---------------------------------------------------------------------------------------------------------------- 02.2


def encode_word(word: str, ranks: dict[tuple[str, str], int]) -> list[str]:
    """Return the symbols that a word ends up as, when no known pair is left in it.

    word is in byte symbols, "carpet". It starts as its letters, the last one with "</w>" glued to it.
    ranks holds each merge with its place in the list, from 0: of all pairs in a word, glue the earliest learned first.
    """
    symbols = [*word[:-1], word[-1] + "</w>"]
    while len(symbols) > 1:
        earliest = min(pairwise(symbols), key=lambda pair: ranks.get(pair, math.inf))
        if earliest not in ranks:
            break
        symbols = merge_pair(symbols, earliest)
    return symbols


# As training would have written them down. "c a" is known, but "a r" was learned before it.
_MERGES = [
    *(("a", "r"), ("c", "a"), ("c", "ar"), ("e", "t</w>"), ("p", "et</w>"), ("car", "p"), ("car", "pet</w>")),
    *(("a", "t</w>"), ("c", "at</w>"), ("car", "</w>"), ("s", "c"), ("t", "r"), ("o", "o"), ("ca", "r</w>")),
]
_RANKS = {pair: rank for rank, pair in enumerate(_MERGES)}


def _check_encode(encode: Attempt) -> str:
    without_the_whole = {pair: rank for pair, rank in _RANKS.items() if pair != ("car", "pet</w>")}
    cases: list[tuple[str, dict[tuple[str, str], int]]] = [
        ("cat", _RANKS),
        ("carpet", without_the_whole),
        ("carpet", _RANKS),
        ("car", _RANKS),
        ("scarp", _RANKS),
        ("trooo", _RANKS),
        ("q", _RANKS),
        ("zebra", {}),
    ]
    results = [(word, ranks, encode(word, ranks)) for word, ranks in cases]
    for word, ranks, result in results:
        _demand_symbols(result)
        right = encode_word(word, ranks)
        known = "; ".join(" ".join(pair) for pair in ranks) or "nothing"
        demand(result == right, f"{result} for {word!r}, where the list has {known}", f"{right}")
    return f"{len(cases)} words, among them a single letter, a word with nothing to glue, and 'carpet' with two lists"


def _encode_with(choose, start=lambda word: [*word[:-1], word[-1] + "</w>"], rounds=99):  # type: ignore[no-untyped-def]
    """Return an encoder that chooses another pair, begins with other symbols, or gives up early."""

    def encode(word, ranks):  # type: ignore[no-untyped-def]
        symbols = start(word)
        for _ in range(rounds):
            known = [pair for pair in pairwise(symbols) if pair in ranks]
            if not known:
                break
            symbols = merge_pair(symbols, choose(known, ranks))
        return symbols

    return encode


def _earliest(known, ranks):  # type: ignore[no-untyped-def]
    return min(known, key=ranks.get)


def _longest_first(word, ranks):  # type: ignore[no-untyped-def]
    rest, symbols = [*word[:-1], word[-1] + "</w>"], []
    glued = {"".join(pair) for pair in ranks}
    while rest:
        size = next((n for n in range(len(rest), 1, -1) if "".join(rest[:n]) in glued), 1)
        symbols.append("".join(rest[:size]))
        rest = rest[size:]
    return symbols


ENCODE = Exercise(
    id="02.2",
    title="Encode a word",
    difficulty=2,
    minutes=12,
    reference=encode_word,
    check=_check_encode,
    hints=(
        "Which pairs of neighbors does the word hold right now? Which of them stands earliest in the list of merges?",
        "Glue that one with `merge_pair`, and look again: there are new neighbors. Stop when no pair is in `ranks`.",
        "`min(pairwise(symbols), key=lambda pair: ranks.get(pair, math.inf))` is the earliest pair; a word of one "
        "symbol has no pairs, so ask only while there are two.",
    ),
    mutants=(
        Mutant(
            _encode_with(lambda known, ranks: known[0]),
            "the leftmost known pair was glued first: what counts is which one was learned first",
        ),
        Mutant(
            _encode_with(lambda known, ranks: max(known, key=ranks.get)),
            "the merge learned last was taken first: rank 0 is the earliest",
        ),
        Mutant(
            _encode_with(_earliest, start=list),
            "the end of the word is not marked: the last letter starts as, say, 't</w>'",
        ),
        Mutant(
            _encode_with(_earliest, start=lambda word: [*word, "</w>"]),
            "'</w>' became a symbol of its own: it is glued to the last letter from the start",
        ),
        Mutant(
            _encode_with(_earliest, start=lambda word: [letter + "</w>" for letter in word]),
            "every letter was marked as the end of a word: only the last one is",
        ),
        Mutant(_encode_with(_earliest, rounds=1), "it stops after one merge: glue as long as a known pair is left"),
        Mutant(
            _longest_first,
            "the longest known piece was cut off from the left: that is WordPiece. Here the order of learning decides",
        ),
    ),
)

# ---------------------------------------------------------------------------------------------------------------- 02.3


def build_row(ids: list[int], start_id: int, end_id: int, context_length: int) -> list[int]:
    """Return a row of exactly context_length ids: start token, ids, end token, zeros.

    A caption that is too long loses its last ids. The two special tokens are never lost.
    """
    row = [start_id, *ids[: context_length - 2], end_id]
    return row + [0] * (context_length - len(row))


def _check_row(build: Attempt) -> str:
    cases: list[tuple[list[int], int]] = [
        *(([5, 6, 7], 8), ([], 6), ([5, 6, 7, 8, 9], 7), ([5, 6, 7, 8, 9, 4], 7)),
        *((list(range(1, 91)), 77), ([3], 3)),
    ]
    results = [(ids, length, build(ids, 98, 99, length)) for ids, length in cases]
    for ids, length, row in results:
        demand(
            isinstance(row, list) and all(isinstance(i, int) for i in row), f"the result is {describe(row)}", "a list"
        )
        right = build_row(ids, 98, 99, length)
        given = ids if len(ids) < 9 else f"{len(ids)} ids"
        demand(
            len(row) == length, f"a row of {len(row)} for {given}, context_length {length}", f"{length} ids: {right}"
        )
        seen = f"{row} for {given}, with the special tokens 98 and 99, context_length {length}"
        demand(row == right, seen, f"{right}")
    return f"{len(cases)} rows: short ones padded, long ones cut, an empty caption, one that fits to the place"


def _cut_last(ids, start, end, length):  # type: ignore[no-untyped-def]
    return ([start, *ids, end] + [0] * length)[:length]


ROW = Exercise(
    id="02.3",
    title="The row",
    difficulty=1,
    minutes=7,
    reference=build_row,
    check=_check_row,
    hints=(
        "How many ids are left of `context_length` once the two special tokens have taken their places?",
        "Cut the ids first, then put the special tokens around, then fill up. In another order one may be cut off.",
        "`ids[: context_length - 2]` does nothing to a list that is short enough. `[0] * n` is a list of n zeros, and "
        "of none if n is 0.",
    ),
    mutants=(
        Mutant(
            _cut_last,
            "cut after the special tokens were set: a long caption loses its end token, where the text tower reads",
        ),
        Mutant(
            lambda ids, start, end, length: [*build_row(ids, start, end, length)[1:], 0],
            "there is no start token: it comes before the first id",
        ),
        Mutant(
            lambda ids, start, end, length: ([start, *ids[: length - 1]] + [0] * length)[:length],
            "there is no end token: it comes right behind the last id",
        ),
        Mutant(
            lambda ids, start, end, length: [start, *ids[: length - 2], end],
            "the row is not filled up: every row of a batch has the same length",
        ),
        Mutant(
            lambda ids, start, end, length: build_row(ids, start, end, length + 2),
            "the special tokens came on top of context_length: they take two of its places",
        ),
        Mutant(
            lambda ids, start, end, length: [
                end if i == 0 and n else i for n, i in enumerate(build_row(ids, start, end, length))
            ],
            "filled up with end tokens: CLIP fills up with zeros",
        ),
        Mutant(
            lambda ids, start, end, length: (
                [start, *ids[: length - 2]] + [0] * (length - 2 - len(ids[: length - 2])) + [end]
            ),
            "the end token stands in the last place: it belongs right behind the last id, before the zeros",
        ),
        Mutant(
            lambda ids, start, end, length: [0] * max(0, length - 2 - len(ids)) + [start, *ids[: length - 2], end],
            "the zeros stand in front: they belong behind the end token",
        ),
        Mutant(
            lambda ids, start, end, length: build_row(ids[-(length - 2) :] if ids else ids, start, end, length),
            "the first ids were dropped: a caption that is too long loses its end",
        ),
    ),
)

EXERCISES = (MERGE, ENCODE, ROW, MATCH)
