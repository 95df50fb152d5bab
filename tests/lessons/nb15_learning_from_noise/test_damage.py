"""Damaged captions: decided by the pair's number, nested, and each kind what its name says."""

import pytest
import torch

from clip_tutor.lessons.nb15_learning_from_noise.damage import (
    IMAGE_OF,
    KINDS,
    LANGUAGE,
    SEED,
    WRONG,
    choose_damage,
    damage,
    still_true,
)
from clip_tutor.lessons.nb15_learning_from_noise.world import World

WORLD = World()
POOL = WORLD.pool(300)


def captions(kind: int) -> list[str]:
    return WORLD.captions(POOL, torch.full((300,), kind))


@pytest.mark.parametrize(
    ("low", "high", "start", "kinds"), [(0.0, 1.0, 0, 5), (0.2, 0.2, 7, 3), (0.1, 0.9, 2**40, 1), (0.49, 0.5, 99, 9)]
)
def test_a_larger_share_damages_more_and_changes_nothing(low: float, high: float, start: int, kinds: int):
    pairs = torch.arange(start, start + 200)
    few, many = (choose_damage(pairs, "train", share, kinds, 3) for share in (low, high))
    assert torch.equal(many[few > 0], few[few > 0])
    assert many.max() <= kinds


def test_no_split_but_training_is_damaged():
    for split in ("test", "compositional"):
        assert not choose_damage(torch.arange(1000), split, 1.0, 5, SEED).any()


def test_captions_are_the_same_in_any_order_and_batch():
    kinds = choose_damage(POOL.numbers, "train", 0.8, len(KINDS), SEED)
    whole = WORLD.captions(POOL, kinds)
    rows = torch.randperm(300, generator=torch.Generator().manual_seed(0))[:70]
    some = WORLD.captions(POOL.take(rows), kinds[rows])
    assert some == [whole[row] for row in rows.tolist()]


def test_the_untouched_keep_their_captions():
    assert captions(0) == [scene.caption for scene in POOL.scenes]


def test_image_of_keeps_the_caption_inside():
    assert all(scene.caption in caption for scene, caption in zip(POOL.scenes, captions(IMAGE_OF), strict=True))


def test_another_language_has_the_name_of_the_object():
    for scene, caption in zip(POOL.scenes, captions(LANGUAGE), strict=True):
        assert caption in {name for _, name in scene.objects[0].names}


def test_a_wrong_caption_is_one_of_another_scene():
    own = sum(scene.caption == caption for scene, caption in zip(POOL.scenes, captions(WRONG), strict=True))
    assert own < 15  # of 300: two scenes now and then say the same
    spoken = {scene.caption for scene in WORLD.pool(5000).scenes}
    assert sum(caption in spoken for caption in captions(WRONG)) > 250


def test_what_says_nothing_of_the_image_is_not_true():
    kinds = torch.arange(6)
    assert still_true(kinds).tolist() == [True, False, False, False, True, True]
    names = {emoji.noun.singular for emoji in WORLD.objects}
    for kind in (1, 2):
        assert not any(f" {name} " in f" {caption} " for caption in captions(kind) for name in names)


def test_damage_of_nobody_is_no_draw():
    assert damage([], torch.zeros(0, dtype=torch.long), lambda numbers: []) == []
