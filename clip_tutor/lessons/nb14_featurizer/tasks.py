"""The tasks of notebook 14: images with labels, some of which captions tell and some of which they never do.

    cat faces   nine emoji that differ in eyes and mouth; each has a name, and the model knows them half well
    quarters    in which quarter of the image does the one thing stand? no caption of this data set tells

All images are unseen scenes. Training, validation and test images are different ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from clip_tutor.data.captions import singular
from clip_tutor.data.emoji import FIRST_WORDS, find_emoji, load_emoji
from clip_tutor.data.scenes import SIZES, Plan, Scenes
from clip_tutor.evaluation.featurizer import Labelled, few_of_each

FACES, IN_QUARTERS = (32, 16, 50), (60, 40, 150)  # images of each class that train, validate and test
QUARTER_SCENES = 2000
QUARTERS = ("upper left", "upper right", "lower left", "lower right")


class Split(NamedTuple):
    """Images with a label each."""

    pixels: Tensor  # (N, 3, S, S) uint8
    labels: Tensor  # (N,) int64


class Task(NamedTuple):
    """M classes, and three splits that share no image."""

    name: str
    classes: tuple[str, ...]  # M names
    prompts: tuple[str, ...]  # M, for zero-shot
    train: Split
    validation: Split
    test: Split


def cat_faces(size: int = 64) -> Task:
    """Return the nine cat faces, each alone, in any size and place, on any color."""
    faces = [emoji for emoji in load_emoji() if emoji.subgroup == "cat-face"]
    scenes = Scenes([*faces, *find_emoji(FIRST_WORDS)[:40]], "test", size, kinds=("one",))
    plan = scenes.plan(range(7000))
    shown = np.where(plan.objects[:, 0] < len(faces), plan.objects[:, 0], -1)
    names = tuple(emoji.noun.singular for emoji in faces)
    prompts = tuple(singular(emoji.noun) for emoji in faces)
    return _task("cat faces", names, prompts, scenes, plan, shown, FACES)


def quarters(size: int = 64) -> Task:
    """Return everyday things, none of them huge, and the quarter of the image that the middle of each lies in."""
    scenes = Scenes(find_emoji(FIRST_WORDS), "test", size, kinds=("one",))
    plan = scenes.plan(range(QUARTER_SCENES))
    middle = plan.places[:, 0, :2] + plan.places[:, 0, 2:] / 2  # (B, 2) in pixels
    right, below = (middle > size / 2).T
    shown = np.where(plan.size < SIZES.index("huge"), right + 2 * below, -1)
    prompts = tuple(f"something in the {quarter}" for quarter in QUARTERS)
    return _task("quarters", QUARTERS, prompts, scenes, plan, shown, IN_QUARTERS)


def _task(
    name: str,
    classes: Sequence[str],
    prompts: Sequence[str],
    scenes: Scenes,
    plan: Plan,
    labels: np.ndarray,
    counts: tuple[int, int, int],
) -> Task:
    """Return a task from planned scenes; those with the label −1 are left out."""
    left = np.flatnonzero(labels >= 0)
    splits = {}
    for split, count in zip(("train", "validation", "test"), counts, strict=True):
        chosen = few_of_each(torch.from_numpy(labels[left]), count, seed=1).numpy()
        drawn = Plan._make(column[left[chosen]] for column in plan)
        splits[split] = Split(scenes.show(drawn, left[chosen].tolist()).pixels, torch.from_numpy(labels[left[chosen]]))
        left = np.delete(left, chosen)
    return Task(name, tuple(classes), tuple(prompts), **splits)


def things_of_quarters(size: int = 64, count: int = 600) -> tuple[Split, tuple[str, ...]]:
    """Return more images of the same kind, labelled by WHAT they show, and a prompt for each thing."""
    objects = find_emoji(FIRST_WORDS)
    scenes = Scenes(objects, "test", size, kinds=("one",))
    rows = range(QUARTER_SCENES, QUARTER_SCENES + count)
    plan = scenes.plan(rows)
    labels = torch.from_numpy(plan.objects[:, 0])
    return Split(scenes.show(plan, rows).pixels, labels), tuple(singular(emoji.noun) for emoji in objects)


def shuffled(labelled: Labelled, seed: int = 0) -> Labelled:
    """Return the same vectors with their labels dealt out anew: nothing that is read off them now is in the images."""
    order = torch.randperm(len(labelled.labels), generator=torch.Generator().manual_seed(seed))
    return Labelled(labelled.features, labelled.labels[order])
