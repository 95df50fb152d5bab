"""A model, a task, and the vectors that the model makes of the task's images: what the cells of notebook 14 work on."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from clip_tutor.evaluation.featurizer import Labelled, joint_features, probe_features, zero_shot_head
from clip_tutor.evaluation.zero_shot import class_features
from clip_tutor.lessons.nb14_featurizer.photographs import NAME, photographs, published
from clip_tutor.lessons.nb14_featurizer.tasks import Split, Task
from clip_tutor.model import CLIP
from clip_tutor.tokenizers import Tokenizer

BEFORE, JOINT, UNTRAINED = "before the projection", "joint embedding", "untrained encoder"


class Vectors(NamedTuple):
    """One kind of vector for the three splits of a task."""

    train: Labelled
    validation: Labelled
    test: Labelled


class Subject(NamedTuple):
    """A model on a task."""

    name: str
    task: Task
    vectors: dict[str, Vectors]  # by where they were read: BEFORE, JOINT and UNTRAINED
    classes: Tensor  # (M, E) class vectors of the task's prompts
    zero_shot: Tensor  # (N,) bool: which test images the zero-shot classifier gets right


def read(name: str, model: CLIP, tokenizer: Tokenizer, task: Task) -> Subject:
    """Return the vectors of a task: before the projection, after it at unit length, and of an untrained encoder."""
    torch.manual_seed(0)
    untrained = CLIP(model.config).eval()
    splits: tuple[Split, ...] = task.train, task.validation, task.test
    before = [probe_features(model, split.pixels) for split in splits]
    of_place = {
        BEFORE: before,
        JOINT: [joint_features(model, features) for features in before],
        UNTRAINED: [probe_features(untrained, split.pixels) for split in splits],
    }
    vectors = {
        place: Vectors(*(Labelled(one, split.labels) for one, split in zip(features, splits, strict=True)))
        for place, features in of_place.items()
    }
    classes = class_features(model, tokenizer, [[prompt] for prompt in task.prompts])
    return Subject(name, task, vectors, classes, zero_shot_head(classes).hits(vectors[JOINT].test))


def on_photographs() -> list[Subject]:
    """Return CLIP's ViT-B/32 on photographs where its weights are at hand, else nothing; a line says which."""
    if (loaded := published()) is None:
        return []
    task = photographs(loaded.model)
    print(f"● {NAME} is here: the cells below show it on {task.name}, too.")
    return [read(f"{NAME} on {task.name}", loaded.model, loaded.tokenizer, task)]
