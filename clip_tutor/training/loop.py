"""The training loop: draw a batch, compare it with itself, take a step, write down what happened; again.

source ─▶ (pixels, ids) ─▶ model ─▶ loss ─▶ gradients ─▶ AdamW ─▶ record, checkpoint
   ▲                                                                    │
   └───────────────────────── next batch ◀──────────────────────────────┘

`clip_tutor.training.plain` is the same without all that keeps a long run alive. These lines run on a CPU, on a GPU, and
in each of many processes (`clip_tutor.training.processes`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from clip_tutor.allocator import keep_freed_memory
from clip_tutor.data.batches import BatchSource
from clip_tutor.embedding import device_of
from clip_tutor.model import CLIP
from clip_tutor.tokenizers import Tokenizer
from clip_tutor.training.batch_loader import BatchLoader, report_dead_workers
from clip_tutor.training.config import Record, TrainConfig
from clip_tutor.training.groups import train_mode
from clip_tutor.training.interrupts import interruptible
from clip_tutor.training.outputs import require_places
from clip_tutor.training.processes import sync_clock_and_stop, translate_peer_errors, world
from clip_tutor.training.recorder import Recorder
from clip_tutor.training.rng import step_rng
from clip_tutor.training.run_folder import RunFolder
from clip_tutor.training.schedule import warmup_cosine
from clip_tutor.training.skipped import SkipCounter
from clip_tutor.training.step import Trainer


def train(
    model: CLIP,
    tokenizer: Tokenizer,
    source: BatchSource,
    config: TrainConfig,
    run: str | Path | None = None,
    evaluate: Callable[[CLIP], Record] | None = None,
    evaluate_every: int = 100,
    on_record: Callable[[list[Record]], None] | None = None,
) -> list[Record]:
    """Train ``model`` in place, where its weights lie, and return the history of the run.

    Ctrl-C (or "interrupt kernel") ends the run after the step at hand: the model keeps what it learned. With an
    average of the weights (``config.ema``) the model holds that average in the end.

    Args:
        source: where pairs come from, `Scenes` or `Photos`; the image size must be the model's.
        run: a folder for checkpoints and the log. A run that was killed continues there, with the numbers it would
            have had.
        evaluate: called every ``evaluate_every`` steps and at the end, in every process; what it returns joins the
            record, as numbers. If it raises, a run with a folder is saved first.
        on_record: called with the history so far after each record, to draw a live curve. If it raises after the last
            step, a run with a folder is saved first.

    Raises:
        ValueError: ``run`` holds a checkpoint of another model or other settings, or a damaged one; or the settings
            do not go together.
        BrokenModelError: ten batches in a row gave NaN or infinity.
        LostProcessError: another process of the run is gone.
        RuntimeError: a process that prepares batches died.
        OSError: nothing can be written into ``run``.
        LastCheckpointError: the last checkpoint could not be written; the model is trained all the same.

    >>> from clip_tutor.training.recipes import RECIPES, prepare
    >>> model, tokenizer, scenes = prepare(RECIPES["first_light"])
    >>> len(train(model, tokenizer, scenes, TrainConfig(batch_size=8, learning_rate=1e-3, steps=2, warmup_steps=1)))
    1
    """
    here, device = world(), device_of(model)
    if evaluate_every < 1:
        raise ValueError(f"evaluate_every: is {evaluate_every}, and must be 1 or more: a number of steps")
    if run and here.rank == 0:
        require_places(run=Path(run))
    if device.type == "cpu":
        keep_freed_memory()
    trainer = Trainer(model, config)
    folder = RunFolder(run, trainer, tokenizer)
    state = folder.restore()
    batches = BatchLoader(source, tokenizer, config, state.step, device)
    recorder = Recorder(folder, state, evaluate, evaluate_every, on_record)
    skipped = SkipCounter(state, recorder.log, folder.checkpoint)
    started = time.perf_counter() - state.seconds
    train_mode(model)
    with report_dead_workers(state, config.workers), interruptible() as interrupted, recorder:
        stop = state.finished(config)
        while not stop and not (here.size == 1 and interrupted.is_set()):
            batch = batches.next()
            lr = warmup_cosine(state.step, state.total_steps(config), config.warmup_steps, config.learning_rate)
            with translate_peer_errors(state.step), step_rng(config.seed, state.step, device):
                step = trainer.step(batch.pixels.to(device), batch.ids.to(device), lr)
                state.step += 1
                seconds = time.perf_counter() - started
                state.seconds, asked_to_stop = sync_clock_and_stop(seconds, interrupted.is_set(), device)
            skipped.count(step, batch)
            stop = asked_to_stop or state.finished(config)
            recorder.add(step, lr, batches.waited, stop)
            if not stop:
                folder.save_if_due(state)
        unsaved = folder.save_last(state)  # however the run ended, even by Ctrl-C while a curve was drawn
    if trainer.average:
        model.load_state_dict(trainer.average.model.state_dict())
    model.eval()
    if unsaved:
        raise unsaved
    return state.history
