"""Training a captioner: image vectors and captions in, a mapper and a language model that fit each other out.

    vectors (M, E), captions ─ batch k ─▶ (B, E), (B, T) ─ captioner ─ loss ─▶ gradients ─ AdamW ─▶ record, checkpoint

Batch k is a function of (seed, k), and captions of like length stand together in it, so that little of a batch is
padding. What the prefix says before its last place is never computed to the end: half of the logits, which are half of
the work (``test_the_packed_loss_is_the_plain_one``).

The run has a folder, and one that was stopped goes on there with the numbers it would have had.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm.auto import tqdm

from clip_tutor.allocator import keep_freed_memory
from clip_tutor.applications.captioning.captioner import Captioner
from clip_tutor.applications.captioning.files import Origin, captioner_metadata
from clip_tutor.applications.language_model.checks import check_vocabulary
from clip_tutor.data.batches import shuffled_order
from clip_tutor.tokenizers import Tokenizer
from clip_tutor.training.config import CHECKPOINT, Record, TrainConfig, TrainState
from clip_tutor.training.interrupts import interruptible
from clip_tutor.training.log import RunLog
from clip_tutor.training.outputs import require_place_for_run
from clip_tutor.training.schedule import make_optimizer, warmup_cosine
from clip_tutor.weights import fit, read_tensors, write_tensors
from clip_tutor.weights.own import TRAINING_PREFIXES

OPTIMIZER = TRAINING_PREFIXES[1]
TOGETHER = 32  # batches whose captions are sorted by length among each other


class CaptionBatches:
    """Pairs of a vector and a caption as batches: batch k is the same whenever it is asked for.

    Args:
        image_features: (M, E), or whatever else is known of M images, as (M, …).
        captions: M.

    Raises:
        ValueError: vectors and captions are not as many, or fewer than a batch.
    """

    def __init__(
        self, image_features: Tensor, captions: Sequence[str], tokenizer: Tokenizer, batch_size: int, seed: int
    ) -> None:
        if len(image_features) != len(captions) or len(captions) < batch_size:
            raise ValueError(
                f"{len(image_features)} image vectors and {len(captions)} captions for batches of {batch_size}: give "
                "as many captions as vectors, and at least a batch of them"
            )
        self.image_features, self.batch_size, self.seed, self.end_id = (
            image_features,
            batch_size,
            seed,
            tokenizer.end_id,
        )
        self.rows = [np.array([*tokenizer.encode(caption), tokenizer.end_id], np.int32) for caption in captions]
        self.lengths = np.array([len(row) for row in self.rows])
        self._epoch = -1
        self._order = np.empty((0, batch_size), np.int64)

    def batch(self, k: int) -> tuple[Tensor, Tensor]:
        """Return (B, E) vectors and (B, T) ids, each row filled up with end tokens."""
        per_epoch = len(self.rows) // self.batch_size
        if self._epoch != k // per_epoch:
            self._epoch = k // per_epoch
            self._order = self._arranged(per_epoch)
        chosen = self._order[k % per_epoch]
        ids = torch.full((self.batch_size, int(self.lengths[chosen].max())), self.end_id)
        for row, n in zip(ids, chosen.tolist(), strict=True):
            row[: self.lengths[n]] = torch.from_numpy(self.rows[n])
        return self.image_features[torch.from_numpy(chosen)].float(), ids

    def _arranged(self, batches: int) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
        """Return (batches, B): an epoch's order, in which captions of like length share a batch."""
        order = shuffled_order(len(self.rows), self.seed, self._epoch)[: batches * self.batch_size]
        size = TOGETHER * self.batch_size
        parts = [order[start : start + size] for start in range(0, len(order), size)]
        order = np.concatenate([part[self.lengths[part].argsort(kind="stable")] for part in parts])
        rows: np.ndarray[tuple[int, int], np.dtype[np.int64]] = order.reshape(batches, self.batch_size)
        return rows[np.random.default_rng([self.seed, self._epoch]).permutation(batches)]


def packed_loss(captioner: Captioner, image_features: Tensor, token_ids: Tensor, end_id: int) -> Tensor:
    """Return `prefix_loss` without the logits that it does not look at. The arguments are the same."""
    model = captioner.language_model
    prefix = captioner.prefix(image_features)  # (B, N, D)
    embeddings = torch.cat([prefix, model.embed(token_ids[:, :-1])], dim=1)  # (B, N + T - 1, D)
    states = model.blocks(model.add_positions(embeddings))[:, prefix.shape[1] - 1 :]  # (B, T, D)
    ends = token_ids == end_id
    counts = ends.cumsum(dim=1) <= ends.long()  # (B, T): up to a row's first end token, that included
    return F.cross_entropy(model.head(model.ln_final(states[counts])), token_ids[counts])


def train_captioner(
    captioner: Captioner,
    tokenizer: Tokenizer,
    origin: Origin,
    batches: CaptionBatches,
    config: TrainConfig,
    run: Path | None = None,
    evaluate: Callable[[Captioner], Record] | None = None,
    evaluate_every: int = 1000,
) -> list[Record]:
    """Train a captioner in place and return the history of the run; Ctrl-C ends it after the step at hand.

    Parameters that ask for no gradient stay as they are: ``captioner.language_model.requires_grad_(False)`` before, and
    the mapper alone learns to speak to a language model that is frozen.

    Args:
        origin: the CLIP whose vectors these are; it goes into the checkpoints.
        config: of the settings, those of the batch, the length, the rate, the decay and the records.
        run: a folder for the checkpoint and the log. A run that was stopped goes on there.
        evaluate: called every ``evaluate_every`` steps and at the end; what it returns joins the record.

    Raises:
        ValueError: the tokenizer does not fit, or ``run`` holds a checkpoint of another captioner or other settings.
        OSError: nothing can be written into ``run``.
    """
    check_vocabulary(tokenizer, captioner.language_model.config)
    if run:
        require_place_for_run(run)
    keep_freed_memory()
    optimizer = make_optimizer(captioner, config.weight_decay)
    state = _restored(run, captioner, optimizer, config) if run else TrainState()
    log = RunLog(run, state.history)
    learning = [parameter for parameter in captioner.parameters() if parameter.requires_grad]
    started = time.perf_counter() - state.seconds
    losses: list[float] = []
    captioner.train()
    with interruptible() as interrupted, tqdm(initial=state.step, unit="step") as bar:
        while not state.finished(config) and not interrupted.is_set():
            total = bar.total = state.total_steps(config)
            lr = warmup_cosine(state.step, total, config.warmup_steps, config.learning_rate)
            for group in optimizer.param_groups:
                group["lr"] = lr
            loss = packed_loss(captioner, *batches.batch(state.step), batches.end_id)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(learning, config.max_grad_norm)
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
                    record |= evaluate(captioner.eval())
                    captioner.train()
                state.history.append(record)
                log.add(state.history)
                bar.set_postfix_str(f"loss {record['loss']:.3f}")
            if run and (state.step % config.checkpoint_every == 0 or state.finished(config)):
                _save(run, captioner, tokenizer, origin, optimizer, config, state)
        if run and interrupted.is_set():
            _save(run, captioner, tokenizer, origin, optimizer, config, state)
    log.close()
    captioner.eval()
    return state.history


def _settings(captioner: Captioner, config: TrainConfig) -> dict[str, object]:
    """Return what a run and its continuation must have in common."""
    kept = ("batch_size", "learning_rate", "warmup_steps", "weight_decay", "seed", "max_grad_norm")
    learning = sorted(name for name, parameter in captioner.named_parameters() if parameter.requires_grad)
    return {name: getattr(config, name) for name in kept} | {"learning": learning}


def _save(
    run: Path,
    captioner: Captioner,
    tokenizer: Tokenizer,
    origin: Origin,
    optimizer: torch.optim.Optimizer,
    config: TrainConfig,
    state: TrainState,
) -> None:
    tensors = dict(captioner.state_dict())
    for name, parameter in captioner.named_parameters():
        for key, value in optimizer.state[parameter].items() if parameter in optimizer.state else ():
            tensors[f"{OPTIMIZER}{name}.{key}"] = value
    metadata = captioner_metadata(captioner, tokenizer, origin, {})
    metadata |= {"training": json.dumps(asdict(state)), "settings": json.dumps(_settings(captioner, config))}
    write_tensors(run / CHECKPOINT, tensors, metadata)


def _restored(run: Path, captioner: Captioner, optimizer: torch.optim.Optimizer, config: TrainConfig) -> TrainState:
    """Put the numbers of a run that was stopped back, and return how far it had come."""
    path = run / CHECKPOINT
    if not path.exists():
        return TrainState()
    tensors, metadata = read_tensors(path)
    before, now = json.loads(metadata.get("settings", "{}")), _settings(captioner, config)
    if changed := [f"{name} {before.get(name)} → {now[name]}" for name in now if before.get(name) != now[name]]:
        raise ValueError(
            f"the run in {run} was started with other settings ({', '.join(changed)}): continue it with the same "
            "ones, or give another folder"
        )
    fit(captioner, {name: t for name, t in tensors.items() if not name.startswith(TRAINING_PREFIXES)}, path)
    for name, parameter in captioner.named_parameters():
        prefix = f"{OPTIMIZER}{name}."
        memory = {key[len(prefix) :]: t.clone() for key, t in tensors.items() if key.startswith(prefix)}
        if memory:
            optimizer.state[parameter] = memory
    return TrainState(**json.loads(metadata["training"]))
