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
    """What a decoder reads in one task, about some images of a batch or all of them."""

    images: Tensor  # (M,), which images of the batch
    ids: Tensor  # (M, T + 1), filled up with end tokens
    given: Tensor  # (M,), how many ids of each row are told


class RegionBatch(NamedTuple):
    """B pairs, and what is known of a place in each image."""

    pixels: Tensor  # (B, 3, H, W) uint8
    ids: Tensor  # (B, T) captions
    rows: dict[Task, Rows]  # of each task; none where there is no decoder to read them


def region_batch(
    scenes: Scenes, located: LocatedTokenizer, k: int, batch_size: int, tasks_per_image: int = 3
) -> RegionBatch:
    """Return training batch ``k``.

    Args:
        batch_size: B.
        located: makes the rows of the decoder; its words are the captions' tokenizer.
        tasks_per_image: how many rows the decoder gets about each image; 0 where there is no decoder.

    Raises:
        ValueError: the scenes are too small for boxes.
    """
    indices = range(k * batch_size, (k + 1) * batch_size)
    plan = scenes.training_plan(k, batch_size)
    batch = scenes.show(plan, indices)
    rows = region_rows(scenes, plan, indices, batch.captions, located, tasks_per_image) if tasks_per_image else {}
    return RegionBatch(batch.pixels, as_ids(located.words, batch.captions), rows)


def region_rows(
    scenes: Scenes,
    plan: Plan,
    indices: range,
    captions: list[str],
    located: LocatedTokenizer,
    tasks_per_image: int = 3,
) -> dict[Task, Rows]:
    """Return rows about each scene: its caption, the box of one of its drawings by name, and the name by the box.

    Where several drawings show the same thing, words alone do not tell which is meant, and any box of theirs is right.

    Args:
        tasks_per_image: of 3. With fewer, the tasks take turns from scene to scene.

    Raises:
        ValueError: there are no tasks, or more than there are; or the scenes are too small for boxes.
    """
    if not 1 <= tasks_per_image <= len(TASKS):
        raise ValueError(f"{tasks_per_image} tasks an image cannot be: there are {len(TASKS)}, take 1 to {len(TASKS)}")
    corners, objects = boxes(scenes, plan)
    chance = counter_rng(scenes.seed, np.asarray(indices) + _CHOICE, 1)[:, 0]
    rows: dict[Task, list[tuple[int, Row]]] = {task: [] for task in TASKS}
    for b, which in enumerate((chance * plan.number).astype(int).tolist()):
        name = singular(scenes.objects[int(objects[b, which])].noun)
        box = corners[b, which].tolist()
        of_image = {
            "caption": located.caption(captions[b]),
            "referring": located.referring(name, box),
            "grounded": located.grounded(name, box),
        }
        for turn in range(tasks_per_image):
            task = TASKS[(indices[b] + turn) % len(TASKS)]
            rows[task].append((b, of_image[task]))
    return {task: stacked(of_task, located.end_id) for task, of_task in rows.items() if of_task}


def stacked(rows: list[tuple[int, Row]], end_id: int) -> Rows:
    """Return rows of different lengths, each with the number of its image, as tensors: see `Rows`."""
    longest = max(len(row.ids) for _, row in rows)
    ids = [row.ids + [end_id] * (longest - len(row.ids)) for _, row in rows]
    return Rows(torch.tensor([b for b, _ in rows]), torch.tensor(ids), torch.tensor([row.given for _, row in rows]))
