"""Recipes: which model, on which pairs, trained how. One name each, used by shell, notebook and benchmark."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import torch

from clip_tutor import zoo
from clip_tutor.data.batches import BatchSource
from clip_tutor.data.hard_batches import Wordings
from clip_tutor.data.sources import ScenesData, open_source, some_captions
from clip_tutor.model import CLIP
from clip_tutor.tokenizers import BPETokenizer, Tokenizer, WordPieceTokenizer
from clip_tutor.towers import BertConfig
from clip_tutor.training.config import TrainConfig, with_flat_settings
from clip_tutor.training.settings import Recipe
from clip_tutor.weights import list_weights, load


class RunParts(NamedTuple):
    """What a run needs on the table before training starts."""

    model: CLIP
    tokenizer: Tokenizer
    source: BatchSource


RECIPES = {
    "first_light": Recipe(
        "tiny", ScenesData("everyday"), TrainConfig(batch_size=192, learning_rate=1.5e-3, steps=780, workers=1)
    ),
    "emoji_plain": Recipe(
        "emoji",
        ScenesData("all"),
        TrainConfig(batch_size=256, learning_rate=1.5e-3, steps=7600, warmup_steps=200, workers=1),
        half=True,
    ),
    # The same model goes on: it now reads what people type, and sees everyday things more often.
    "emoji_plain_search": Recipe(
        "emoji",
        ScenesData("all", searches=0.7, everyday=0.3),
        TrainConfig(batch_size=256, learning_rate=1e-3, steps=8000, warmup_steps=200, seed=1, workers=1),
        start_from="runs/emoji_plain.safetensors",
        half=True,
    ),
    # It goes on once more and learns left from right: of mirror images in one batch, and of wordings in an order.
    "emoji": Recipe(
        "emoji",
        ScenesData("all", 0.4, Wordings(250_000, 550_000), searches=0.7, everyday=0.3),
        TrainConfig(batch_size=256, learning_rate=1e-3, steps=3600, warmup_steps=200, seed=2, workers=1),
        start_from="data/checkpoints/emoji_plain.safetensors",
        half=True,
    ),
    # Flamingo's kind of towers: a network without BatchNorm, and BERT.
    "flamingo_clip": Recipe(
        "flamingo_clip",
        ScenesData("all", searches=0.3, everyday=0.3),
        TrainConfig(batch_size=192, learning_rate=1.5e-3, steps=4500, warmup_steps=200),
        half=True,
    ),
    # A second opinion on what is made to please `emoji`: another shape, another seed, other scenes.
    "everyday": Recipe(
        "tiny",
        ScenesData("everyday", searches=0.3),
        TrainConfig(batch_size=192, learning_rate=1.5e-3, steps=4000, warmup_steps=100, seed=7, workers=1),
        half=True,
    ),
    "first_light_gpu": Recipe(
        "small",
        ScenesData("everyday"),
        TrainConfig(batch_size=1024, learning_rate=1e-3, seconds=170, warmup_steps=200, workers=12),
    ),
}


def prepare(recipe: Recipe, device: str | torch.device = "cpu") -> RunParts:
    """Return the model, the tokenizer and the pairs of a run.

    A fresh model gets a tokenizer that has read captions of the pairs; one that goes on from trained weights
    (``recipe.start_from``) keeps its own. Everything is decided by ``recipe.train.seed``.

    Raises:
        KeyError, ValueError, FileNotFoundError: the model, its weights or the pairs are not there, or do not fit.
    """
    torch.manual_seed(recipe.train.seed)
    config = zoo.config(recipe.model)
    image_size = recipe.image_size or config.vision.image_size
    source = open_source(recipe.data, image_size, recipe.train.seed)
    if recipe.start_from:
        published = recipe.start_from in list_weights(recipe.model)
        model, tokenizer, _ = load(recipe.model, recipe.start_from) if published else load(recipe.start_from)
    else:
        if recipe.train.loss == "sigmoid" and config.logit_bias is None:
            # An untrained model should say yes as often as that is right: to one caption in a batch.
            config = replace(config, logit_scale=10.0, logit_bias=-math.log(max(1, recipe.train.batch_size - 1)))
        family = WordPieceTokenizer if isinstance(config.text, BertConfig) else BPETokenizer  # [CLS] first, or not
        tokenizer = family.train(some_captions(source), config.text.vocab_size, config.text.context_length)
        model = CLIP(config)
    if model.config.vision.image_size != image_size:
        model = model.at_image_size(image_size)
    model.to(device).to(memory_format=torch.channels_last)  # the layout convolutions like
    return RunParts(model, tokenizer, source)


def with_settings(recipe: Recipe, **settings: object) -> Recipe:
    """Return the recipe with some of its `TrainConfig` settings changed, those of `Efficiency` by their own names."""
    return replace(recipe, train=with_flat_settings(recipe.train, **settings))
