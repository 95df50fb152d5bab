"""Exercise 16.1: the bigrams of a corpus that are more than chance, by pointwise mutual information."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

from clip_tutor.data.curation.counting import count_words
from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand


def strong_bigrams(
    words: dict[str, int], bigrams: dict[tuple[str, str], int], least_pmi: float, least_count: int
) -> list[tuple[str, float]]:
    """Return bigrams, written "hot dog", each with its PMI in bits, the highest first.

    words and bigrams say how often each word stands in a corpus, and each pair of words that follow each other.
    A bigram is returned if its PMI is least_pmi or more, and it stands there least_count times or more.
    """
    N = sum(words.values())
    found = []
    for (first, second), together in bigrams.items():
        pmi = math.log2(N * together / (words[first] * words[second]))
        if pmi >= least_pmi and together >= least_count:
            found.append((f"{first} {second}", pmi))
    return sorted(found, key=lambda one: one[1], reverse=True)


def _in_tuples(answer: Callable[..., Any], *arguments: Any) -> Any:
    """Return what an answer gives as tuples, so that it can be compared with what a known mistake gives."""
    given = answer(*arguments)
    if not isinstance(given, list) or not all(isinstance(one, tuple) and len(one) == 2 for one in given):
        return given
    return tuple((one[0], float(one[1])) for one in given)


_TEXTS = (
    ["the hot dog", "the hot dog ate", "the cat", "a cat", "the dog", "the car and the bus", "xylem ylang"],
    ["red hot chili", "chili is hot", "a red car, a red bus", "new york", "new york city", "old york", "new car"],
)


def _check(answer: Attempt) -> str:
    for text in _TEXTS:
        words, bigrams = count_words(text)
        N = sum(words.values())
        exact = {  # where thresholds lie upon a value, it counts
            f"{a} {b}": math.log2(n * N / (words[a] * words[b])) for (a, b), n in bigrams.items()
        }
        middle = sorted(exact.values())[len(exact) // 2]
        for least_pmi, least_count in ((-99.0, 1), (middle - 1e-9, 1), (-99.0, 2), (middle - 1e-9, 2)):
            given = answer(words, bigrams, least_pmi, least_count)
            demand(
                isinstance(given, tuple) and (given or least_pmi > 0),
                f"{given!r}",
                'a list of tuples such as ("hot dog", 4.7)',
            )
            _compare(dict(given), words, bigrams, exact, least_pmi, least_count)
            values = [value for _, value in given]
            demand(
                values == sorted(values, reverse=True),
                f"PMIs in the order {', '.join(f'{value:.2f}' for value in values[:4])} …",
                "the highest first",
                "sorted by something else than the PMI, or with the lowest first",
            )
    return "the PMI of each bigram in bits, both thresholds, where a value equals them too, and the highest first"


def _compare(
    given: dict[str, float],
    words: Counter[str],
    bigrams: Counter[tuple[str, str]],
    exact: dict[str, float],
    least_pmi: float,
    least_count: int,
) -> None:
    counts = {" ".join(pair): count for pair, count in bigrams.items()}
    for name, value in given.items():
        demand(name in exact, f"the bigram {name!r}", "bigrams of the corpus, both words with a space between them")
        a, b = name.split()
        told = f"{name!r}, {counts[name]} times, its words {words[a]} and {words[b]} times of {sum(words.values())}"
        demand(abs(value - exact[name]) < 1e-6, f"{value:.3f} for {told}", f"{exact[name]:.3f} bits")
    wanted = {name for name in exact if exact[name] >= least_pmi and counts[name] >= least_count}
    for name in sorted(wanted ^ set(given)):
        there = "returned" if name in given else "left out"
        demand(
            False,
            f"{name!r} was {there}: a PMI of {exact[name]:.3f}, {counts[name]} times",
            f"bigrams of {least_pmi:.3f} bits or more that stand there {least_count} times or more",
        )


def _with(
    score: Callable[[int, int, int, int, int], float],
    keeps: Callable[[float, int, float, int], bool] = lambda value, n, least, count: value >= least and n >= count,
    reverse: bool = True,
) -> Callable[..., Any]:
    """Return an answer of another score (of n, both words' counts, N words, N bigrams), or another choice."""

    def answer(words: Any, bigrams: Any, least_pmi: float, least_count: int) -> Any:
        N, pairs = sum(words.values()), sum(bigrams.values())
        scored = [(f"{a} {b}", score(n, words[a], words[b], N, pairs), n) for (a, b), n in bigrams.items()]
        kept = [(name, value) for name, value, n in scored if keeps(value, n, least_pmi, least_count)]
        return sorted(kept, key=lambda one: one[1], reverse=reverse)

    return answer


def _pmi(n: int, a: int, b: int, N: int, pairs: int) -> float:
    return math.log2(N * n / (a * b))


def _rare_words(words: Any, bigrams: Any, least_pmi: float, least_count: int) -> Any:
    kept = {pair: n for pair, n in bigrams.items() if min(words[pair[0]], words[pair[1]]) >= least_count}
    return strong_bigrams(words, kept, least_pmi, 1)


BIGRAMS = Exercise(
    id="16.1",
    title="More than chance",
    difficulty=1,
    minutes=10,
    reference=strong_bigrams,
    check=_check,
    use=_in_tuples,
    hints=(
        "P(a) is words[a] / N, with N = sum(words.values()) words in the corpus. A bigram's probability is its count "
        "divided by the same N.",
        "Put the three into P(a b) / (P(a) P(b)): two of the Ns cancel out, and one is left, above the line.",
        "`for (first, second), together in bigrams.items()`, `math.log2`, and at the end `sorted(found, key=lambda "
        "one: one[1], reverse=True)`.",
    ),
    mutants=(
        Mutant(
            _with(lambda n, a, b, N, pairs: math.log(N * n / (a * b))),
            "a natural logarithm: bits are logarithms to base 2",
        ),
        Mutant(
            _with(lambda n, a, b, N, pairs: math.log2(n / (a * b))),
            "N is missing: counts are not probabilities, and one N is left over when all three are divided by theirs",
        ),
        Mutant(
            _with(lambda n, a, b, N, pairs: math.log2(n / N / (a * b))),
            "only the bigram was divided by N: the words' counts have to become probabilities, too",
        ),
        Mutant(
            _with(lambda n, a, b, N, pairs: math.log2(n / pairs / (a / N * b / N))),
            "the bigram was divided by the number of bigrams: here N is the number of words for both, as in NLTK",
        ),
        Mutant(
            _with(lambda n, a, b, N, pairs: N * n / (a * b)),
            "no logarithm: this says how many times as often as by chance, and PMI is the logarithm of that",
        ),
        Mutant(
            _with(lambda n, a, b, N, pairs: n / N * math.log2(N * n / (a * b))),
            "weighted with the bigram's own probability: that is its part of the mean, the mutual information; here "
            "each bigram is one point",
        ),
        Mutant(
            _with(_pmi, lambda value, n, least, count: value >= least),
            "least_count was not used: two words that stand there once, side by side, have the highest PMI of all",
        ),
        Mutant(
            _with(_pmi, lambda value, n, least, count: n >= count),
            "least_pmi was not used: 'of the' occurs often, and says nothing",
        ),
        Mutant(
            _with(_pmi, lambda value, n, least, count: value >= least and n > count),
            "more than least_count was asked for: a bigram that stands there exactly so often counts",
        ),
        Mutant(
            _rare_words,
            "least_count was asked of the words: two frequent words may stand side by side just once, by accident",
        ),
        Mutant(_with(_pmi, reverse=False), "the lowest first: sorted(…, reverse=True) has the highest first"),
    ),
)
