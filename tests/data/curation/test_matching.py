"""Sub-string matching: what the automaton finds is what a search for each query finds."""

import random

import numpy as np
import pytest

from clip_tutor.data.curation import automaton
from clip_tutor.data.curation.automaton import QueryMatcher
from clip_tutor.data.curation.matching import find_queries
from clip_tutor.data.curation.text import pad


def test_a_query_is_found_as_whole_words():
    queries = ["cat", "red car", "st. louis", "c++", "a.b"]
    assert find_queries("A catalog of cars", queries) == []
    assert find_queries("My CAT, in a red\tcar", queries) == [0, 1]
    assert find_queries("red, car. c++ in St.Louis", queries) == [2, 3]
    assert find_queries("axb", queries) == [], "a query is no regular expression"


@pytest.mark.parametrize("at_once", [1, 3, 4096])
@pytest.mark.parametrize("seed", range(10))
def test_the_automaton_finds_the_same(monkeypatch, seed, at_once):
    monkeypatch.setattr(automaton, "AT_ONCE", at_once)
    draw = random.Random(seed)
    words = ["a", "b", "ab", "ba", "aa", "Red", "é", "🐶", "(", "[a-z]", ".*", "\\d+", "$", ","]

    def some(longest):
        return " ".join(draw.choices(words, k=draw.randint(1, longest)))

    queries = list({pad(query): query for query in (some(4) for _ in range(draw.randint(1, 80)))}.values())
    captions = [some(15) for _ in range(40)] + ["", " \n ", "nothing\0at all", "\n".join(words)]
    draw.shuffle(captions)
    matches = QueryMatcher(queries).match(captions)
    assert [found.tolist() for found in matches] == [find_queries(caption, queries) for caption in captions]
    assert matches.counts().tolist() == [len(find_queries(caption, queries)) for caption in captions]


def test_shorter_queries_inside_a_longer_one_are_found_where_no_query_lies_between_them():
    queries = ["a red car", "car", "red car yard"]
    assert [found.tolist() for found in QueryMatcher(queries).match(["a red car"])] == [[0, 1]]


def test_nothing_is_found_across_captions():
    matches = QueryMatcher(["red car"]).match(["so red", "car of mine", "red car"])
    assert matches.counts().tolist() == [0, 0, 1]


def test_no_captions_and_no_queries():
    empty = QueryMatcher(["cat"]).match([])
    assert (len(empty), list(empty), empty.queries.dtype) == (0, [], np.int32)
    assert QueryMatcher([]).match(["a cat", ""]).counts().tolist() == [0, 0]


def test_queries_that_mean_nothing_or_the_same_are_refused():
    with pytest.raises(ValueError, match="query 1 is blank"):
        QueryMatcher(["cat", " \n"])
    with pytest.raises(ValueError, match="queries 0 and 2 match the same"):
        QueryMatcher(["St. Louis", "cat", "st .louis"])
    with pytest.raises(TypeError, match="must be a list of texts"):
        QueryMatcher("cat")
    with pytest.raises(TypeError, match="must be a list of texts"):
        QueryMatcher(["cat"]).match("a cat")
    with pytest.raises(TypeError, match="a caption must be a string"):
        QueryMatcher(["cat"]).match(["a cat", None])
