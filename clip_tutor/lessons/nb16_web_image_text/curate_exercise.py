"""Exercise 16.4: from a corpus and captions to the pairs that stay."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import torch

from clip_tutor.data.curation.automaton import QueryMatcher
from clip_tutor.data.curation.balancing import BalanceReport, balance, count_matches, draw
from clip_tutor.data.curation.counting import count_words
from clip_tutor.data.curation.query_list import build_query_list
from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand
from clip_tutor.lessons.nb16_web_image_text.bigram_exercise import strong_bigrams
from clip_tutor.lessons.nb16_web_image_text.corpus import BIGRAM_COUNT, BIGRAM_PMI, THRESHOLDS, list_queries, synsets
from clip_tutor.lessons.nb16_web_image_text.keep_exercise import keep_probabilities
from clip_tutor.lessons.nb16_web_image_text.matching_exercise import Matcher

Captions = dict[str, str]


def curate(captions: dict[str, str], corpus: Iterable[str], t: int, seed: int = 0) -> list[str]:
    """Return the names of the pairs that stay, in the order of captions.

    captions has a caption for each pair's name. corpus gives lines of text, once.
    A bigram is a query if it has BIGRAM_PMI bits or more and stands in the corpus BIGRAM_COUNT times or more.
    Whether a pair stays depends on seed, its own name, its caption and the counts, and not on its place among others.
    """
    words, bigrams = count_words(corpus)
    strong = strong_bigrams(words, bigrams, BIGRAM_PMI, BIGRAM_COUNT)
    queries = build_query_list(words.items(), strong, synsets=synsets(), thresholds=THRESHOLDS).queries
    matcher = Matcher(queries)
    found = [matcher.find(caption) for caption in captions.values()]
    B = len(found)
    query = torch.tensor([one for some in found for one in some], dtype=torch.long)  # (K,)
    owner = torch.repeat_interleave(torch.arange(B), torch.tensor([len(some) for some in found]))  # (K,)
    counts = torch.bincount(query, minlength=len(queries))  # (Q,)
    stays = torch.from_numpy(draw(list(captions), seed)) < keep_probabilities(owner, query, counts, t, B)  # (B,)
    return [name for name, kept in zip(captions, stays.tolist(), strict=True) if kept]


def curate_with_the_library(captions: Captions, corpus: Iterable[str], t: int, seed: int = 0) -> list[str]:
    """Return the same by the library's functions, which are made for half a million queries."""
    queries = list_queries(corpus).queries
    matches = QueryMatcher(queries).match(list(captions.values()))
    counts = count_matches([matches], len(queries))
    stays = balance(list(captions), matches, counts, BalanceReport(t, seed))
    return [name for name, kept in zip(captions, stays.tolist(), strict=True) if kept]


_CORPUS = [
    "a river bank and a bun",
    "river bank with trees",
    "the river bank",
    "river bank",
    "my river bank",
    "zeppelin lounge",
] + [f"a {color} {thing} on the road" for color in ("red", "blue", "green") for thing in ("car", "bus", "van") * 8]


def _captions() -> Captions:
    said = ["a red car"] * 60 + ["a blue car on the road"] * 25 + ["a van"] * 12 + ["a giraffe"] * 4
    said += ["a river"] * 40 + ["a bank"] * 40 + ["my river bank"] * 6 + ["a zeppelin lounge"] * 8
    said += ["???"] * 4 + ["a catalog of a RED bus, on the road"] * 6
    return {f"pair {n}": caption for n, caption in enumerate(said)}


def _check(answer: Attempt) -> str:
    captions = _captions()
    for t, seed in ((10, 0), (3, 0), (30, 5)):
        given = answer(captions, tuple(_CORPUS), t, seed)
        wanted = curate_with_the_library(captions, _CORPUS, t, seed)
        demand(
            isinstance(given, list) and set(given) <= set(captions),
            f"{given!r:.80}",
            "a list of some of the names, such as 'pair 3'",
        )
        lost, more = sorted(set(wanted) - set(given)), sorted(set(given) - set(wanted))
        demand(
            not lost and not more and len(given) == len(wanted),
            f"{len(given)} pairs stay (t = {t}, seed {seed})"
            + (f"; {lost[0]!r} does not, {captions[lost[0]]!r}" if lost else "")
            + (f"; {more[0]!r} does, {captions[more[0]]!r}" if more else ""),
            f"{len(wanted)}, the library's",
        )
        demand(given == wanted, "other than in the order of captions", "the order of captions")
    backwards = dict(reversed(list(captions.items())))
    given = answer(backwards, iter(_CORPUS), 10, 0)
    demand(
        set(given) == set(curate_with_the_library(captions, _CORPUS, 10, 0)),
        "other pairs stay when the captions come in another order",
        "the same ones",
        "the random number of a pair has to depend on its own name, as that of `draw` does, and the corpus may be a "
        "generator, which can be read once",
    )
    return "the library's pairs, at three thresholds and two seeds, in any order of the captions"


def _curate(
    captions: Captions,
    corpus: Iterable[str],
    t: int,
    seed: int = 0,
    least: tuple[float, int] = (BIGRAM_PMI, BIGRAM_COUNT),
    matcher: Callable[[list[str]], Any] = Matcher,
    counted: Callable[[torch.Tensor, int, Any], torch.Tensor] = lambda query, Q, words: torch.bincount(
        query, minlength=Q
    ),
    drawn: Callable[[list[str], int], torch.Tensor] = lambda names, seed: torch.from_numpy(draw(names, seed)),
    names: Callable[[], Iterable[str]] = synsets,
) -> list[str]:
    """Return what `curate` returns, with one step replaced by a wrong one."""
    words, bigrams = count_words(corpus)
    strong = strong_bigrams(words, bigrams, *least)
    queries = build_query_list(words.items(), strong, synsets=names(), thresholds=THRESHOLDS).queries
    find = matcher(queries).find
    found = [find(caption) for caption in captions.values()]
    B = len(found)
    query = torch.tensor([one for some in found for one in some], dtype=torch.long)
    owner = torch.repeat_interleave(torch.arange(B), torch.tensor([len(some) for some in found]))
    counts = counted(query, len(queries), [words[one] for one in queries])
    keep = keep_probabilities(owner, query, counts, t, B)
    stays = drawn(list(captions), seed) < keep
    return [name for name, kept in zip(captions, stays.tolist(), strict=True) if kept]


class _Letters:
    def __init__(self, queries: list[str]) -> None:
        self.queries = queries

    def find(self, caption: str) -> list[int]:
        return [n for n, query in enumerate(self.queries) if query in caption.lower()]


def _from_a_tape(names: list[str], seed: int) -> torch.Tensor:
    return torch.rand(len(names), generator=torch.Generator().manual_seed(seed))


CURATE = Exercise(
    id="16.4",
    title="From a corpus to a data set",
    difficulty=2,
    minutes=12,
    reference=curate,
    check=_check,
    hints=(
        "Six steps: count words and bigrams of the corpus; the strong bigrams; the list of queries; what each caption "
        "matches; how many captions each query has; who stays.",
        "`find` gives a list for each caption. `query` is all of them, one after the other, as one tensor of whole "
        "numbers; `owner` repeats the number of the caption as often as its list is long (`torch.repeat_interleave`).",
        "`counts` is `torch.bincount(query, minlength=len(queries))`. `draw(list(captions), seed)` gives a number in "
        "[0, 1) for each name: a pair stays if its number is below its probability.",
    ),
    mutants=(
        Mutant(
            partial(_curate, drawn=_from_a_tape),
            "random numbers were drawn one after the other: then it depends on the order who stays. `draw` makes them "
            "of the names",
        ),
        Mutant(
            partial(_curate, drawn=lambda names, seed: torch.full((len(names),), 0.5)),
            "pairs with more than one half stay, and all others go: a probability has to be drawn",
        ),
        Mutant(
            partial(_curate, drawn=lambda names, seed: torch.from_numpy(draw(names, 0))),
            "the seed was not handed to `draw`",
        ),
        Mutant(
            partial(_curate, drawn=lambda names, seed: 1 - torch.from_numpy(draw(names, seed))),
            "a pair stays if its number is below its probability, not above one minus it",
        ),
        Mutant(
            partial(_curate, counted=lambda query, Q, words: torch.tensor(words)),
            "the counts are those of the corpus: what has to be balanced is how often the captions have a query",
        ),
        Mutant(partial(_curate, least=(BIGRAM_PMI, 1)), "BIGRAM_COUNT was not used, so chance bigrams became queries"),
        Mutant(partial(_curate, least=(99.0, 1)), "there are no bigrams among the queries"),
        Mutant(partial(_curate, names=list), "`synsets` are left out of the list of queries"),
        Mutant(partial(_curate, matcher=_Letters), "queries were searched as letters: 'car' is not in 'scarf'"),
    ),
)
