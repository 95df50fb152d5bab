"""What the runs of this notebook learn from: one large emoji on red, and its caption.

    pair number ─ Scenes.plan ─▶ one of 48 objects, large ──┬─ draw ──▶ (3, 32, 32)
                                                           └─ tell ──▶ caption ─ damage ─▶ what training reads

So little is to be learned that a minute of one CPU core shows what noise does: an image says which of 48 things it is.
Pairs are numbered; those of the test split are other scenes, with plain captions, and never damaged.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from clip_tutor.data.captions import singular
from clip_tutor.data.drawing import BACKGROUNDS
from clip_tutor.data.emoji import FIRST_WORDS, find_emoji
from clip_tutor.data.scenes import Batch, Plan, Scene, Scenes, Split
from clip_tutor.embedding import encode_images, encode_texts
from clip_tutor.lessons.nb15_learning_from_noise.damage import KINDS, SEED, choose_damage, damage
from clip_tutor.model import CLIP
from clip_tutor.tokenizers import BPETokenizer, Tokenizer

OBJECTS = 48
PIXELS, VOCABULARY, CONTEXT = 32, 2000, 32
UNSEEN = 1000  # scenes that accuracy is measured on
FEWEST = 0.75  # of the image's side, that an object has at least
PLAIN = 1  # the size that captions do not mention
RED = 0  # the background: were there several, a short run would learn these, and no objects
_READ = 4000  # captions that the tokenizers are trained on, half of them damaged
_APART = 10_000_000  # pairs between those of one seed and of the next


class Pool(NamedTuple):
    """N training pairs, and the truth about them."""

    numbers: Tensor  # (N,)
    pixels: Tensor  # (N, 3, H, W) uint8
    scenes: list[Scene]

    def take(self, rows: Tensor) -> "Pool":
        """Return the pool of some of the pairs."""
        return Pool(self.numbers[rows], self.pixels[rows], [self.scenes[row] for row in rows.tolist()])


class World:
    """Scenes of one large object, a tokenizer for their captions, and unseen ones to measure accuracy on."""

    def __init__(self) -> None:
        self.objects = find_emoji(FIRST_WORDS)[:OBJECTS]
        self.training = self._scenes("train", PIXELS)

    def _scenes(self, split: Split, pixels: int) -> Scenes:
        return Scenes(self.objects, split, pixels, kinds=("one",))

    def batch(self, numbers: Sequence[int], split: Split = "train", pixels: int = PIXELS) -> Batch:
        """Return scenes with these numbers, drawn at this size."""
        scenes = self.training if (split, pixels) == ("train", PIXELS) else self._scenes(split, pixels)
        return scenes.show(enlarged(scenes.plan(numbers), pixels), numbers)

    def pool(self, count: int, seed: int = 0) -> Pool:
        """Return the first ``count`` training pairs of a seed; those of another seed are others."""
        numbers = torch.arange(count) + seed * _APART
        batch = self.batch(numbers.tolist())
        return Pool(numbers, batch.pixels, batch.scenes)

    def captions(self, pool: Pool, kinds: Tensor) -> list[str]:
        """Return what training reads if each pair of a pool has the damage that ``kinds`` (N,) says."""
        return damage(pool.scenes, kinds, lambda numbers: self.batch(numbers).captions)

    @cached_property
    def read(self) -> list[str]:
        """Captions for a tokenizer to be trained on, half of them damaged: all runs have the same one."""
        pool = self.pool(_READ)
        return self.captions(pool, choose_damage(pool.numbers, "train", 0.5, len(KINDS), SEED))

    @cached_property
    def tokenizer(self) -> BPETokenizer:
        """The tokenizer of all runs."""
        return BPETokenizer.train(self.read, VOCABULARY, CONTEXT)

    @cached_property
    def unseen(self) -> Batch:
        """Scenes that no run has seen, clean."""
        return self.batch(range(UNSEEN), "test")

    @cached_property
    def labels(self) -> Tensor:
        """Which of the objects each unseen scene shows: (UNSEEN,)."""
        places = {emoji.character: place for place, emoji in enumerate(self.objects)}
        return torch.tensor([places[scene.objects[0].character] for scene in self.unseen.scenes])

    def answers(self, model: CLIP, tokenizer: Tokenizer | None = None) -> Tensor:
        """Return (UNSEEN,) which of the 48 objects a model sees in each unseen scene, by "a cat", "a dog", …"""
        names = [singular(emoji.noun) for emoji in self.objects]
        texts = encode_texts(model, tokenizer or self.tokenizer, names)  # (M, E)
        return (encode_images(model, self.unseen.pixels) @ texts.T).argmax(dim=1)

    def hits(self, model: CLIP, tokenizer: Tokenizer | None = None) -> Tensor:
        """Return (UNSEEN,): is each unseen scene named rightly?"""
        return self.answers(model, tokenizer) == self.labels


def enlarged(plan: Plan, pixels: int) -> Plan:
    """Return the plan with each object at three quarters of the side at least, of no told size, on red."""
    colors = np.array(list(BACKGROUNDS.values()))
    background = np.full_like(plan.background, RED)
    jitter = plan.color.astype(np.int64) - colors[plan.background]
    across, down, large = plan.wording[:, [1, 3, 2]].T  # not used by captions of one object that tell no size
    side = np.round(pixels * (FEWEST + (1 - FEWEST) * large) / 2).astype(np.int64) * 2
    room = pixels - side
    place = np.stack([(room * across).astype(np.int64), (room * down).astype(np.int64), side], axis=1)  # (B, 3)
    return plan._replace(
        size=np.full_like(plan.size, PLAIN),
        background=background,
        color=(colors[background] + jitter).clip(0, 255).astype(np.uint8),
        places=np.repeat(place[:, None], 4, axis=1),
    )
