"""A judge in a file: its weights, its shape, and which objects it knows in which order."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import torch

from clip_tutor.applications.attribute_judge.model import AttributeJudge, JudgeConfig
from clip_tutor.assets import asset
from clip_tutor.data.emoji import Emoji, find_emoji
from clip_tutor.weights import fit, read_tensors, write_tensors
from clip_tutor.weights.own import TRAINING_PREFIXES, stored_as

SHIPPED = {"attribute_judge": "checkpoints/attribute_judge.safetensors"}


class LoadedJudge(NamedTuple):
    """A judge and what its numbers mean."""

    judge: AttributeJudge  # in evaluation mode
    objects: tuple[Emoji, ...]  # object 0, 1, 2 …
    notes: dict[str, Any]  # what the one who saved it wrote down


def save_judge(
    path: str | Path, judge: AttributeJudge, objects: Sequence[Emoji], notes: dict[str, Any] | None = None
) -> None:
    """Write a judge to one safetensors file, atomically, in float16; it stays as it is itself.

    Raises:
        ValueError: it knows more or fewer objects, or a weight is too large for float16.
        OSError: the file could not be written; what was at ``path`` is still there.
    """
    if len(objects) != judge.config.objects:
        raise ValueError(
            f"{len(objects)} objects, and the judge knows {judge.config.objects}: give those of its training"
        )
    metadata = {
        "judge": json.dumps(asdict(judge.config)),
        "objects": json.dumps([emoji.character for emoji in objects]),
        "notes": json.dumps(notes or {}),
    }
    write_tensors(path, stored_as(torch.float16, judge.state_dict()), metadata)


def load_judge(path: str | Path = "attribute_judge") -> LoadedJudge:
    """Return the judge in a file, in float32.

    Args:
        path: a file that `save_judge` wrote; "attribute_judge" is the one that comes with the kit.

    Raises:
        FileNotFoundError: there is no such file.
        KeyError: it knows an object that the emoji data set does not have.
        ValueError: it is cut off, or not a judge.

    >>> judge, objects, _ = load_judge()
    >>> len(objects)
    104
    """
    path = asset(SHIPPED[path]) if isinstance(path, str) and path in SHIPPED else Path(path)
    tensors, metadata = read_tensors(path)
    try:
        judge = AttributeJudge(JudgeConfig(**json.loads(metadata["judge"])))
        characters, notes = json.loads(metadata["objects"]), json.loads(metadata["notes"])
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
        raise ValueError(
            f"{path} holds tensors, but does not say which judge they belong to ({error!r}): "
            "load a file written by save_judge"
        ) from error
    fit(judge, {name: t for name, t in tensors.items() if not name.startswith(TRAINING_PREFIXES)}, path)
    return LoadedJudge(judge.eval(), find_emoji(characters), notes)
