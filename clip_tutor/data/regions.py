"""Scenes as training batches that know where things are: pixels and captions, and words for a place in each image.

    plan ─┬─ draw, describe ─▶ (B, 3, H, W) pixels, (B, T) ids                    for the sigmoid loss
          └─ boxes ─ one drawing of each scene ─▶ (B, T) rows of each of three tasks     for `tokenizers.located`

LocCa finds its regions with a detector that is asked for words of the caption. Scenes know them.
Batch k is a function of (seed, k), as it is in `SceneStream`, and has the same images and captions.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from clip_tutor.data.batches import as_ids
from clip_tutor.data.captions import singular
from clip_tutor.data.places import boxes
from clip_tutor.data.random_numbers import counter_rng
from clip_tutor.data.scenes import Plan, Scenes
from clip_tutor.tokenizers.located import TASKS, LocatedTokenizer, Row, Task

_CHOICE = 1 << 50  # keeps the choice of a drawing apart from the random numbers that made its scene


class Rows(NamedTuple):
    """What a decoder reads about each of B images in one task."""

    ids: Tensor  # (B, T + 1), filled up with end tokens
    given: Tensor  # (B,), how many ids of each row are told


class RegionBatch(NamedTuple):
    """B pairs, and what is known of a place in each image."""

    pixels: Tensor  # (B, 3, H, W) uint8
    ids: Tensor  # (B, T) captions
    rows: dict[Task, Rows]  # of each task; none where there is no decoder to read them


def region_batch(
    scenes: Scenes, located: LocatedTokenizer, k: int, batch_size: int, with_rows: bool = True
) -> RegionBatch:
    """Return training batch ``k``.

    Args:
        batch_size: B.
        located: makes the rows of the decoder; its words are the captions' tokenizer.
        with_rows: whether there is a decoder to read them.

    Raises:
        ValueError: the scenes are too small for boxes.
    """
    indices = range(k * batch_size, (k + 1) * batch_size)
    plan = scenes.training_plan(k, batch_size)
    batch = scenes.show(plan, indices)
    rows = region_rows(scenes, plan, indices, batch.captions, located) if with_rows else {}
    return RegionBatch(batch.pixels, as_ids(located.words, batch.captions), rows)


def region_rows(
    scenes: Scenes, plan: Plan, indices: range, captions: list[str], located: LocatedTokenizer
) -> dict[Task, Rows]:
    """Return three rows for each scene: its caption, and twice the name and the box of one of its drawings.

    Where several drawings show the same thing, words alone do not tell which is meant, and any box of theirs is right.
    """
    corners, objects = boxes(scenes, plan)
    chance = counter_rng(scenes.seed, np.asarray(indices) + _CHOICE, 1)[:, 0]
    rows: dict[Task, list[Row]] = {task: [] for task in TASKS}
    for b, which in enumerate((chance * plan.number).astype(int).tolist()):
        name = singular(scenes.objects[int(objects[b, which])].noun)
        box = corners[b, which].tolist()
        rows["caption"].append(located.caption(captions[b]))
        rows["referring"].append(located.referring(name, box))
        rows["grounded"].append(located.grounded(name, box))
    return {task: stacked(of_task, located.end_id) for task, of_task in rows.items()}


def stacked(rows: list[Row], end_id: int) -> Rows:
    """Return rows of different lengths as two tensors: see `Rows`."""
    longest = max(len(row.ids) for row in rows)
    ids = [row.ids + [end_id] * (longest - len(row.ids)) for row in rows]
    return Rows(torch.tensor(ids), torch.tensor([row.given for row in rows]))
