"""The queue of pairs against the plain ways to merge."""

import itertools
import random

import pytest

from clip_tutor.tokenizers import BPETokenizer
from clip_tutor.tokenizers.bpe import as_symbols, encode_word
from clip_tutor.tokenizers.merging import merge_by_rank


def one_at_a_time(symbols: list[str], ranks: dict[tuple[str, str], int]) -> list[str]:
    """SentencePiece's order, by looking at every pair before every merge."""
    while True:
        places = [(ranks[pair], i) for i, pair in enumerate(itertools.pairwise(symbols)) if pair in ranks]
        if not places:
            return symbols
        _, i = min(places)
        symbols = [*symbols[:i], symbols[i] + symbols[i + 1], *symbols[i + 2 :]]


def random_ranks(rng: random.Random, letters: str) -> dict[tuple[str, str], int]:
    """Merges in any order, so that a merge may make a pair that should have come before it."""
    symbols = [*letters, *(letter + "</w>" for letter in letters)]
    pairs: list[tuple[str, str]] = []
    for _ in range(30):
        left, right = rng.choice(symbols), rng.choice(symbols)
        if not left.endswith("</w>") and (left, right) not in pairs:
            pairs.append((left, right))
            symbols.append(left + right)
    rng.shuffle(pairs)
    return {pair: rank for rank, pair in enumerate(pairs)}


def test_the_queue_merges_as_the_steps_do():
    rng = random.Random(0)
    differ = 0
    for _ in range(2000):
        letters = rng.choice(["a", "ab", "abc"])
        ranks = random_ranks(rng, letters)
        tokenizer = BPETokenizer(list(ranks))
        word = "".join(rng.choices(letters, k=rng.randint(1, 25)))
        rounds = merge_by_rank(as_symbols(word), lambda left, right: ranks.get((left, right)))  # noqa: B023
        assert rounds == encode_word(word, ranks) == tokenizer.merge_steps(word)[-1]
        single = merge_by_rank(as_symbols(word), lambda left, right: ranks.get((left, right)), one_by_one=True)  # noqa: B023
        assert single == one_at_a_time(as_symbols(word), ranks)
        differ += rounds != single
    assert differ > 10, "the two orders must differ somewhere, or one of them is not tested"


@pytest.mark.parametrize("symbols", [[], ["a"], ["a", "b"]])
def test_little_or_nothing_to_merge(symbols):
    assert merge_by_rank(symbols, lambda left, right: None) == symbols


def test_each_letter_costs_a_few_looks_however_long_the_word():
    ranks = {("a", "b"): 0, ("ab", "ab"): 1, ("b", "a"): 2, ("abab", "ab"): 3}
    looks: list[tuple[str, str]] = []

    def rank(left: str, right: str) -> int | None:
        looks.append((left, right))
        return ranks.get((left, right))

    for letters in (100, 10_000):
        looks.clear()
        merge_by_rank(random.Random(0).choices("ab", k=letters), rank)
        assert len(looks) < 4 * letters, "looking at every pair before every merge takes thousands a letter"
