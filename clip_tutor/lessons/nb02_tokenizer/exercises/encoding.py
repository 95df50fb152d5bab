"""Exercise 02.3: encode a word, the merge that was learned first before all others."""

import math
from itertools import pairwise

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand
from clip_tutor.lessons.nb02_tokenizer.exercises.common import demand_strings
from clip_tutor.lessons.nb02_tokenizer.exercises.merging import merge_pair


def encode_word(symbols: list[str], ranks: dict[tuple[str, str], int]) -> list[str]:
    """Return the symbols that a word ends up as, when no pair that was learned is left in it.

    symbols is the word as it starts: ["c", "a", "r</w>"].
    ranks has each merge with its place in the list, from 0: of all pairs in a word, merge the earliest learned first.
    """
    symbols = list(symbols)
    while len(symbols) > 1:
        earliest = min(pairwise(symbols), key=lambda pair: ranks.get(pair, math.inf))
        if earliest not in ranks:
            break
        symbols = merge_pair(symbols, earliest)
    return symbols


def _start(word: str) -> list[str]:
    return [*word[:-1], word[-1] + "</w>"]


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
    results = [(word, ranks, encode(_start(word), ranks)) for word, ranks in cases]
    for word, ranks, result in results:
        demand_strings(result)
        right = encode_word(_start(word), ranks)
        known = "; ".join(" ".join(pair) for pair in ranks) or "nothing"
        demand(result == right, f"{result} for {_start(word)}, where the list has {known}", f"{right}")
    return f"{len(cases)} words, among them a single letter, a word with nothing to merge, and 'carpet' with two lists"


def _encode_with(choose, rounds=99):  # type: ignore[no-untyped-def]
    """Return an encoder that chooses another pair, or gives up early."""

    def encode(symbols, ranks):  # type: ignore[no-untyped-def]
        for _ in range(rounds):
            known = [pair for pair in pairwise(symbols) if pair in ranks]
            if not known:
                break
            symbols = merge_pair(symbols, choose(known, ranks))
        return symbols

    return encode


def _earliest(known, ranks):  # type: ignore[no-untyped-def]
    return min(known, key=ranks.get)


def _longest_first(symbols, ranks):  # type: ignore[no-untyped-def]
    rest, found = list(symbols), []
    merged = {"".join(pair) for pair in ranks}
    while rest:
        size = next((n for n in range(len(rest), 1, -1) if "".join(rest[:n]) in merged), 1)
        found.append("".join(rest[:size]))
        rest = rest[size:]
    return found


def _once_through(symbols, ranks):  # type: ignore[no-untyped-def]
    first = [pair for pair in pairwise(symbols) if pair in ranks]
    for pair in sorted(first, key=ranks.get):
        symbols = merge_pair(symbols, pair)
    return symbols


ENCODE = Exercise(
    id="02.3",
    title="Encode a word",
    difficulty=2,
    minutes=10,
    kept=True,
    reference=encode_word,
    check=_check_encode,
    hints=(
        "Which pairs of neighbors does the word hold right now? Which of them stands earliest in the list of merges?",
        "Merge that one with `merge_pair`, and look again: there are new neighbors. Stop when no pair is in `ranks`.",
        "`min(pairwise(symbols), key=lambda pair: ranks.get(pair, math.inf))` is the earliest pair; a word of one "
        "symbol has no pairs, so ask only while there are two.",
    ),
    mutants=(
        Mutant(
            _encode_with(lambda known, ranks: known[0]),
            "the leftmost known pair was merged first: what counts is which one was learned first",
        ),
        Mutant(
            _encode_with(lambda known, ranks: max(known, key=ranks.get)),
            "the merge learned last was taken first: rank 0 is the earliest",
        ),
        Mutant(_encode_with(_earliest, rounds=1), "it stops after one merge: go on as long as a known pair is left"),
        Mutant(
            _once_through,
            "only the pairs of the word as it started were merged: a merge makes new neighbors, look again after each",
        ),
        Mutant(
            _longest_first,
            "the longest known piece was cut off from the left: that is WordPiece. Here the order of learning decides",
        ),
    ),
)
