"""Exercise 02.6: unigram's way to cut a word, as SigLIP's tokenizer does: the most probable cut of all."""

import math

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand
from clip_tutor.lessons.nb02_tokenizer.exercises.common import demand_strings


def most_probable_cut(word: str, log_probabilities: dict[str, float]) -> list[str]:
    """Return the pieces of a word whose log-probabilities have the largest sum; together they are the word.

    log_probabilities has every piece that may be used. Some cut of the word exists. A long word must not take long:
    the number of cuts doubles with each letter. If several cuts are equally probable, any of them is right.
    """
    best: list[tuple[float, list[str]]] = [(0.0, [])]  # of the first 0, 1, 2, … letters: the sum, and the pieces
    for end in range(1, len(word) + 1):
        reached: tuple[float, list[str]] = (-math.inf, [])
        for start in range(end):
            total = best[start][0] + log_probabilities.get(word[start:end], -math.inf)
            if total > reached[0]:
                reached = (total, [*best[start][1], word[start:end]])
        best.append(reached)
    return best[-1][1]


_LOGS = {
    **{letter: -6.0 for letter in "butonesarc"},
    **{"but": -2.0, "butt": -7.0, "on": -2.5, "ton": -3.5, "to": -3.0, "one": -2.2, "bu": -4.0, "tt": -13.0},
    **{"es": -2.0, "ca": -3.0, "car": -2.5, "scar": -9.0, "nes": -3.1},
}
_WORDS = ("button", "b", "but", "ones", "bones", "scar", "cars", "butones", "abut", "tones")


def _check_cut(cut: Attempt) -> str:
    long_word = "buttonesscar" * 8
    for word in (*_WORDS, long_word):
        result = cut(word, _LOGS)
        demand_strings(result, "piece")
        shown = word if len(word) < 20 else f"a word of {len(word)} letters"
        demand("".join(result) == word, f"{result} for {shown}, which together is no {word!r}", "pieces of the word")
        unknown = [piece for piece in result if piece not in _LOGS]
        demand(not unknown, f"{unknown} in the cut of {shown}", "pieces that have a probability")
        right = most_probable_cut(word, _LOGS)
        seen, wanted = (sum(_LOGS[piece] for piece in pieces) for pieces in (result, right))
        demand(
            seen >= wanted - 1e-9,
            f"{result} for {shown}, of log-probability {seen:.1f}",
            f"{right}, of log-probability {wanted:.1f}",
        )
    return f"{len(_WORDS)} words, and one of {len(long_word)} letters"


def _greedy(word, logs):  # type: ignore[no-untyped-def]
    found, start = [], 0
    while start < len(word):
        end = max(end for end in range(start + 1, len(word) + 1) if word[start:end] in logs)
        found.append(word[start:end])
        start = end
    return found


def _likeliest_next(word, logs):  # type: ignore[no-untyped-def]
    found, start = [], 0
    while start < len(word):
        ends = [end for end in range(start + 1, len(word) + 1) if word[start:end] in logs]
        end = max(ends, key=lambda end: logs[word[start:end]])
        found.append(word[start:end])
        start = end
    return found


def _fewest(word, logs):  # type: ignore[no-untyped-def]
    return most_probable_cut(word, {piece: -1.0 + 1e-3 * value for piece, value in logs.items()})


def _multiplied(word, logs):  # type: ignore[no-untyped-def]
    return most_probable_cut(word, {piece: -value for piece, value in logs.items()})


CUT = Exercise(
    id="02.6",
    title="SigLIP's way: the most probable cut",
    difficulty=3,
    minutes=15,
    kind="further",
    reference=most_probable_cut,
    check=_check_cut,
    hints=(
        "Ask a smaller question: what is the best cut of the first one, two, three letters?",
        "The best cut of the first n letters ends in some last piece, which begins at some place m. Before it stands "
        "the best cut of the first m letters, and that one is known already.",
        "Keep a list: for each n the sum and the pieces. For n = 0 they are 0.0 and none. For each next n try all m.",
    ),
    mutants=(
        Mutant(_greedy, "the longest piece was taken each time: that is WordPiece"),
        Mutant(
            _likeliest_next,
            "the most probable next piece was taken each time: a probable piece may leave an improbable rest",
        ),
        Mutant(_fewest, "the cut with the fewest pieces was taken: two frequent pieces may beat a rare long one"),
        Mutant(_multiplied, "the least probable cut was taken: log-probabilities are negative, nearest to 0 is best"),
        Mutant(
            lambda word, logs: list(word),
            "the word was cut into its letters: that is one of the cuts, and hardly ever the most probable",
        ),
    ),
)
