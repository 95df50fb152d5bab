"""The images of notebook 15 for places without a kernel."""

from functools import lru_cache

import torch
from matplotlib.figure import Figure
from torch import Tensor

from clip_tutor.data.curation import filters
from clip_tutor.lessons.nb15_learning_from_noise import filtering, grid
from clip_tutor.lessons.nb15_learning_from_noise.damage import KINDS, still_true
from clip_tutor.lessons.nb15_learning_from_noise.plots import sieve, what_filters_drop
from clip_tutor.lessons.nb15_learning_from_noise.world import Pool, World

NAMES = ("untouched", *KINDS)
N = 3200
SCORE = 0.3


@lru_cache(maxsize=1)
def _damaged() -> tuple[Pool, Tensor, list[str], Tensor]:
    """Return a pool, what damage each pair has, the captions, and their CLIP scores."""
    world = World()
    pool = world.pool(N)
    kinds = grid.damage_of(grid.Run(1, 0.5, 0), pool.numbers)
    captions = world.captions(pool, kinds)
    return pool, kinds, captions, filtering.scores(world, pool, captions)


def card() -> Figure:
    """Draw what each filter drops, of each kind of caption."""
    pool, kinds, captions, scores = _damaged()
    masks = filtering.text_masks(pool, captions)
    masks["CLIP score"] = scores >= scores.quantile(1 - filtering.BEST)
    dropped = {
        name: {NAMES[kind]: (~kept)[kinds == kind].float().mean().item() for kind in range(len(NAMES))}
        for name, kept in masks.items()
    }
    return what_filters_drop(dropped, "What each filter drops, of each kind of caption")


def board() -> Figure:
    """Draw the notebook's widget with one threshold for each of its filters."""
    pool, kinds, captions, scores = _damaged()
    pairs = filtering.web_pairs(pool, captions)
    counts = filters.images_per_caption(pairs)
    kept = [filters.shared_caption(pair, counts, 100) and filters.caption_length(pair, 2, 20) for pair in pairs]
    return sieve(torch.tensor(kept) & (scores >= SCORE), kinds, NAMES, ~still_true(kinds), "Three filters in a row")
