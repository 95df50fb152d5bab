"""Learning a unigram vocabulary, held against sums over every single cut."""

import itertools
import math
import random
from collections import Counter

import pytest

from clip_tutor.data.scenes import Scenes
from clip_tutor.tokenizers import UnigramTokenizer
from clip_tutor.tokenizers.sentencepiece.unigram_training import (
    best_without,
    em_step,
    expected_counts,
    learn_pieces,
    log_probabilities,
    seed_pieces,
)


def every_cut(word: str, scores: dict[str, float]) -> dict[tuple[str, ...], float]:
    """All the ways to cut a word into pieces, with their probabilities."""
    found = {}
    for cuts in itertools.product([False, True], repeat=len(word) - 1):
        edges = [0, *(i + 1 for i, cut in enumerate(cuts) if cut), len(word)]
        pieces = tuple(word[start:end] for start, end in itertools.pairwise(edges))
        if all(piece in scores for piece in pieces):
            found[pieces] = math.exp(sum(scores[piece] for piece in pieces))
    return found


@pytest.fixture
def scores() -> dict[str, float]:
    rng = random.Random(0)
    pieces = ["a", "b", "c", "ab", "bc", "ca", "abc", "aa", "cab"]
    return log_probabilities({piece: rng.random() for piece in pieces})


@pytest.mark.parametrize("word", ["a", "aab", "abcabc", "caabbcaab"])
def test_expected_uses_are_an_average_over_all_cuts(scores, word):
    cuts = every_cut(word, scores)
    total = sum(cuts.values())
    expected = Counter()
    for pieces, probability in cuts.items():
        for piece in pieces:
            expected[piece] += probability / total
    log_probability, uses = expected_counts(word, scores)
    assert log_probability == pytest.approx(math.log(total))
    assert uses == pytest.approx(dict(expected))
    assert sum(len(piece) * share for piece, share in uses.items()) == pytest.approx(len(word))


@pytest.mark.parametrize("piece", ["ab", "abc", "cab", "aa"])
def test_a_piece_is_spelled_by_the_best_of_the_others(scores, piece):
    others = {each: score for each, score in scores.items() if each != piece}
    assert best_without(piece, scores) == pytest.approx(math.log(max(every_cut(piece, others).values())))


def test_each_round_fits_the_words_better(scenes: Scenes):
    words = Counter(word for scene in scenes.scenes(range(200)) for word in scene.caption.split())
    scores = seed_pieces(words, 500)
    likelihoods = []
    for _ in range(6):
        likelihood, scores = em_step(words, scores)
        likelihoods.append(likelihood)
        assert sum(map(math.exp, scores.values())) == pytest.approx(1, abs=1e-2)
    assert likelihoods == sorted(likelihoods) and likelihoods[-1] > likelihoods[0] + 1


def test_seeds_are_letters_and_frequent_substrings():
    seeds = seed_pieces(Counter({"snow": 3, "now": 1, "x": 1}), 2)
    assert set(seeds) == {*"snowx", "snow", "now"}
    assert sum(map(math.exp, seeds.values())) == pytest.approx(1)


def test_frequent_words_become_one_piece(scenes: Scenes):
    captions = [scene.caption for scene in scenes.scenes(range(300))]
    tokenizer = UnigramTokenizer.train(captions, 300)
    assert tokenizer.vocab_size == 300
    for word in ("a", "on", "background", "left"):
        assert len(tokenizer.encode(word)) == 1, word
    assert sum(len(tokenizer.encode(caption)) for caption in captions) < sum(map(len, captions)) / 3
    assert all(tokenizer._table.unknown_id not in tokenizer.encode(caption) for caption in captions)
    assert tokenizer.decode(tokenizer(captions[0])[0]) == captions[0]
    assert UnigramTokenizer.train(iter(captions), 300).to_json() == tokenizer.to_json()


def test_few_words_give_few_pieces():
    pieces = learn_pieces(["snow snow snow", "snow owl"], 1000)
    assert max(pieces, key=pieces.__getitem__) == "▁snow"
    assert {*"▁snowl"} <= set(pieces), "every letter can be spelled"


def test_too_little_to_learn_from_is_refused():
    with pytest.raises(ValueError, match="4 pieces are too few: these captions have 8 different letters"):
        UnigramTokenizer.train(["snow fur"], 7)
    with pytest.raises(ValueError, match="these captions have no words"):
        UnigramTokenizer.train(["", "?!"], 100)
