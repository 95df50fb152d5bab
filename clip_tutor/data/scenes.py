"""Emoji scenes: an endless supply of small images with captions in plain English and known truth.

    index ──counter_rng──▶ plan (what stands where, on which color) ──┬─ draw ──▶ (3, H, W) image
                                                                      └─ describe ──▶ "two cats on a red background"

Scene i is a function of (seed, split, i) and of nothing else. That makes it the same in any order and in any
worker process, and a killed training run continues with exactly the scenes it would have seen.

Each object has two backgrounds, and one side of a neighbor, on which training never shows it. The test split
keeps to the same rule with other scenes; the compositional split shows nothing but those withheld pairs: a
model that has learned "cat" and "red" apart must then put them together for the first time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, IterableDataset, get_worker_info

from clip_tutor.data.batches import TrainBatch, as_ids
from clip_tutor.data.captions import Wordbook, describe, search_words
from clip_tutor.data.drawing import BACKGROUNDS, SpriteBox
from clip_tutor.data.emoji import FIRST_WORDS, Emoji
from clip_tutor.data.hard_batches import Column, Facts, Wordings, has_twins, training_facts
from clip_tutor.data.random_numbers import counter_rng, pick
from clip_tutor.tokenizers import Tokenizer

Split = Literal["train", "test", "compositional"]
Kind = Literal["one", "several", "pair"]
Relation = Literal["left of", "right of", "above", "below"]
KINDS: tuple[Kind, ...] = get_args(Kind)
RELATIONS: tuple[Relation, ...] = get_args(Relation)
SIZES = ("tiny", "plain", "huge")
OPPOSITE = np.array([1, 0, 3, 2])  # of each relation
KIND_SHARES = (0.4, 0.25, 0.35)
SIZE_RANGES = np.array([[0.28, 0.34], [0.48, 0.60], [0.78, 0.94]])  # of the image's side
SEVERAL_RANGE = (0.38, 0.46)
PAIR_RANGE = (0.42, 0.50)
DRAWS = 24  # random numbers a scene
ALIKE = len(get_args(Split))  # whose random numbers follow those of the splits
Mask = NDArray[np.bool_]
Uniforms = NDArray[np.float64]
FEWEST_OBJECTS = len(BACKGROUNDS) * len(RELATIONS)


@dataclass(frozen=True)
class Scene:
    """The truth about one image. ``size`` is set for one object, ``relation`` for two different ones."""

    index: int
    kind: Kind
    objects: tuple[Emoji, ...]  # one, or the two of a relation: objects[0] is `relation` objects[1]
    count: int  # how many drawings there are
    size: str | None
    relation: Relation | None
    background: str
    caption: str

    @property
    def truth(self) -> tuple[object, ...]:
        """What the caption says, whatever its wording: two scenes with one truth could swap captions."""
        objects, relation = self.objects, self.relation
        if relation in ("right of", "below"):  # "a right of b" is "b left of a"
            objects, relation = objects[::-1], RELATIONS[RELATIONS.index(relation) - 1]
        return tuple(o.character for o in objects), self.count, self.size, relation, self.background


class Plan(NamedTuple):
    """B scenes as columns of numbers, before anything is drawn or worded."""

    kind: Column  # (B,) into KINDS
    objects: Column  # (B, 2) into the vocabulary
    number: Column  # (B,) how many drawings
    size: Column  # (B,) into SIZES
    relation: Column  # (B,) into RELATIONS
    background: Column  # (B,) into BACKGROUNDS
    color: NDArray[np.uint8]  # (B, 3), jittered
    places: Column  # (B, 4, 3): left, top, side in pixels
    wording: NDArray[np.float64]  # (B, 6) random numbers left for the caption


class Batch(NamedTuple):
    """B scenes, drawn and described."""

    pixels: Tensor  # (B, 3, H, W) uint8
    captions: list[str]
    scenes: list[Scene]


class Scenes(Dataset[tuple[Tensor, str]]):
    """A map-style data set of scenes.

    Args:
        objects: the emoji to draw, at least 48 (12 backgrounds times 4 relations: with fewer, some withheld pairs
            would have no partner).
        split: "train", "test" or "compositional".
        size: H = W of an image, in pixels.
        seed: another seed, other scenes.
        length: how many scenes ``len`` reports; any index can be asked for.
        twins: the share of training batches that are made of twins, see `clip_tutor.data.hard_batches`; the others are
            drawn evenly, so that nothing is forgotten.
        wordings: when training captions begin to say "right of" and "below"; not given, they always do.
        kinds: which kinds of scene there are; their shares among each other stay.
        searches: the share of training captions that are words for a search; see `captions.search_words`.
        everyday: the share of training scenes whose first object is an everyday one (`emoji.FIRST_WORDS`); the others
            are drawn evenly from all. On the web, too, cats come more often than abacuses.

    Raises:
        ValueError: fewer than 48 objects, or an unknown split.
    """

    def __init__(
        self,
        objects: Sequence[Emoji],
        split: Split = "train",
        size: int = 64,
        seed: int = 0,
        length: int = 100_000,
        twins: float = 0.0,
        wordings: Wordings | None = None,
        kinds: tuple[Kind, ...] = KINDS,
        searches: float = 0.0,
        everyday: float = 0.0,
    ) -> None:
        if len(objects) < FEWEST_OBJECTS:
            raise ValueError(f"{len(objects)} objects are too few for scenes: take at least {FEWEST_OBJECTS}")
        if split not in get_args(Split):
            raise ValueError(f"there is no split {split!r}: take one of {', '.join(get_args(Split))}")
        self.objects, self.split, self.size, self.seed, self.length = tuple(objects), split, size, seed, length
        self.twins, self.wordings, self.searches = twins, wordings, searches
        self.everyday = everyday if split == "train" else 0.0
        self._everyday_ranks = np.flatnonzero([emoji.character in FIRST_WORDS for emoji in self.objects])
        self._kind_shares = np.where(np.isin(KINDS, kinds), KIND_SHARES, 0)
        self._kind_shares /= self._kind_shares.sum()
        self.sprites = SpriteBox(self.objects)
        self._wordbook = Wordbook(self.objects) if split == "train" else None
        rank = np.arange(len(objects))[:, None]
        colors, sides = np.arange(len(BACKGROUNDS)), np.arange(len(RELATIONS))
        self.withheld_colors = (colors - rank) % len(BACKGROUNDS) < 2  # (objects, 12), two each
        self.withheld_sides = sides == rank // len(BACKGROUNDS) % len(RELATIONS)  # (objects, 4), one each

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> tuple[Tensor, str]:
        """Return one scene as (3, H, W) uint8 pixels and its caption."""
        if not 0 <= index < self.length:
            raise IndexError(f"scene {index} of {self.length}")
        batch = self.batch([index])
        return batch.pixels[0], batch.captions[0]

    def batch(self, indices: Sequence[int] | range) -> Batch:
        """Return the scenes with these indices, drawn and described."""
        return self.show(self.plan(indices), indices)

    def show(
        self, plan: Plan, indices: Sequence[int] | range, mirrored: float = 0.5, searches: Uniforms | None = None
    ) -> Batch:
        """Return planned scenes, drawn and described.

        Args:
            mirrored: the share of relations told with "right of" and "below".
            searches: (B,) how probable it is that a caption is words for a search.
        """
        scenes = self._describe(plan, indices, mirrored, searches)
        pixels = self.sprites.draw(self.size, plan.color, plan.objects, plan.kind == 2, plan.number, plan.places)
        return Batch(torch.from_numpy(pixels).permute(0, 3, 1, 2), [scene.caption for scene in scenes], scenes)

    def scenes(self, indices: Sequence[int] | range) -> list[Scene]:
        """Return the truth and caption of these scenes without drawing them."""
        return self._describe(self.plan(indices), indices)

    def alike(self, index: int, count: int) -> Batch:
        """Return ``count`` other scenes that show the same things as scene ``index``, in other places and shades."""
        plan = self.plan([index])
        rows = [0] * count
        facts = Facts(
            plan.kind[rows],
            plan.objects[rows, 0],
            plan.objects[rows, 1],
            plan.number[rows],
            plan.size[rows],
            plan.relation[rows],
            plan.background[rows],
        )
        u = counter_rng(self.seed, np.arange(count) + (index << 20) + (ALIKE << 40), DRAWS).T  # (DRAWS, count)
        return self.show(self._arrange(facts, u), rows)

    def distinct(self, count: int) -> list[int]:
        """Return the first ``count`` indices whose scenes all differ in what their captions say."""
        seen: dict[tuple[object, ...], int] = {}
        for start in range(0, 100 * count, count):
            for scene in self.scenes(range(start, start + count)):
                seen.setdefault(scene.truth, scene.index)
            if len(seen) >= count:
                return list(seen.values())[:count]
        raise ValueError(f"these {len(self.objects)} objects give only {len(seen)} different scenes, not {count}")

    def stream(
        self, tokenizer: Tokenizer, batch_size: int, start: int = 0, rank: int = 0, world: int = 1
    ) -> IterableDataset[TrainBatch]:
        """Return endless training batches, from batch ``start`` on: see `SceneStream`."""
        return SceneStream(self, tokenizer, batch_size, start, rank, world)

    def plan(self, indices: Sequence[int] | range) -> Plan:
        """Return where everything goes in these scenes; all choices are made here, for the whole batch at once."""
        split_key = get_args(Split).index(self.split) << 40
        u = counter_rng(self.seed, np.asarray(indices, np.int64) + split_key, DRAWS).T  # (DRAWS, B)
        return self._arrange(self._facts(u), u)

    def training_plan(self, k: int, batch_size: int) -> Plan:
        """Return the plan of training batch ``k``, of twins where the recipe says so."""
        u = counter_rng(self.seed, np.arange(k * batch_size, (k + 1) * batch_size), DRAWS).T  # (DRAWS, B)
        return self._arrange(training_facts(self, self._facts(u), k), u)

    def _facts(self, u: Uniforms) -> Facts:
        """Choose what each scene shows, from its random numbers (DRAWS, B)."""
        kind = np.searchsorted(np.cumsum(self._kind_shares)[:-1], u[0], side="right")
        choose = self._withheld if self.split == "compositional" else self._permitted
        first, second, background, relation = choose(u[1:5], kind == 2)
        size = np.where(kind == 0, (u[5] * 3).astype(np.int64), 1)
        count = np.where(kind == 0, 1, np.where(kind == 1, 2 + (u[6] * 3).astype(np.int64), 2))
        return Facts(kind, first, second, count, size, relation, background)

    def _arrange(self, facts: Facts, u: Uniforms) -> Plan:
        """Choose where everything goes, from each scene's random numbers (DRAWS, B)."""
        kind, first, second, number, size, relation, background = facts
        color = np.array(list(BACKGROUNDS.values()))[background] + (u[7:10].T - 0.5) * 36
        return Plan(
            kind,
            np.stack([first, second], axis=1),
            number,
            size,
            relation,
            background,
            color.clip(0, 255).astype(np.uint8),
            self._places(kind, size, relation, u[10:18]),
            u[18:24].T,
        )

    def permitted_colors(self, facts: Facts) -> Mask:
        """Return (B, 12): on which backgrounds the objects of each scene may be shown in training."""
        is_pair = (facts.kind == KINDS.index("pair"))[:, None]
        return ~self.withheld_colors[facts.first] & ~(is_pair & self.withheld_colors[facts.second])

    def permitted_sides(self, first: Column, second: Column) -> Mask:
        """Return (B, 4): on which sides of ``second`` the object ``first`` may be shown in training."""
        return ~self.withheld_sides[first] & ~self.withheld_sides[second][:, OPPOSITE]

    def _permitted(self, u: Uniforms, is_pair: Mask) -> tuple[Column, Column, Column, Column]:
        """Choose objects, color and relation (B,) so that no withheld pair occurs."""
        n = len(self.objects)
        first = self._first(u[0])
        second = (first + 1 + (u[1] * (n - 1)).astype(np.int64)) % n
        colors = ~self.withheld_colors[first] & ~(is_pair[:, None] & self.withheld_colors[second])
        return first, second, pick(colors, u[2]), pick(self.permitted_sides(first, second), u[3])

    def _first(self, u: Uniforms) -> Column:
        """Choose the first object of each scene (B,): an everyday one in a share of them, else any."""
        n, share = len(self.objects), self.everyday
        anything = ((u - share).clip(min=0) / (1 - share) * n).astype(np.int64)
        if not share:
            return anything
        place = (u / share * len(self._everyday_ranks)).astype(np.int64)
        return np.where(u < share, self._everyday_ranks[np.minimum(place, len(self._everyday_ranks) - 1)], anything)

    def _withheld(self, u: Uniforms, is_pair: Mask) -> tuple[Column, Column, Column, Column]:
        """Choose objects, color and relation (B,) so that every pair of them is a withheld one."""
        first = (u[0] * len(self.objects)).astype(np.int64)
        color, side = pick(self.withheld_colors[first], u[2]), pick(self.withheld_sides[first], u[3])
        partners = self.withheld_colors.T[color] & self.withheld_sides.T[OPPOSITE[side]]  # (B, objects)
        return first, pick(partners, u[1]), color, side

    def _places(self, kind: Column, size: Column, relation: Column, u: NDArray[np.float64]) -> Column:
        """Return (B, 4, 3) left, top and side, in pixels, from 8 random numbers a scene."""
        B = len(kind)
        low, high = np.array(SEVERAL_RANGE), np.array(PAIR_RANGE)
        ranges = np.select([kind[:, None] == 0, kind[:, None] == 1], [SIZE_RANGES[size], low], high)  # (B, 2)
        side = (ranges[:, 0] + u[0] * (ranges[:, 1] - ranges[:, 0])) * self.size
        side = np.maximum(2 * np.round(side / 2), 2)  # even, so that fewer sizes need scaling
        side = np.minimum(side, np.where(kind == 0, self.size, self.size // 2))[:, None]  # two must fit side by side
        room = self.size - side
        wobble = u[[1, 2, 3, 4, 5, 6, 7, 1]].T.reshape(B, 4, 2)  # used below where objects may move freely
        # One: anywhere. Several: the four quarters, starting from a random one. Pair: along the relation's axis.
        anywhere = wobble * room[:, None]
        quarter = (np.arange(4) * np.where(u[7] < 0.5, 1, 3)[:, None] + (u[6] * 4).astype(np.int64)[:, None]) % 4
        quarters = np.stack([quarter % 2 ^ quarter // 2, quarter // 2], axis=2)  # a walk around the image
        half = self.size / 2
        in_quarter = quarters * half + wobble * (half - side)[:, None]
        second = np.array([0, 1, 0, 0])
        upper = np.where(relation[:, None] % 2 == 0, second, 1 - second)  # 0: nearer to the left or top edge
        along = upper * half + wobble[:, :, 0] * (half - side)
        across = room / 2 + (wobble[:, :, 1] - 0.5) * room * 0.6
        sideways = relation[:, None] < 2
        beside = np.stack([np.where(sideways, along, across), np.where(sideways, across, along)], axis=2)
        corner = np.select([kind[:, None, None] == 0, kind[:, None, None] == 1], [anywhere, in_quarter], beside)
        return np.concatenate([corner, np.broadcast_to(side[:, None], (B, 4, 1))], axis=2).astype(np.int64)

    def _describe(
        self, plan: Plan, indices: Sequence[int] | range, mirrored: float = 0.5, searches: Uniforms | None = None
    ) -> list[Scene]:
        names = list(BACKGROUNDS)
        scenes = []
        shares = [0.0] * len(plan.kind) if searches is None else searches.tolist()
        columns = zip(indices, *(column.tolist() for column in plan[:6]), plan.wording.tolist(), shares, strict=True)
        for index, kind, (a, b), count, size, relation, background, wording, share in columns:
            is_pair = KINDS[kind] == "pair"
            truth = (
                KINDS[kind],
                (self.objects[a], self.objects[b]) if is_pair else (self.objects[a],),
                count,
                SIZES[size] if KINDS[kind] == "one" else None,
                RELATIONS[relation] if is_pair else None,
                names[background],
            )
            if self._wordbook and wording[5] < share:
                caption = search_words(*truth[1:4], truth[5], wording, self._wordbook)
            else:
                wording[5] = (wording[5] - share) / (1 - share)
                caption = describe(*truth[1:], wording, self._wordbook, mirrored)
            scenes.append(Scene(int(index), *truth, caption))
        return scenes


class SceneStream(IterableDataset[TrainBatch]):
    """An endless stream of training batches.

    Batch k holds scenes k·B … (k+1)·B − 1, or twins in their place, in whatever number of worker processes they are
    drawn. Give it to a ``DataLoader`` with ``batch_size=None``.

    Args:
        scenes: where the scenes come from.
        tokenizer: makes the ids; rows are only as long as the batch's longest caption, and cut at its context.
        batch_size: B, over all ranks.
        start: the first batch, for a run that continues.
        rank, world: which of how many training processes this is: it gets its B / world rows of each batch.
    """

    def __init__(
        self, scenes: Scenes, tokenizer: Tokenizer, batch_size: int, start: int = 0, rank: int = 0, world: int = 1
    ) -> None:
        self.scenes, self.tokenizer, self.batch_size, self.start = scenes, tokenizer, batch_size, start
        self.rank, self.world = rank, world

    def __iter__(self) -> Iterator[TrainBatch]:
        worker = get_worker_info()
        first, step = (worker.id, worker.num_workers) if worker else (0, 1)
        k, rows = self.start + first, self.batch_size // self.world
        while True:
            plan = self.scenes.training_plan(k, self.batch_size)
            own = slice(self.rank * rows, (self.rank + 1) * rows)
            indices = range(k * self.batch_size, (k + 1) * self.batch_size)
            wordings = self.scenes.wordings
            mirrored = wordings.mirrored(k * self.batch_size) if wordings else 0.5
            plan = Plan._make(column[own] for column in plan)
            # Twins may differ in the very fact that a search leaves out.
            searches = 0.0 if has_twins(self.scenes, k) else self.scenes.searches
            batch = self.scenes.show(plan, indices[own], mirrored, np.full(len(plan.kind), searches))
            names = [f"{self.scenes.split} scene {scene.index}" for scene in batch.scenes]
            yield TrainBatch(batch.pixels, as_ids(self.tokenizer, batch.captions), names, [])
            k += step
