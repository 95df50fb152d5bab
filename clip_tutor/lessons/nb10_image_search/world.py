"""What notebook 10 searches and searches with: scenes, others as queries, five captions each, names by language."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from clip_tutor.data.captions import Wordbook, describe, search_words
from clip_tutor.data.emoji import FIRST_WORDS, Emoji, find_emoji, load_emoji
from clip_tutor.data.random_numbers import counter_rng
from clip_tutor.data.scenes import Batch, Scene, Scenes
from clip_tutor.embedding import encode_images
from clip_tutor.lab.samples.collection import collection
from clip_tutor.model import CLIP

RANDOM_SCENES = 3000
CAPTIONS_EACH, AS_SEARCHED = 5, 2  # captions of an image, and how many of them are what one types into a search box
TO_LEARN = ("Animals & Nature", "Food & Drink")  # groups whose names are learned in another language


def searched_images(size: int) -> Batch:
    """Return 5,000 scenes: the tour's 2,000, among which wishes come true, and 3,000 as chance has it."""
    chosen, by_chance = collection(size), Scenes(load_emoji(), "test", size).batch(range(RANDOM_SCENES))
    return Batch(
        torch.cat([chosen.pixels, by_chance.pixels]),
        [*chosen.captions, *by_chance.captions],
        [*chosen.scenes, *by_chance.scenes],
    )


def other_scenes(size: int, count: int = 400) -> Batch:
    """Return scenes that are none of those searched: their captions and images are queries."""
    return Scenes(load_emoji(), "test", size, seed=1).batch(range(count))


def everyday() -> tuple[Emoji, ...]:
    """Return 104 everyday things, whose nouns people may well type."""
    return find_emoji(FIRST_WORDS)


def several_captions(scenes: Sequence[Scene]) -> tuple[list[str], Tensor]:
    """Return five captions of each of M scenes, as five people would write them, and (N,) which scene each is of."""
    wordbook = Wordbook(load_emoji())
    uniforms = counter_rng(3, np.arange(CAPTIONS_EACH * len(scenes)), 6).tolist()
    captions = []
    for m, one in enumerate(scenes):
        for n in range(CAPTIONS_EACH):
            u = uniforms[CAPTIONS_EACH * m + n]
            if n < CAPTIONS_EACH - AS_SEARCHED:
                told = (one.objects, one.count, one.size, one.relation, one.background)
                captions.append(describe(*told, u, wordbook))
            else:
                captions.append(search_words(one.objects, one.count, one.size, one.background, u, wordbook))
    return captions, torch.arange(len(scenes)).repeat_interleave(CAPTIONS_EACH)


class Named(NamedTuple):
    """M animals and dishes, and what the model makes of images of them."""

    objects: tuple[Emoji, ...]
    learned: Tensor  # (M, E) of training scenes, several of each
    unseen: Tensor  # (M, E) of one test scene each

    def names(self, language: str) -> list[str]:
        """Return what they are called in a language, given by its code."""
        return [dict(one.names)[language] for one in self.objects]


def animals_and_dishes(model: CLIP) -> Named:
    """Return 285 objects, alone and large enough to see: the mean of six training scenes, and a test scene, of each."""
    objects = tuple(emoji for emoji in load_emoji() if emoji.group in TO_LEARN)
    return Named(objects, _alone(model, objects, "train", 6), _alone(model, objects, "test", 1))


def _alone(model: CLIP, objects: tuple[Emoji, ...], split: str, each: int) -> Tensor:
    """Return (M, E): the direction of the first scenes of each object that are not tiny."""
    scenes = Scenes(objects, split, model.config.vision.image_size, kinds=("one",))  # type: ignore[arg-type]
    plan = scenes.plan(range(40 * len(objects)))
    large = np.flatnonzero(plan.size > 0)
    rows = [large[plan.objects[large, 0] == m][:each] for m in range(len(objects))]
    features = encode_images(model, scenes.batch(np.concatenate(rows).tolist()).pixels)  # (M * each, E)
    return F.normalize(features.view(len(objects), each, -1).mean(dim=1), dim=-1)
