"""What notebook 21 climbs towards, and what it compares with: real scenes of the same caption, and of other ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from clip_tutor.applications.guidance import whole_images
from clip_tutor.data.captions import article, singular
from clip_tutor.data.drawing import BACKGROUNDS
from clip_tutor.data.emoji import FIRST_WORDS, find_emoji
from clip_tutor.data.scenes import KINDS, Scenes
from clip_tutor.embedding import encode_images, encode_texts
from clip_tutor.model import CLIP
from clip_tutor.tokenizers import Tokenizer

SEED = 21
SIDE = 96  # pixels, of scenes and of images that climb: half as much again as the CLIPs read
PIXEL_RATE = 0.05  # the learning rate of pixels; waves, of which the coarse ones move much, take the library's
LOOKED_THROUGH = 60_000  # scenes among which those of a caption are found
REAL, OTHERS = 16, 200


@dataclass(frozen=True)
class Wanted:
    """A caption, and what a real scene of it shows: one of this thing, of any size, on this background."""

    character: str
    background: str

    @property
    def thing(self) -> str:
        """Its name, with an article."""
        return singular(find_emoji([self.character])[0].noun)

    @property
    def caption(self) -> str:
        """The caption to climb towards."""
        return f"{self.thing} on {article(self.background)} {self.background} background"


WANTED = (
    Wanted("🐸", "pink"),
    Wanted("🔥", "black"),
    Wanted("🚀", "purple"),
    Wanted("❤️", "yellow"),
    Wanted("🍌", "blue"),
    Wanted("🌹", "pink"),
)


@dataclass(frozen=True)
class Opinion:
    """A CLIP with its tokenizer: how well it finds that images fit a caption, and what it calls them."""

    model: CLIP
    tokenizer: Tokenizer

    def caption(self, words: str | Sequence[str]) -> Tensor:
        """Return (M, E) unit vectors of M captions, (E,) of a single one."""
        vectors = encode_texts(self.model, self.tokenizer, words)
        return vectors[0] if isinstance(words, str) else vectors

    def similarity(self, pixels: Tensor, words: str) -> Tensor:
        """Return (B,) cosines of (B, 3, H, W) whole images, from 0 to 1, with a caption."""
        return self._vectors(pixels) @ self.caption(words)

    def probabilities(self, pixels: Tensor, captions: Sequence[str]) -> Tensor:
        """Return (B, M): how probable each of M captions is for each of (B, 3, H, W) images."""
        return self.model.logits(self._vectors(pixels), self.caption(captions)).softmax(dim=1).detach()

    def name(self, pixels: Tensor, background: str) -> list[str]:
        """Return which of 104 everyday things it sees in each of (B, 3, H, W) images, told the background."""
        things = [Wanted(character, background) for character in FIRST_WORDS]
        likeliest = self.probabilities(pixels, [one.caption for one in things]).argmax(dim=1)
        return [things[n].thing for n in likeliest.tolist()]

    def _vectors(self, pixels: Tensor) -> Tensor:
        return encode_images(self.model, whole_images(pixels, self.model.config.vision.image_size))


def real_scenes(wanted: Wanted, count: int = REAL, side: int = SIDE) -> Tensor:
    """Return (N, 3, side, side) pixels from 0 to 1: the first unseen scenes that show it, at most ``count``."""
    scenes = Scenes(find_emoji(FIRST_WORDS), "test", side, SEED)
    plan = scenes.plan(range(LOOKED_THROUGH))
    rank = [emoji.character for emoji in scenes.objects].index(wanted.character)
    color = list(BACKGROUNDS).index(wanted.background)
    one = plan.kind == KINDS.index("one")
    found = np.flatnonzero(one & (plan.objects[:, 0] == rank) & (plan.background == color))[:count]
    return scenes.batch(found.tolist()).pixels.float() / 255


def other_scenes(count: int = OTHERS, side: int = SIDE) -> Tensor:
    """Return (N, 3, side, side) pixels from 0 to 1: unseen scenes of whatever comes."""
    return Scenes(find_emoji(FIRST_WORDS), "test", side, SEED + 1).batch(range(count)).pixels.float() / 255


def share_below(similarities: Tensor, others: Tensor) -> Tensor:
    """Return (B,) which share of (N,) similarities of other scenes lies below each of (B,) similarities."""
    return (others[None] < similarities[:, None]).float().mean(dim=1)
