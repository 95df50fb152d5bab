"""What notebook 20 rates: scenes of things that one can like, with their vectors, and those that nobody has rated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from clip_tutor.applications.aesthetics import fit_ratings, held_out_agreement, ordered_share
from clip_tutor.data.emoji import load_emoji
from clip_tutor.data.scenes import Scene, Scenes
from clip_tutor.embedding import encode_images
from clip_tutor.lab.samples.collection import PORTRAYED
from clip_tutor.lessons.nb20_aesthetics.raters import Rater
from clip_tutor.model import CLIP

SEED = 20
BOARD = 20  # images of the rating board
RATED, UNSEEN = 400, 800
COUNTS = (10, 20, 40, 80, 160, 320)  # of ratings, in the learning curve


@dataclass(frozen=True)
class Part:
    """Some scenes, encoded."""

    features: Tensor  # (N, E) unit vectors
    scenes: list[Scene]
    pixels: Tensor  # (N, 3, H, W) uint8

    def first(self, count: int) -> Part:
        """Return the first ones."""
        return Part(self.features[:count], self.scenes[:count], self.pixels[:count])


def scenes_to_rate(clip: CLIP) -> tuple[Part, Part]:
    """Return 400 scenes that can be rated, the first 20 for the board, and 800 others that nobody rates."""
    objects = [emoji for emoji in load_emoji() if emoji.group in PORTRAYED]
    pixels, _, scenes = Scenes(objects, "test", clip.config.vision.image_size, SEED).batch(range(RATED + UNSEEN))
    features = torch.cat([encode_images(clip, part) for part in pixels.split(50)])
    return (
        Part(features[:RATED], scenes[:RATED], pixels[:RATED]),
        Part(features[RATED:], scenes[RATED:], pixels[RATED:]),
    )


@dataclass(frozen=True)
class CurvePoint:
    """What ratings of this many images gave, on average over several draws of them."""

    count: int
    held_out: float  # agreement on pairs that were left out
    low: float
    high: float
    true: float  # agreement of the head with what the rater says about images that nobody had rated
    covered: int  # in how many draws the interval held the true agreement
    decided: int  # in how many it left chance out
    draws: int


def learning_curve(
    rater: Rater, rated: Part, unseen: Part, counts: Sequence[int] = COUNTS, draws: int = 10
) -> list[CurvePoint]:
    """Return what a head learns from so many ratings, and what held-out agreement says about it."""
    truth, points = rater.ratings(unseen.scenes, seed=1), []
    for count in counts:
        found = []
        for draw in range(draws):
            random = torch.Generator().manual_seed(draw)
            chosen = torch.randperm(len(rated.scenes), generator=random)[:count]
            ratings = rater.ratings(rated.scenes, seed=100 + draw)[chosen]
            features = rated.features[chosen]
            held_out = held_out_agreement(features, ratings)
            true = ordered_share(fit_ratings(features, ratings).score(unseen.features), truth)
            covered = held_out.low <= true <= held_out.high
            found.append((held_out.share, held_out.low, held_out.high, true, covered, held_out.decided))
        *shares, covered, decided = torch.tensor(found, dtype=torch.float64).mean(dim=0).tolist()
        share, low, high, true = shares
        points.append(CurvePoint(count, share, low, high, true, round(covered * draws), round(decided * draws), draws))
    return points


def self_agreement(rater: Rater, part: Part) -> float:
    """Return how often a rater orders two images on one day as on another: no head can be expected to do better."""
    return ordered_share(rater.ratings(part.scenes, seed=2), rater.ratings(part.scenes, seed=1))
