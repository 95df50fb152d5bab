"""A run in a file: the model, the optimizer's memory and the history, so that a killed run goes on unharmed.

Nothing random has to be saved: batch k is always the same, so the step says which batch comes next.

    tensors   the model's, by name                 what `clip_tutor.weights.load` opens
              raw.NAME                             with an average of the weights: those that are trained
              optimizer.NAME.KEY                   AdamW's averages for each parameter
    metadata  model and tokenizer, as in every weights file; "training" (state), "settings" and "scaler"
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor, distribute_tensor

from clip_tutor.tokenizers import Tokenizer
from clip_tutor.training.config import TrainState, flat_settings
from clip_tutor.training.processes import whole, world
from clip_tutor.weights import fit, metadata_of, read_tensors, write_tensors
from clip_tutor.weights.own import TRAINING_PREFIXES

if TYPE_CHECKING:
    from clip_tutor.training.step import Trainer

RAW, OPTIMIZER = TRAINING_PREFIXES
# What may differ between a run and its continuation: how long it goes on, how it is watched, who draws, and how it
# fits into memory.
FREE_SETTINGS = {"steps", "seconds", "workers", "record_every", "checkpoint_every"}
FREE_SETTINGS |= {"micro_batch", "chunk_size", "checkpoint_activations", "compile", "shard"}


def save_run(path: Path, trainer: Trainer, tokenizer: Tokenizer, state: TrainState) -> None:
    """Write everything a run needs to continue; `clip_tutor.weights.load` opens the same file as a model.

    To be called in every process; the first one writes.

    Raises:
        OSError: it could not be written whole; the file that was there before is untouched.
    """
    model, average = trainer.model, trainer.average
    tensors = {name: whole(tensor) for name, tensor in model.state_dict().items()}
    if average:
        tensors = {RAW + name: tensor for name, tensor in tensors.items()} | average.model.state_dict()
    for name, parameter in model.named_parameters():
        for key, value in trainer.optimizer.state[parameter].items():
            tensors[f"{OPTIMIZER}{name}.{key}"] = whole(value)
    if world().rank > 0:
        return
    metadata = metadata_of(model, tokenizer, {})
    metadata |= {
        "training": json.dumps(asdict(state)),
        "settings": json.dumps(flat_settings(trainer.config)),
        "scaler": json.dumps(trainer.scaler.state_dict()),
    }
    write_tensors(path, tensors, metadata)


def restore_run(path: Path, trainer: Trainer, tokenizer: Tokenizer) -> TrainState:
    """Put a saved run's numbers back into the trainer, and return how far it had come.

    Raises:
        ValueError: the file is damaged, holds another model, or its run had another tokenizer or other settings.
    """
    tensors, metadata = read_tensors(path)
    if "training" not in metadata:
        raise ValueError(f"{path} is a model, not a run: load it with clip_tutor.weights.load, or give another folder")
    before, now = json.loads(metadata["settings"]), flat_settings(trainer.config)
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
    model, average = trainer.model, trainer.average
    weights = {name: tensor for name, tensor in tensors.items() if not name.startswith(TRAINING_PREFIXES)}
    if average:
        fit(average.model, weights, path)
        weights = {name.removeprefix(RAW): tensor for name, tensor in tensors.items() if name.startswith(RAW)}
    own = model.state_dict()
    fit(model, {name: _as(tensor, own.get(name)) for name, tensor in weights.items()}, path)
    for name, parameter in model.named_parameters():
        prefix = f"{OPTIMIZER}{name}."
        memory = {key[len(prefix) :]: tensor for key, tensor in tensors.items() if key.startswith(prefix)}
        # AdamW's fused form reads a parameter and its averages side by side: they must lie alike in memory.
        trainer.optimizer.state[parameter] = {
            key: tensor.clone() if key == "step" else torch.empty_like(parameter).copy_(_as(tensor, parameter))
            for key, tensor in memory.items()
        }
    if trainer.scaler.is_enabled() and (scaler := json.loads(metadata.get("scaler", "{}"))):
        trainer.scaler.load_state_dict(scaler)
    state = TrainState(**json.loads(metadata["training"]))
    if average:
        average.step = state.step - state.skipped_steps - state.overflow_steps
    return state


def remove_temp_files(path: Path) -> None:
    """Remove what a run that was killed while it saved has left beside its last good checkpoint."""
    for draft in path.parent.glob(f".{path.name}.*"):
        shutil.rmtree(draft, ignore_errors=True)


def _as(tensor: Tensor, like: Tensor | None) -> Tensor:
    """Return the tensor cut up as ``like`` is, if it is."""
    if not isinstance(like, DTensor):
        return tensor
    return distribute_tensor(tensor.to(like.device), like.device_mesh, like.placements)
