"""Train any model that has one loss: a plain loop with a run folder, for what is not a CLIP.

    step ─ loss_at ─▶ loss ─ backward ─▶ AdamW ─▶ step + 1      every so often: a record, a checkpoint

``loss_at(step)`` draws its batch and its random numbers from the step alone. So a run that was stopped goes on exactly
as if it had not been: ``test_a_run_goes_on_as_if_it_had_not_been_stopped``.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from clip_tutor.allocator import keep_freed_memory
from clip_tutor.training.config import CHECKPOINT, Record, TrainConfig, TrainState
from clip_tutor.training.interrupts import interruptible
from clip_tutor.training.log import RunLog
from clip_tutor.training.outputs import require_places
from clip_tutor.training.precision import autocast
from clip_tutor.training.schedule import make_optimizer, warmup_cosine
from clip_tutor.weights import fit, read_tensors, write_tensors
from clip_tutor.weights.own import TRAINING_PREFIXES

OPTIMIZER = TRAINING_PREFIXES[1]


def minimize(
    model: nn.Module,
    loss_at: Callable[[int], Tensor],
    config: TrainConfig,
    run: Path | None = None,
    evaluate: Callable[[], Record] | None = None,
    evaluate_every: int = 1000,
    metadata: dict[str, str] | None = None,
) -> list[Record]:
    """Train a model in place and return the history of the run; Ctrl-C ends it after the step at hand.

    Parameters that ask for no gradient stay as they are.

    Args:
        loss_at: takes the number of a step, from 0, and returns its loss, a scalar.
        config: of the settings, those of the batch, the length, the rate, the decay, the records and the precision.
        run: a folder for the checkpoint and the log. A run that was stopped goes on there.
        evaluate: called every ``evaluate_every`` steps and at the end, with the model in evaluation mode; what it
            returns joins the record.
        metadata: what the checkpoint says beside its tensors, so that it can be opened like a finished model.

    Raises:
        ValueError: ``run`` holds a checkpoint of another model or other settings.
        OSError: nothing can be written into ``run``.
    """
    if run:
        require_places(run=run)
    keep_freed_memory()
    optimizer = make_optimizer(model, config.weight_decay)
    state = _restored(run, model, optimizer, config) if run else TrainState()
    log = RunLog(run, state.history)
    precision, device = config.efficiency.precision, next(model.parameters()).device
    started = time.perf_counter() - state.seconds
    losses: list[float] = []

    def save() -> None:
        if run:
            _save(run, model, optimizer, config, state, metadata or {})

    model.train()
    with interruptible() as interrupted, tqdm(initial=state.step, unit="step") as bar:
        while not state.finished(config) and not interrupted.is_set():
            total = bar.total = state.total_steps(config)
            lr = warmup_cosine(state.step, total, config.warmup_steps, config.learning_rate)
            for group in optimizer.param_groups:
                group["lr"] = lr * group["scale"]
            with autocast(device, precision):
                loss = loss_at(state.step)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), config.max_grad_norm)
            optimizer.step()
            losses.append(loss.item())
            state.step += 1
            state.seconds = time.perf_counter() - started
            bar.update()
            due = evaluate and (state.step % evaluate_every == 0 or state.finished(config))
            if due or state.step % config.record_every == 0:
                record = {"step": state.step, "seconds": state.seconds, "loss": float(np.mean(losses))}
                record["learning_rate"] = lr
                losses.clear()
                if evaluate and due:
                    model.eval()
                    record |= evaluate()
                    model.train()
                state.history.append(record)
                log.add(state.history)
                bar.set_postfix_str(f"loss {record['loss']:.3f}")
            if state.step % config.checkpoint_every == 0 or state.finished(config):
                save()
        if interrupted.is_set():
            save()
    log.close()
    model.eval()
    return state.history


def _settings(model: nn.Module, config: TrainConfig) -> dict[str, object]:
    """Return what a run and its continuation must have in common."""
    kept = ("batch_size", "learning_rate", "warmup_steps", "weight_decay", "seed", "max_grad_norm")
    learning = sorted(name for name, parameter in model.named_parameters() if parameter.requires_grad)
    return {name: getattr(config, name) for name in kept} | {"learning": learning}


def _save(
    run: Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    config: TrainConfig,
    state: TrainState,
    metadata: dict[str, str],
) -> None:
    tensors = dict(model.state_dict())
    for name, parameter in model.named_parameters():
        for key, value in optimizer.state[parameter].items() if parameter in optimizer.state else ():
            tensors[f"{OPTIMIZER}{name}.{key}"] = value
    of_run = {"training": json.dumps(asdict(state)), "settings": json.dumps(_settings(model, config))}
    write_tensors(run / CHECKPOINT, tensors, metadata | of_run)


def _restored(run: Path, model: nn.Module, optimizer: torch.optim.Optimizer, config: TrainConfig) -> TrainState:
    """Put the numbers of a run that was stopped back, and return how far it had come."""
    path = run / CHECKPOINT
    if not path.exists():
        return TrainState()
    tensors, metadata = read_tensors(path)
    before, now = json.loads(metadata.get("settings", "{}")), _settings(model, config)
    if changed := [f"{name} {before.get(name)} → {now[name]}" for name in now if before.get(name) != now[name]]:
        raise ValueError(
            f"the run in {run} was started with other settings ({', '.join(changed)}): continue it with the same "
            "ones, or give another folder"
        )
    fit(model, {name: t for name, t in tensors.items() if not name.startswith(TRAINING_PREFIXES)}, path)
    for name, parameter in model.named_parameters():
        prefix = f"{OPTIMIZER}{name}."
        memory = {key[len(prefix) :]: t.clone() for key, t in tensors.items() if key.startswith(prefix)}
        if memory:
            optimizer.state[parameter] = memory
    return TrainState(**json.loads(metadata["training"]))
