"""Recipes: which model, on which objects, trained how. One name each, used by shell, notebook and benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch

from clip_tutor import zoo
from clip_tutor.data.emoji import FIRST_WORDS, Emoji, find_emoji, load_emoji
from clip_tutor.data.scenes import Scenes
from clip_tutor.model import CLIP
from clip_tutor.tokenizers import BPETokenizer
from clip_tutor.training.config import TrainConfig

CAPTIONS_PER_OBJECT = 150  # that the tokenizer learns its merges from


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what a training run gives."""

    model: str  # a name in `clip_tutor.zoo`
    whole_vocabulary: bool  # all emoji, or the everyday objects of FIRST_WORDS
    train: TrainConfig

    def objects(self) -> Sequence[Emoji]:
        """Return the objects that its scenes show."""
        return load_emoji() if self.whole_vocabulary else find_emoji(FIRST_WORDS)


class Kit(NamedTuple):
    """What a recipe needs on the table before training starts."""

    model: CLIP
    tokenizer: BPETokenizer
    scenes: Scenes


RECIPES = {
    "first_light": Recipe("tiny", False, TrainConfig(batch_size=192, learning_rate=1.5e-3, seconds=170, workers=1)),
    "emoji": Recipe(
        "emoji", True, TrainConfig(batch_size=256, learning_rate=1.5e-3, seconds=3600, warmup_steps=200, workers=1)
    ),
    "first_light_gpu": Recipe(
        "small", False, TrainConfig(batch_size=1024, learning_rate=1e-3, seconds=170, warmup_steps=200, workers=12)
    ),
}


def prepare(recipe: Recipe, device: str | torch.device = "cpu") -> Kit:
    """Return a fresh model, a tokenizer trained on captions of the recipe's scenes, and the scenes.

    Everything is decided by ``recipe.train.seed``.
    """
    torch.manual_seed(recipe.train.seed)
    config = zoo.MODELS[recipe.model]
    objects = recipe.objects()
    scenes = Scenes(objects, "train", config.vision.image_size, recipe.train.seed)
    captions = (scene.caption for scene in scenes.scenes(range(CAPTIONS_PER_OBJECT * len(objects))))
    tokenizer = BPETokenizer.train(captions, config.text.vocab_size, config.text.context_length)
    model = zoo.create(recipe.model).to(device).to(memory_format=torch.channels_last)  # the layout convolutions like
    return Kit(model, tokenizer, scenes)


def with_settings(recipe: Recipe, **settings: object) -> Recipe:
    """Return the recipe with some of its `TrainConfig` settings changed."""
    return replace(recipe, train=replace(recipe.train, **settings))  # type: ignore[arg-type]
