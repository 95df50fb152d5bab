"""What notebook 23 looks at: SigLIP and SigLIP 2 after the same seconds of training, and scenes whose truth is known.

data/checkpoints/siglip2_ARM.safetensors   the model of seed 0 of each arm
data/curves/siglip2_ARM.json               its losses on the way
data/curves/siglip2.json                   what the models of all seeds can do
"""

import copy
import json
from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torchvision.ops import box_iou

from clip_tutor.assets import asset
from clip_tutor.data.captions import singular
from clip_tutor.data.emoji import FIRST_WORDS, Emoji, find_emoji
from clip_tutor.data.places import BACKGROUND, Boxes, boxes, object_masks
from clip_tutor.data.scenes import Plan, Scenes, Split
from clip_tutor.embedding import encode_texts
from clip_tutor.evaluation.dense import joint_patch_features, patch_labels
from clip_tutor.model import CLIP
from clip_tutor.tokenizers import Tokenizer
from clip_tutor.tokenizers.located import LocatedTokenizer
from clip_tutor.training.siglip2_train import OBJECTS
from clip_tutor.weights import Loaded, load

NAMES = {"plain": "SigLIP", "all": "SigLIP 2"}  # of the two arms that are compared throughout
SEED = 23  # of scenes that are looked at: others than those that a model was trained on or judged by


class Looked(NamedTuple):
    """Scenes, and where everything is in them."""

    pixels: Tensor  # (B, 3, H, W) uint8
    captions: list[str]
    masks: Tensor  # (B, H, W), which object covers each pixel, -1 where none does
    boxes: Boxes


@lru_cache
def arm(name: str) -> Loaded:
    """Return the model of an arm, its tokenizer and its notes."""
    return load(asset(f"checkpoints/siglip2_{name}.safetensors"))


def untrained(model: CLIP, seed: int = 0) -> CLIP:
    """Return a model of the same shape with random weights."""
    torch.manual_seed(seed)
    return CLIP(model.config).eval()


def tower_of(name: str) -> torch.nn.Module:
    """Return a copy of the image tower of an arm, to train on."""
    return copy.deepcopy(arm(name).model.image_tower)


def curve(name: str) -> dict[str, Any]:
    """Return the losses of an arm's training, against seconds and images."""
    read: dict[str, Any] = json.loads(asset(f"curves/siglip2_{name}.json").read_text(encoding="utf-8"))
    return read


def results() -> dict[str, Any]:
    """Return what the models of all arms and seeds can do."""
    read: dict[str, Any] = json.loads(asset("curves/siglip2.json").read_text(encoding="utf-8"))
    return read


def things() -> tuple[Emoji, ...]:
    """Return the objects of the scenes: cat, dog, horse, …"""
    return find_emoji(FIRST_WORDS[:OBJECTS])


def scenes_of(split: Split, size: int, pairs: bool = False) -> Scenes:
    """Return scenes to look at, all kinds of them or pairs only."""
    return Scenes(things(), split, size, SEED, kinds=("pair",)) if pairs else Scenes(things(), split, size, SEED)


def look(scenes: Scenes, indices: range) -> Looked:
    """Return some scenes with their truth."""
    plan: Plan = scenes.plan(indices)
    batch = scenes.show(plan, indices)
    return Looked(batch.pixels, batch.captions, object_masks(scenes, plan), boxes(scenes, plan))


def first_names(looked: Looked) -> list[str]:
    """Return what the first drawing of each scene is called: "a cat"."""
    objects = things()
    return [singular(objects[row].noun) for row in looked.boxes.objects[:, 0].tolist()]


def word_maps(model: CLIP, tokenizer: Tokenizer, pixels: Tensor, names: Sequence[str]) -> Tensor:
    """Return (B, N): the cosine of each patch of an image with the words asked of that image."""
    patches, texts = joint_patch_features(model, pixels), encode_texts(model, tokenizer, list(names))
    return (patches @ texts[:, :, None])[:, :, 0]  # (B, N)


class Told(NamedTuple):
    """Which shares of the variance of colors are told by what: 1 would be all of it."""

    image: float  # by the image that a patch is in
    is_thing: float  # by whether a patch shows a thing
    thing: float  # by which thing it is, among patches that show one


def told_by_color(places: Tensor, masks: Tensor) -> Told:
    """Return what colors of patches tell.

    Args:
        places: (M, N, 3), as `principal_colors` gives them.
        masks: (M, H, W), as in `Looked`.
    """
    labels = patch_labels(masks, places.shape[1]).flatten()  # 0 is the background
    flat = places.flatten(0, 1).double()  # (M·N, 3)
    is_thing = labels > BACKGROUND + 1
    image = torch.arange(len(places)).repeat_interleave(places.shape[1])  # (M·N,)
    return Told(_between(flat, image), _between(flat, is_thing.long()), _between(flat[is_thing], labels[is_thing]))


def fixed_box_iou(known: Looked, unseen: Looked) -> float:
    """Return the mean IoU of one who says the same box for every image: the mean of those of known scenes.

    Asked, as the decoder was, of scenes whose first thing is there once, so that its name says which is meant.
    """
    always, truth = known.boxes.corners[:, 0].mean(dim=0), unseen.boxes.corners[:, 0]  # (4,), (B, 4)
    is_clear = unseen.boxes.objects[:, 0] != unseen.boxes.objects[:, 1]  # (B,)
    return box_iou(always[None], truth)[0, is_clear].mean().item()


def poster(side: int = 320) -> Tensor:
    """Return a scene (H, W, 3) that is large enough to be cut to any shape."""
    scenes = Scenes(things(), "test", side, SEED, kinds=("pair",))
    return scenes.batch([4]).pixels[0].permute(1, 2, 0)


def spelled(located: LocatedTokenizer, ids: Sequence[int]) -> str:
    """Return a row of the decoder as words and marks, up to its end."""
    marks = {number: f" <{task}> " for task, number in located.task_ids.items()} | {located.end_id: " <end>"}
    marks |= {located.words.vocab_size + n: f" ▏{n} " for n in range(located.bins)}
    text = ""
    for is_mark, part in groupby(ids, marks.__contains__):
        same = list(part)
        text += "".join(marks[i] for i in same) if is_mark else located.words.decode(same)
    return " ".join(text.partition(" <end>")[0].split()) + " <end>" * (located.end_id in ids)


def _between(values: Tensor, groups: Tensor) -> float:
    """Return the share of the variance of (M, C) values that lies between groups (M,)."""
    _, rows = groups.unique(return_inverse=True)
    counts = torch.bincount(rows).double()[:, None]
    sums = torch.zeros(len(counts), values.shape[1], dtype=values.dtype).index_add_(0, rows, values)
    means, mean = sums / counts, values.mean(dim=0)
    between = (counts * (means - mean).square()).sum()
    return (between / (values - mean).square().sum()).item()
