"""Exercises 02.1 and 02.2: merge one pair in one word, and train byte-pair encoding."""

from collections import Counter
from itertools import pairwise

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe
from clip_tutor.lessons.nb02_tokenizer.exercises.common import demand_strings

# ---------------------------------------------------------------------------------------------------------------- 02.1


def merge_pair(symbols: list[str], pair: tuple[str, str]) -> list[str]:
    """Return the symbols of one word with each occurrence of the pair merged, from left to right.

    merge_pair(["l", "e", "t", "t", "e", "r</w>"], ("t", "e")) is ["l", "e", "t", "te", "r</w>"].
    A symbol is part of one merged pair at most.
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
        demand_strings(result)
        right = merge_pair(symbols, pair)
        demand(result == right, f"{result} from {symbols} and the pair {pair}", f"{right}")
    return f"{len(cases)} words: pairs twice in a word, overlapping ones, at both ends, and none at all"


def _overlapping(symbols, pair):  # type: ignore[no-untyped-def]  # the mutants take what their exercise takes
    merged, there = [], [two == pair for two in pairwise(symbols)]
    for i, symbol in enumerate(symbols):
        if i < len(there) and there[i]:
            merged.append("".join(pair))
        elif not (i and there[i - 1]):
            merged.append(symbol)
    return merged


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
    merged, i = [], 0
    while i < len(symbols) - 1:
        here = tuple(symbols[i : i + 2]) == pair
        merged.append("".join(pair) if here else symbols[i])
        i += 2 if here else 1
    return merged


def _right_half_stays(symbols, pair):  # type: ignore[no-untyped-def]
    return ["".join(pair) if tuple(symbols[i : i + 2]) == pair else symbols[i] for i in range(len(symbols))]


MERGE = Exercise(
    id="02.1",
    title="Merge one pair",
    difficulty=1,
    minutes=8,
    kept=True,
    reference=merge_pair,
    check=_check_merge,
    hints=(
        "Walk through the word with a place i. At each there are two cases: the pair begins here, or it does not.",
        "If the pair begins here, two symbols are used up, else one. So a `while` loop suits better than a `for`.",
        "`tuple(symbols[i : i + 2]) == pair` is also safe at the last symbol, where there is no second one.",
    ),
    mutants=(
        Mutant(_overlapping, "a symbol was used twice: after a pair, go on behind it, two places further"),
        Mutant(_first_only, "only the first occurrence was merged: a word may hold the pair several times"),
        Mutant(_from_the_right, "merged from right to left: in 'o o o' the first two belong together"),
        Mutant(
            _in_the_text,
            "replaced text instead of symbols: 't h' also stands in 'at he', where neither symbol is t or h",
        ),
        Mutant(_without_the_last, "the last symbol was lost: it begins no pair, but it still belongs to the word"),
        Mutant(_right_half_stays, "the right half of the pair stayed behind: a merge uses up both symbols"),
        Mutant(
            lambda symbols, pair: merge_pair(merge_pair(symbols, pair), pair[::-1]),
            "the pair was merged in the other order, too: (t, h) says nothing about (h, t)",
        ),
        Mutant(
            lambda symbols, pair: "".join(symbols).replace("".join(pair), f" {''.join(pair)} ").split(),
            "the symbols were joined to one text first, and what earlier merges made is forgotten",
        ),
    ),
)

# ---------------------------------------------------------------------------------------------------------------- 02.2


def train_bpe(spelled: dict[tuple[str, ...], int], count: int) -> list[tuple[str, str]]:
    """Return at most ``count`` merges, in the order in which they were learned.

    spelled has for each different word, as its first symbols, how often it stands in the text.
    Each merge is the commonest pair of neighbors at that moment; of equally common ones the first in the alphabet.
    A pair that stands there only once is not merged any more. ``spelled`` stays as it is.
    """
    merges: list[tuple[str, str]] = []
    while len(merges) < count:
        pairs: Counter[tuple[str, str]] = Counter()
        for symbols, times in spelled.items():
            for pair in pairwise(symbols):
                pairs[pair] += times
        best = min(pairs, key=lambda pair: (-pairs[pair], pair), default=None)
        if best is None or pairs[best] < 2:
            break
        merges.append(best)
        spelled = {tuple(merge_pair(list(symbols), best)): times for symbols, times in spelled.items()}
    return merges


def _spelled(words: dict[str, int]) -> dict[tuple[str, ...], int]:
    return {(*word[:-1], word[-1] + "</w>"): times for word, times in words.items()}


_TEXTS: tuple[tuple[dict[str, int], int], ...] = (
    ({"mn": 3, "zy": 3, "ab": 3}, 10),
    ({"tea": 4, "team": 3, "eat": 2}, 10),
    ({"tea": 4, "team": 3, "eat": 2}, 2),
    ({"banana": 2, "xy": 3}, 10),
    ({"banana": 2, "ban": 1, "nab": 3}, 10),
    ({"xy": 1, "za": 1, "by": 5}, 10),
    ({"xyz": 1, "wvu": 1}, 10),
    ({"ooooo": 3, "oh": 2}, 10),
    ({"a": 7}, 10),
    ({"the": 9, "then": 4, "hen": 4, "he": 1, "other": 3, "mother": 2}, 30),
    ({}, 5),
)


def _check_train(train: Attempt) -> str:
    for words, count in _TEXTS:
        spelled = _spelled(words)
        result = train(spelled, count)
        demand(
            spelled == _spelled(words),
            "your function changed the dictionary that it was given",
            "the dictionary left as it is",
            "make a new dictionary after each merge; the caller may want the words as they were",
        )
        demand(
            isinstance(result, list) and all(isinstance(one, tuple) and len(one) == 2 for one in result),
            f"the result is {describe(result)}",
            "a list of pairs, each a tuple of two symbols",
        )
        right = train_bpe(_spelled(words), count)
        text = ", ".join(f"{word} × {times}" for word, times in words.items()) or "no words"
        demand(result == right, f"{result} from {text}, at most {count} merges", f"{right}")
    return (
        f"{len(_TEXTS)} little texts: with ties, with a pair twice in a word, with nothing to merge, and no text at all"
    )


def _train_with(  # type: ignore[no-untyped-def]
    choose=lambda pairs: min(pairs, key=lambda pair: (-pairs[pair], pair)),
    weight=lambda times: times,
    neighbors=lambda symbols: list(pairwise(symbols)),
    least=2,
    anew=True,
):
    """Return a training that counts otherwise, chooses otherwise, or stops elsewhere."""

    def train(spelled, count):  # type: ignore[no-untyped-def]
        merges: list[tuple[str, str]] = []
        counted: Counter[tuple[str, str]] | None = None
        while len(merges) < count:
            if anew or counted is None:
                counted = Counter()
                for symbols, times in spelled.items():
                    for pair in neighbors(symbols):
                        counted[pair] += weight(times)
            pairs = Counter({pair: n for pair, n in counted.items() if anew or pair not in merges})
            if not pairs or max(pairs.values()) < least:
                break
            merges.append(choose(pairs))
            spelled = {tuple(merge_pair(list(symbols), merges[-1])): times for symbols, times in spelled.items()}
        return merges

    return train


TRAIN = Exercise(
    id="02.2",
    title="Train byte-pair encoding",
    difficulty=2,
    minutes=15,
    kept=True,
    reference=train_bpe,
    check=_check_train,
    hints=(
        "Three things are repeated: count the pairs of all words, choose one, merge it in every word.",
        "A word that stands there four times counts each of its pairs four times. `pairwise(symbols)` gives the pairs, "
        "and a `Counter` adds up.",
        "The commonest, and of equals the first in the alphabet, in one go: `min` with a tuple as its key, minus the "
        "count and then the pair itself. `default=None` is for the moment when no pair is left.",
        "After each merge make a new dictionary: the keys are `tuple(merge_pair(list(symbols), best))`.",
    ),
    mutants=(
        Mutant(
            _train_with(weight=lambda times: 1),
            "each different word was counted once: a pair counts as often as its word stands in the text",
        ),
        Mutant(
            _train_with(anew=False),
            "the pairs were counted once, at the start: each merge makes new neighbors, and takes some away",
        ),
        Mutant(
            _train_with(choose=lambda pairs: max(pairs, key=pairs.get)),
            "of equally common pairs the one that was met first won: the first in the alphabet does",
        ),
        Mutant(
            _train_with(choose=lambda pairs: max(pairs, key=lambda pair: (pairs[pair], pair))),
            "of equally common pairs the last in the alphabet won: it is the first that does",
        ),
        Mutant(_train_with(least=1), "pairs that stand there only once were merged, too: they are not worth an id"),
        Mutant(
            _train_with(neighbors=lambda symbols: set(pairwise(symbols))),
            "a pair that stands twice in a word was counted once in it: banana holds (a, n) twice",
        ),
        Mutant(
            lambda spelled, count: train_bpe(spelled, count + 1),
            "one merge too many was learned: `count` is the most there may be",
        ),
        Mutant(
            lambda spelled, count: ["".join(pair) for pair in train_bpe(spelled, count)],
            "the merged symbols were returned: whoever encodes needs to know which two symbols each was made of",
        ),
    ),
)
