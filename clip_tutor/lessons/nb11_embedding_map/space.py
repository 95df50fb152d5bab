"""The pairs of notebook 11, what a model makes of them, and a question about colors to reckon with vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from clip_tutor.data.drawing import BACKGROUNDS
from clip_tutor.data.emoji import FIRST_WORDS, find_emoji
from clip_tutor.data.scenes import Batch, Scene, Scenes, Split
from clip_tutor.embedding import encode_images, encode_texts
from clip_tutor.model import CLIP
from clip_tutor.tokenizers import Tokenizer

PAIRS = 1_000


class Space(NamedTuple):
    """N pairs as a model sees them."""

    image_features: Tensor  # (N, E) unit vectors
    text_features: Tensor  # (N, E); row i describes image i


def pairs_of_map(split: Split = "test", count: int = PAIRS) -> Batch:
    """Return scenes of everyday things, no two with the same truth; those of the test split are unseen."""
    scenes = Scenes(find_emoji(FIRST_WORDS), split)
    return scenes.batch(scenes.distinct(count))


def encode(model: CLIP, tokenizer: Tokenizer, batch: Batch) -> Space:
    """Return the vectors of a batch of pairs."""
    return Space(encode_images(model, batch.pixels), encode_texts(model, tokenizer, batch.captions))


def untrained(model: CLIP, seed: int = 0) -> CLIP:
    """Return a model of the same shape with random weights."""
    torch.manual_seed(seed)
    return CLIP(model.config).eval()


def attributes(scenes: Sequence[Scene]) -> dict[str, list[str]]:
    """Return what a map can be colored by: for each name one value a pair."""
    kinds = {"one": "one thing", "several": "several alike", "pair": "two things"}
    return {
        "kind of scene": [kinds[scene.kind] for scene in scenes],
        "group of the first thing": [scene.objects[0].group for scene in scenes],
        "background": [scene.background for scene in scenes],
    }


def toy() -> tuple[Tensor, Tensor]:
    """Return two small cones in a plane: three images and three captions, (3, 2) each, of unit length."""
    degrees = torch.tensor([[8.0, 20.0, 32.0], [48.0, 68.0, 82.0]]).deg2rad()
    return torch.stack([degrees[0].cos(), degrees[0].sin()], 1), torch.stack([degrees[1].cos(), degrees[1].sin()], 1)


# ------------------------------------------------------------------------------------ reckoning with vectors


class Wishes(NamedTuple):
    """Images of one thing on a color, each wanted on another color."""

    pixels: Tensor  # (M, 3, H, W) uint8: all images to choose from
    features: Tensor  # (M, E) unit vectors of these
    scenes: list[Scene]  # of these
    rows: Tensor  # (Q,) which of them a wish begins with
    old: Tensor  # (Q,) into BACKGROUNDS: the color it is on
    new: Tensor  # (Q,) the color it is wanted on; some image shows that

    @property
    def start(self) -> Tensor:
        """Return (Q, E): the vectors that wishes begin with."""
        return self.features[self.rows]

    def color_words(self, model: CLIP, tokenizer: Tokenizer) -> Tensor:
        """Return (12, E): the vector of "red background" and so on."""
        return encode_texts(model, tokenizer, [f"{color} background" for color in BACKGROUNDS])

    def color_images(self) -> Tensor:
        """Return (12, E): the mean vector of all images on each color."""
        colors = torch.tensor([list(BACKGROUNDS).index(scene.background) for scene in self.scenes])
        return torch.stack([self.features[colors == n].mean(dim=0) for n in range(len(BACKGROUNDS))])

    def found(self, queries: Tensor) -> Tensor:
        """Return (Q,): the image nearest to each query (Q, E), not counting the one that the wish began with."""
        cosines = F.normalize(queries, dim=-1) @ self.features.T  # (Q, M)
        return cosines.scatter(1, self.rows[:, None], -torch.inf).argmax(dim=1)

    def fulfilled(self, found: Tensor) -> Tensor:
        """Return (Q, 2) bools: does what was found show the same thing, and is it on the color wished for?"""
        colors, answers = list(BACKGROUNDS), [self.scenes[row] for row in found.tolist()]
        things = [self.scenes[row].objects[0] for row in self.rows.tolist()]
        same = [one.objects[0] == thing for one, thing in zip(answers, things, strict=True)]
        right = [colors.index(one.background) == new for one, new in zip(answers, self.new.tolist(), strict=True)]
        return torch.tensor([same, right]).T


def wishes(model: CLIP, look_through: int = 3000, seed: int = 0) -> Wishes:
    """Return images of one large thing each, and a new color for every one that some other image shows it on."""
    scenes = Scenes(find_emoji(FIRST_WORDS), "test", model.config.vision.image_size, kinds=("one",))
    plan = scenes.plan(range(look_through))
    batch = scenes.batch(np.flatnonzero(plan.size > 0)[: look_through // 3].tolist())
    colors, there = list(BACKGROUNDS), {(scene.objects[0], scene.background) for scene in batch.scenes}
    rng, chosen = np.random.default_rng(seed), []
    for row, scene in enumerate(batch.scenes):
        others = [c for c in colors if c != scene.background and (scene.objects[0], c) in there]
        if others:
            chosen.append((row, colors.index(scene.background), colors.index(others[rng.integers(len(others))])))
    rows, old, new = torch.tensor(chosen).T
    return Wishes(batch.pixels, encode_images(model, batch.pixels), batch.scenes, rows, old, new)
