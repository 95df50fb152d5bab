"""The learner's encoders in the library's engine: half precision, prepared batches, `torch.compile`; and what it buys.

MyCLIP ── image_tower, text_tower, log_logit_scale ──▶ the library's CLIP: the same weights, not a copy
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor

from clip_tutor.data.batches import BatchSource
from clip_tutor.embedding import device_of
from clip_tutor.model import CLIP, CLIPConfig
from clip_tutor.tokenizers import Tokenizer
from clip_tutor.training import TrainConfig, train
from clip_tutor.training.config import with_flat_settings


def in_library(mine: Any, config: CLIPConfig) -> CLIP:
    """Return the library's CLIP around the encoders of a learner's; whoever trains one trains the other.

    Args:
        mine: a MyCLIP.
        config: of the model that its encoders are like.
    """
    model = CLIP(config)
    model.image_tower, model.text_tower = mine.image_tower, mine.text_tower
    model.log_logit_scale = mine.log_logit_scale
    return model.train(mine.training)


class Measured(NamedTuple):
    """What a few steps cost."""

    pairs_per_second: float
    waiting: float  # the share of the time in which the model waited for a batch
    memory: int  # bytes: on a GPU the most that was allocated, on a CPU what the forward pass keeps for the backward


def measure(
    model: CLIP, tokenizer: Tokenizer, source: BatchSource, config: TrainConfig, steps: int = 4, **settings: Any
) -> Measured:
    """Train a copy of the model for ``2 * steps`` steps, and return what the second half of them cost.

    Args:
        settings: of the `TrainConfig` that are to be others, those of its `Efficiency` by their own names.
    """
    device, pupil = device_of(model), copy.deepcopy(model)
    config = with_flat_settings(config, steps=2 * steps, seconds=None, record_every=1, **settings)
    memory = 0
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        history = train(pupil, tokenizer, source, config)
        memory = torch.cuda.max_memory_allocated(device)
    else:
        with _kept_for_backward(pupil) as kept:

            def note(_: object) -> None:
                nonlocal memory
                memory = sum(kept.values())
                kept.clear()  # the next step begins anew

            history = train(pupil, tokenizer, source, config, on_record=note)
    seconds = [config.batch_size / record["pairs_per_second"] for record in history[steps:]]
    waited = sum(record["waiting"] * one for record, one in zip(history[steps:], seconds, strict=True))
    return Measured(config.batch_size * steps / sum(seconds), waited / sum(seconds), memory)


@contextmanager
def _kept_for_backward(model: CLIP) -> Iterator[dict[int, int]]:
    """Note the bytes of each piece of memory that a forward pass keeps, but for the weights themselves."""
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept: dict[int, int] = {}  # by place: one micro-batch takes the places of the one before

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = max(storage.nbytes(), kept.get(storage.data_ptr(), 0))
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        yield kept
