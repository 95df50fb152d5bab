"""A run in a file: the model, the optimizer's memory and the history, so that a killed run goes on unharmed.

Nothing random has to be saved: scene i is always the same, so the step says which scenes come next.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import torch

from clip_tutor.model import CLIP
from clip_tutor.tokenizers import Tokenizer
from clip_tutor.training.config import Progress, TrainConfig
from clip_tutor.weights import fit, metadata_of, read_tensors, write_tensors

# What may differ between a run and its continuation: how long it goes on, how it is watched and who draws.
FREE_SETTINGS = {"steps", "seconds", "workers", "record_every", "checkpoint_every"}


def save_run(
    path: Path,
    model: CLIP,
    tokenizer: Tokenizer,
    optimizer: torch.optim.Optimizer,
    progress: Progress,
    config: TrainConfig,
) -> None:
    """Write everything a run needs to continue; `clip_tutor.weights.load` opens the same file as a model."""
    tensors = dict(model.state_dict())
    for name, parameter in model.named_parameters():
        for key, value in optimizer.state[parameter].items():
            tensors[f"optimizer.{name}.{key}"] = value
    training = {"step": progress.step, "seconds": progress.seconds, "history": progress.history}
    metadata = metadata_of(model, tokenizer, {})
    metadata |= {"training": json.dumps(training), "settings": json.dumps(asdict(config))}
    write_tensors(path, tensors, metadata)


def restore_run(
    path: Path, model: CLIP, tokenizer: Tokenizer, optimizer: torch.optim.Optimizer, config: TrainConfig
) -> Progress:
    """Put a saved run's numbers back into ``model`` and ``optimizer``, and return how far it had come.

    Raises:
        ValueError: the file is damaged, holds another model, or its run had another tokenizer or other settings.
    """
    tensors, metadata = read_tensors(path)
    if "training" not in metadata:
        raise ValueError(f"{path} is a model, not a run: load it with clip_tutor.weights.load, or give another folder")
    before, now = json.loads(metadata["settings"]), asdict(config)
    changed = [f"{k} {before.get(k)} → {now[k]}" for k in now if k not in FREE_SETTINGS and before.get(k) != now[k]]
    if changed:
        raise ValueError(
            f"the run in {path.parent} was started with other settings ({', '.join(changed)}): "
            "continue it with the same ones, or give another folder"
        )
    if metadata["tokenizer"] != tokenizer.to_json():
        raise ValueError(
            f"the run in {path.parent} was started with another tokenizer, whose ids mean other words: "
            "continue it with the same captions, or give another folder"
        )
    fit(model, {name: tensor for name, tensor in tensors.items() if not name.startswith("optimizer.")}, path)
    for name, parameter in model.named_parameters():
        prefix = f"optimizer.{name}."
        memory = {key[len(prefix) :]: tensor for key, tensor in tensors.items() if key.startswith(prefix)}
        # AdamW's fused form reads a parameter and its averages side by side: they must lie alike in memory.
        optimizer.state[parameter] = {
            key: torch.empty_like(parameter if key != "step" else tensor, device=parameter.device).copy_(tensor)
            for key, tensor in memory.items()
        }
    return Progress(**json.loads(metadata["training"]))
