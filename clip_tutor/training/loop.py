"""The training loop: draw a batch, compare it with itself, take a step, write down what happened; again.

source ─▶ (pixels, ids) ─▶ model ─▶ loss ─▶ gradients ─▶ AdamW ─▶ record, checkpoint
   ▲                                                                    │
   └───────────────────────── next batch ◀──────────────────────────────┘

The same lines run on a CPU, on a GPU, and in each of many processes (`clip_tutor.training.processes`).
"""

from __future__ import annotations

import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import torch
from torch.utils.data import DataLoader
from tqdm.auto import tqdm

from clip_tutor.data.batches import BatchSource, TrainBatch
from clip_tutor.embedding import device_of
from clip_tutor.model import CLIP
from clip_tutor.printable import listed, printable
from clip_tutor.tokenizers import Tokenizer
from clip_tutor.training.allocator import keep_freed_memory
from clip_tutor.training.checkpoints import remove_temp_files, restore_run, save_run
from clip_tutor.training.config import CHECKPOINT, Record, TrainConfig, TrainState
from clip_tutor.training.groups import train_mode
from clip_tutor.training.log import RunLog
from clip_tutor.training.outputs import require_place_for_run
from clip_tutor.training.processes import all_gather_names, sync_clock_and_stop, translate_peer_errors, world
from clip_tutor.training.schedule import warmup_cosine
from clip_tutor.training.step import Step, Trainer

MOST_SKIPPED = 10  # steps in a row without one sound number: then it is the model that is broken, not the data
NAMED = 20  # skipped samples, the most that a message names


class BrokenModelError(ArithmeticError):
    """No batch gives finite numbers any more."""


class LastCheckpointError(OSError):
    """A run has come to its end, the model holds what it learned, and the last checkpoint could not be written."""

    def __init__(self, message: str, history: list[Record]) -> None:
        super().__init__(message)
        self.history = history


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
        require_place_for_run(Path(run))
    if device.type == "cpu":
        keep_freed_memory()
    trainer, state = Trainer(model, config), TrainState()
    unsaved: LastCheckpointError | None = None
    checkpoint = Path(run) / CHECKPOINT if run else None
    if checkpoint and checkpoint.exists():
        state = restore_run(checkpoint, trainer, tokenizer)
    if checkpoint and here.rank == 0:
        remove_temp_files(checkpoint)
    log = RunLog(Path(run) if run and here.rank == 0 else None, state.history)
    batches = _Batches(source, tokenizer, config, state.step, device)
    started, first_step, skipped_in_a_row = time.perf_counter() - state.seconds, state.step, 0
    pace = _Pace(config.batch_size, first_step)
    train_mode(model)
    with (
        _NoticingDeadWorkers(state, config.workers),
        _interruptible() as interrupted,
        tqdm(initial=first_step, unit="step", disable=here.rank > 0) as bar,
    ):
        stop = _finished(state, config)
        while not stop and not (here.size == 1 and interrupted.is_set()):
            batch = batches.next()
            total = _total_steps(state, config)
            lr = warmup_cosine(state.step, total, config.warmup_steps, config.learning_rate)
            with translate_peer_errors(state.step), _own_chance(config.seed, state.step, device):
                step = trainer.step(batch.pixels.to(device), batch.ids.to(device), lr)
                state.step += 1
                own_clock = time.perf_counter() - started
                state.seconds, asked = sync_clock_and_stop(own_clock, interrupted.is_set(), device)
            skipped_in_a_row = skipped_in_a_row + 1 if step.nonfinite_rows is not None else 0
            _report_skipped(state, step, batch, log)
            if skipped_in_a_row == MOST_SKIPPED:
                raise BrokenModelError(_broken(state, checkpoint))
            bar.total = total
            bar.update()
            stop = asked or _finished(state, config)
            due = evaluate is not None and (stop or state.step % evaluate_every == 0)
            if stop or (step.nonfinite_rows is None and (due or state.step % config.record_every == 0)):
                record = {
                    "step": state.step,
                    "seconds": state.seconds,
                    "loss": step.loss,
                    "logit_scale": step.logit_scale,
                    "learning_rate": lr,
                    "gradient_norm": step.gradient_norm,
                    "batch_size": config.batch_size,
                    **pace.since_last(state.step, batches.waited),
                    "skipped_steps": state.skipped_steps,
                    "skipped_images": state.skipped_images,
                }
                state.history.append(record)
                if evaluate and due:
                    with _saving_first(checkpoint, trainer, tokenizer, state):
                        figures = evaluate(trainer.average.model if trainer.average else model.eval())
                        record |= {name: float(figure) for name, figure in figures.items()}
                    train_mode(model)
                    pace.since_last(state.step, batches.waited)  # evaluating is neither waiting nor training
                log.add(state.history)
                bar.set_postfix_str(
                    f"loss {record['loss']:.2f}, temperature 1/{record['logit_scale']:.0f}, "
                    f"{record['pairs_per_second']:,.0f} pairs/s"
                )
                if on_record and here.rank == 0:
                    with _saving_first(checkpoint if stop else None, trainer, tokenizer, state):
                        on_record(state.history)
            if checkpoint and state.step % config.checkpoint_every == 0 and not stop:
                _save_or_warn(checkpoint, trainer, tokenizer, state)
        if checkpoint and state.step > first_step:  # however the run ended, even by Ctrl-C while a curve was drawn
            try:
                save_run(checkpoint, trainer, tokenizer, state)
            except OSError as error:
                unsaved = LastCheckpointError(str(error), state.history)
    log.close()
    if trainer.average:
        model.load_state_dict(trainer.average.model.state_dict())
    model.eval()
    if unsaved:
        raise unsaved
    return state.history


class _Batches:
    """The batches of this process, and how long it had to wait for them."""

    def __init__(
        self, source: BatchSource, tokenizer: Tokenizer, config: TrainConfig, start: int, device: torch.device
    ) -> None:
        here = world()
        stream = source.stream(tokenizer, config.batch_size, start, here.rank, here.size)
        self.waited = 0.0  # seconds
        self._loader = iter(
            DataLoader(
                stream,
                batch_size=None,
                num_workers=config.workers,
                pin_memory=device.type == "cuda",
                worker_init_fn=_leave_interrupts_to_the_main_process,
            )
        )

    def next(self) -> TrainBatch:
        """Return the next batch."""
        began = time.perf_counter()
        batch = next(self._loader)
        self.waited += time.perf_counter() - began
        return batch


class _Pace:
    """Pairs a second and the share of time spent waiting for data, since it was last asked."""

    def __init__(self, batch_size: int, step: int) -> None:
        self.batch_size = batch_size
        self._last = time.perf_counter(), step, 0.0

    def since_last(self, step: int, waited: float) -> Record:
        (before, step_before, waited_before), now = self._last, time.perf_counter()
        self._last = now, step, waited
        seconds = now - before
        return {
            "pairs_per_second": self.batch_size * (step - step_before) / seconds,
            "waiting": (waited - waited_before) / seconds,
        }


def _report_skipped(state: TrainState, step: Step, batch: TrainBatch, log: RunLog) -> None:
    if batch.skipped:
        state.skipped_images += len(batch.skipped)
        log.skip(state.step, "image does not decode", batch.skipped)
        _say(f"step {state.step}: left out {listed(batch.skipped, NAMED)}")
    if step.nonfinite_rows is not None:
        state.skipped_steps += 1
        names = all_gather_names([batch.names[row] for row in step.nonfinite_rows])
        log.skip(state.step, "step gave NaN or infinity", names)
        if world().rank == 0:
            _say(f"step {state.step}: skipped, its numbers are not finite; suspect: {listed(names, NAMED)}")


def _say(text: str) -> None:
    """Write a line above the progress bar; a console that is closed, or whose file has no room, goes without."""
    with suppress(OSError, ValueError):
        tqdm.write(printable(text, sys.stdout))


def _broken(state: TrainState, checkpoint: Path | None) -> str:
    way_back = f"the last good weights are in {checkpoint}" if checkpoint else "start again, with a run folder"
    return (
        f"the last {MOST_SKIPPED} steps, up to step {state.step}, gave NaN or infinity, so the model is broken and "
        f"not a batch: take a smaller learning_rate or longer warmup_steps; {way_back}"
    )


def _save_or_warn(checkpoint: Path, trainer: Trainer, tokenizer: Tokenizer, state: TrainState) -> None:
    try:
        save_run(checkpoint, trainer, tokenizer, state)
    except OSError as error:
        said = f"the run goes on, but step {state.step} is not saved: {error}"
        warnings.warn(printable(said, sys.stderr), stacklevel=3)


@contextmanager
def _saving_first(checkpoint: Path | None, trainer: Trainer, tokenizer: Tokenizer, state: TrainState) -> Iterator[None]:
    """Save what was learned before an error, or Ctrl-C, in what only looks at it ends the run.

    Not what is cut up among processes: gathering it would need the others, and they may go on.
    """
    try:
        yield
    except BaseException:
        if checkpoint and not (trainer.config.shard and world().size > 1):
            _save_or_warn(checkpoint, trainer, tokenizer, state)
        raise


def _finished(state: TrainState, config: TrainConfig) -> bool:
    out_of_time = config.seconds is not None and state.seconds >= config.seconds
    return out_of_time or state.step >= config.steps


def _total_steps(state: TrainState, config: TrainConfig) -> int:
    """Return how many steps the run will have: given, or reckoned from the pace so far."""
    if config.seconds is None or state.step == 0:
        return config.steps
    return min(config.steps, int(state.step * config.seconds / state.seconds))


@contextmanager
def _own_chance(seed: int, step: int, device: torch.device) -> Iterator[None]:
    """Let what a step draws by chance, as ConvNeXt's dropped paths, depend on the step and the process alone.

    A run that continues then draws what it would have drawn: ``test_dropped_paths_survive_a_restart``.
    """
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed((seed * 1_000_003 + step) * 4_099 + world().rank)
        yield


class _NoticingDeadWorkers:
    """Say what it means when a process that prepares batches dies.

    torch reports it by a signal, wherever the loop happens to be; a pipe that breaks may be noticed first.
    """

    def __init__(self, state: TrainState, workers: int) -> None:
        self.state, self.workers = state, workers

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        broken_pipe = self.workers > 0 and isinstance(error, ConnectionResetError | BrokenPipeError | EOFError)
        if broken_pipe or (isinstance(error, RuntimeError) and str(error).startswith("DataLoader worker")):
            raise RuntimeError(
                f"a process that prepares batches died at step {self.state.step} ({str(error).strip()}): most often "
                "the machine ran out of memory. Take fewer workers or a smaller batch; with a run folder, the run goes "
                "on from its last checkpoint"
            ) from error


def _leave_interrupts_to_the_main_process(worker: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """Turn a first Ctrl-C into a polite request; a second one interrupts at once, as usual."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():  # only the main thread may handle signals
        yield asked
        return
    usual = signal.getsignal(signal.SIGINT)

    def ask(signum: int, frame: object) -> None:
        asked.set()
        signal.signal(signal.SIGINT, usual)

    signal.signal(signal.SIGINT, ask)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, usual)
