"""The texts and pairs of notebook 16: they are as they are said to be, and the same each time."""

import numpy as np
import pytest
import torch

from clip_tutor.data.drawing import BACKGROUNDS
from clip_tutor.lessons.nb16_web_image_text.corpus import (
    HEAD,
    MIDDLE,
    PIXELS,
    TAIL,
    THINGS,
    encyclopaedia,
    list_queries,
    long_tail,
    things,
    unseen,
)


def test_the_things_of_a_long_tail_follow_zipf():
    pairs = long_tail(3000, seed=5)
    counts = np.bincount(pairs.ranks, minlength=THINGS)
    expected = 3000 / np.arange(1, THINGS + 1) / (1 / np.arange(1, THINGS + 1)).sum()
    assert np.all(np.abs(counts - expected) < 5 * np.sqrt(expected))
    assert counts[:4].tolist() == sorted(counts[:4].tolist(), reverse=True)


def test_a_caption_names_the_thing_and_not_the_background():
    pairs, order = long_tail(300, seed=1), things(1)
    told = []
    for caption, rank in zip(pairs.captions, pairs.ranks.tolist(), strict=True):
        nouns = {name for noun in (order[rank].noun, *order[rank].synonyms) for name in (noun.singular, noun.plural)}
        told += [] if any(name in caption for name in nouns) else [caption]
    assert told == []
    assert not any(f"{color} background" in caption for caption in pairs.captions for color in BACKGROUNDS)


def test_the_background_that_is_said_is_the_one_in_the_image():
    pairs = long_tail(60, seed=2)
    for pixels, background in zip(pairs.pixels, pairs.backgrounds.tolist(), strict=True):
        corners = pixels[:, [0, 0, -1, -1], [0, -1, 0, -1]].float().median(dim=1).values
        colors = torch.tensor(list(BACKGROUNDS.values()), dtype=torch.float)
        assert (colors[background] - corners).abs().max() < 60


def test_the_test_shows_each_thing_as_often_and_nothing_of_the_training():
    pool, test = long_tail(500, seed=0), unseen(3, seed=0)
    assert np.bincount(test.ranks).tolist() == [3] * THINGS
    assert test.pixels.shape == (3 * THINGS, 3, PIXELS, PIXELS)
    seen = {image.numpy().tobytes() for image in pool.pixels}
    assert not any(image.numpy().tobytes() in seen for image in test.pixels)


def test_head_middle_and_tail_are_all_things():
    parts = [np.arange(THINGS)[part] for part in (HEAD, MIDDLE, TAIL)]
    assert np.concatenate(parts).tolist() == list(range(THINGS))


def test_another_seed_has_another_order():
    orders = [[one.character for one in things(seed)] for seed in (0, 1)]
    assert orders[0] != orders[1]
    assert sorted(orders[0]) == sorted(orders[1])


@pytest.mark.slow
def test_the_encyclopaedia_has_the_compounds_that_one_expects():
    queries = set(list_queries(encyclopaedia()).queries)
    assert {"hot dog", "traffic light", "red", "dogs", "the"} <= queries
    assert "of a" not in queries
