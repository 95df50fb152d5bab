"""Exercise 16.2: find many queries in a caption, as whole words, without trying one after the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from clip_tutor.data.curation.matching import find_queries
from clip_tutor.data.curation.text import pad, split_text
from clip_tutor.data.curation.zipf_text import spell
from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand

MANY, CAPTIONS = 20_000, 25  # queries and captions of the check that takes the time


class Matcher:
    """Finds many queries in captions, as whole words.

    queries is a list of texts of one word or several, all different; query n is called n in what is found.
    """

    def __init__(self, queries: Sequence[str]) -> None:
        self.first_words: dict[str | None, Any] = {}  # word → what may follow it; under None: the query that ends here
        for number, query in enumerate(queries):
            node = self.first_words
            for word in split_text(query):
                node = node.setdefault(word, {})
            node[None] = number

    def find(self, caption: str) -> list[int]:
        """Return the numbers of the queries that occur in a caption, each once, the lowest first.

        The time depends on the words of the caption, and hardly on how many queries there are.
        """
        words, found = split_text(caption), set()
        for start in range(len(words)):
            node = self.first_words
            for word in words[start:]:
                if word not in node:
                    break
                node = node[word]
                if None in node:
                    found.add(node[None])
        return sorted(found)


def find_all(answer: Callable[..., Any], queries: list[str], captions: list[str]) -> Any:
    """Return what a matcher of these queries finds in each caption."""
    matcher = answer(queries)
    found = [matcher.find(caption) for caption in captions]
    return tuple(tuple(one) if isinstance(one, list) else one for one in found)


_CASES = (
    (["cat", "dog"], ["a cat and a dog", "a catalog", "DOG", "a cat, a dog!", "nothing", "", "cats"]),
    (["cat", "log", "a cat", "cat a log"], ["a cat a log", "a catalog", "a cat"]),
    (["hot dog", "dog", "hot dog stand sign", "stand"], ["a hot dog stand", "a hot dog stand sign", "hot, dog"]),
    (["new york", "york city", "city", "new york city hall"], ["New York City", "new york city hall", "york"]),
    (["st. louis", "c++", "what?", "ice-cream", "a.b"], ["In St. Louis", "c++ or c", "what? so what", "ice-cream"]),
    (["b c", "a b c d", "c"], ["a b c e", "a a b c d d", "c c c"]),
)


def _check(find: Attempt) -> str:
    for queries, captions in _CASES:
        answers = find(queries, captions)
        for caption, given in zip(captions, answers, strict=True):
            wanted = find_queries(caption, queries)
            demand(
                isinstance(given, tuple) and list(given) == wanted,
                f"{list(given) if isinstance(given, tuple) else given!r} in {caption!r}, of the queries {queries}",
                f"{wanted}",
            )
    queries, captions = _many()
    padded = [pad(query) for query in queries]
    start = time.process_time()
    slowly = [[n for n, query in enumerate(padded) if query in text] for text in map(pad, captions)]
    one_by_one = time.process_time() - start
    few, all_of_them = _seconds(find, queries, captions[:1]), _seconds(find, queries, captions)
    given = find.function(queries, captions)
    demand(
        [list(one) for one in given] == slowly, f"other queries than there are, of {MANY:,}", "what the slow way has"
    )
    demand(
        all_of_them - few < one_by_one / 2,
        f"{(all_of_them - few) / (len(captions) - 1) * 1000:.1f} ms a caption with {MANY:,} queries",
        f"far less than the {one_by_one / len(captions) * 1000:.1f} ms that it takes to try one after the other",
        "find goes through all queries: walk along the words of the caption, and look up what may begin there",
    )
    return (
        f"whole words only, queries within queries, walks that end in nothing, each once; and {MANY:,} queries do not "
        "make it slow"
    )


def _many() -> tuple[list[str], list[str]]:
    """Return many queries of one and two words, and some captions."""
    words = [spell(rank) for rank in range(1, MANY // 2 + 1)]
    queries = words + [f"{one} {other}" for one, other in zip(words, words[7:] + words[:7], strict=True)]
    captions = [" ".join(words[(n * 131 + k * 7) % len(words)] for k in range(12)) for n in range(CAPTIONS)]
    return queries, captions


def _seconds(find: Attempt, queries: list[str], captions: list[str]) -> float:
    start = time.process_time()
    find.function(queries, captions)
    return time.process_time() - start


class _Searcher:
    """A matcher that tries query after query: what `found` says of (padded query, padded caption)."""

    found = staticmethod(lambda query, caption: query in caption)

    def __init__(self, queries: Sequence[str]) -> None:
        self.queries = list(queries)

    def find(self, caption: str) -> list[int]:
        return [n for n, query in enumerate(self.queries) if self.found(query, caption)]


class _SubString(_Searcher):
    found = staticmethod(lambda query, caption: query.lower() in caption.lower())


class _PlainSplit(_Searcher):
    """Does not set punctuation off."""

    found = staticmethod(lambda query, caption: f" {query.lower()} " in f" {caption.lower()} ")


class _Capitals(_Searcher):
    found = staticmethod(lambda query, caption: f" {query} " in f" {caption} ")


class _SetOfWords(_Searcher):
    found = staticmethod(lambda query, caption: set(split_text(query)) <= set(split_text(caption)))


class _SingleWords(_Searcher):
    """Looks single words up, so that "hot dog" is never found."""

    found = staticmethod(lambda query, caption: query in split_text(caption))


class _OneByOne(_Searcher):
    found = staticmethod(lambda query, caption: pad(query) in pad(caption))


class _Longest(Matcher):
    """Takes the longest query at each place, and goes on behind it."""

    behind = True
    longest = True

    def find(self, caption: str) -> list[int]:
        words, found, start = split_text(caption), [], 0
        while start < len(words):
            node, last, end = self.first_words, None, start + 1
            for place in range(start, len(words)):
                if words[place] not in node:
                    break
                node = node[words[place]]
                if None in node:
                    last, end = node[None], place + 1
                    if not self.longest:
                        break
            if last is not None:
                found.append(last)
            start = end if self.behind else start + 1
        return sorted(set(found))


class _LongestHere(_Longest):
    behind = False


class _FirstHere(_Longest):
    behind = False
    longest = False


class _Repeated(Matcher):
    """Says a query as often as it occurs."""

    def find(self, caption: str) -> list[int]:
        words, found = split_text(caption), []
        for start in range(len(words)):
            node = self.first_words
            for word in words[start:]:
                if word not in node:
                    break
                node = node[word]
                if None in node:
                    found.append(node[None])
        return sorted(found)


class _AsFound(Matcher):
    """Has them in the order of the caption."""

    def find(self, caption: str) -> list[int]:
        there = super().find(caption)
        words = " ".join(split_text(caption))
        return sorted(there, key=lambda n: (words.find(self.texts[n]), n))

    def __init__(self, queries: Sequence[str]) -> None:
        super().__init__(queries)
        self.texts = [" ".join(split_text(query)) for query in queries]


MATCHER = Exercise(
    id="16.2",
    title="Whole words, and many queries at once",
    difficulty=2,
    minutes=15,
    reference=Matcher,
    check=_check,
    use=find_all,
    hints=(
        "Both queries and captions become lists of words by `split_text`. At each word of the caption some query may "
        "begin: which ones need no looking at, as their first word is another?",
        "A tree of dictionaries: the first one has the first words of all queries; what stands under a word is the "
        "dictionary of the words that may follow it. `node = node.setdefault(word, {})` goes one word deeper and makes "
        "what is not there yet. Keep the number of a query where its last word is, under a key that is no word: "
        "`node[None] = number`.",
        "`find` starts such a walk at every word of the caption. A walk goes on as long as the next word stands in the "
        "dictionary, and notes every number that it passes; it does not stop at the first.",
    ),
    mutants=(
        Mutant(_SubString, "'cat' was found in 'catalog': a query is a run of whole words, not of letters"),
        Mutant(
            _PlainSplit,
            "a word with a comma behind it was not found: `split_text` sets punctuation off, in captions and in "
            "queries",
        ),
        Mutant(_Capitals, "capitals matter here: 'DOG' is a dog, and `split_text` puts all into lower case"),
        Mutant(
            _SetOfWords,
            "all words of a query are somewhere in the caption, but not side by side in its order: 'hot, dog'",
        ),
        Mutant(_SingleWords, "single words were looked up: a query may have several, such as 'hot dog'"),
        Mutant(_Longest, "the walk went on behind the query that it found: 'york city' begins inside 'new york'"),
        Mutant(_LongestHere, "at each word just the longest query was noted: 'hot dog' also holds what begins with it"),
        Mutant(_FirstHere, "the walk ended at the first query: 'new york' may go on to 'new york city hall'"),
        Mutant(_Repeated, "a query was named as often as it occurs: each once, or a balance would count it twice"),
        Mutant(_AsFound, "the numbers stand in the order of the caption: the lowest first"),
        Mutant(
            _OneByOne,
            "right, but query after query: with 500,000 of them a caption takes a second; walk along the caption",
        ),
    ),
)
