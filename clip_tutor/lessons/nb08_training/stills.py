"""The images of notebook 08 for places without a kernel. They come from a run of their own: some three minutes."""

from functools import lru_cache
from typing import NamedTuple

import torch
from matplotlib.figure import Figure

from clip_tutor.data.scenes import Batch, Scenes
from clip_tutor.embedding import encode_images, encode_texts
from clip_tutor.lab.plots.training_plots import film_strip, temperature_board
from clip_tutor.model import CLIP
from clip_tutor.training import train
from clip_tutor.training.recipes import RECIPES, prepare, with_settings

PAIRS = 32
MOMENTS = (0, 50, 150, 300, 500, 800)  # steps, so that a slow machine draws the same as a fast one


class _Run(NamedTuple):
    held_out: Batch
    tables: dict[int, torch.Tensor]  # similarities (PAIRS, PAIRS) at each moment
    learned: float  # logit scale at the end


@lru_cache(maxsize=1)
def _run() -> _Run:
    recipe = with_settings(RECIPES["first_light"], seconds=None, steps=MOMENTS[-1])
    model, tokenizer, scenes = prepare(recipe)
    assert isinstance(scenes, Scenes)
    unseen = Scenes(scenes.objects, "test", scenes.size)
    held_out = unseen.batch(unseen.distinct(PAIRS))

    def table(model: CLIP) -> torch.Tensor:
        return encode_texts(model, tokenizer, held_out.captions) @ encode_images(model, held_out.pixels).T

    tables = [table(model.eval())]

    def watch(model: CLIP) -> dict[str, float]:
        tables.append(table(model))
        return {}

    every = MOMENTS[1]
    history = train(model, tokenizer, scenes, recipe.train, evaluate=watch, evaluate_every=every)
    return _Run(held_out, {step: tables[step // every] for step in MOMENTS}, history[-1]["logit_scale"])


def card() -> Figure:
    """Draw how the similarities of eight unseen pairs change from the first step to the last."""
    held_out, tables, _ = _run()
    frames = [tables[step][:8, :8] for step in MOMENTS]
    names = [f"{step:,} steps" for step in MOMENTS]
    return film_strip(frames, names, list(held_out.pixels[:8]), "Eight captions meet eight images")


def board() -> Figure:
    """Draw the notebook's widget as it stands at the temperature that training arrived at."""
    _, tables, learned = _run()
    return temperature_board(tables[MOMENTS[-1]], round(learned), learned)
