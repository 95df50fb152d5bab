"""What a run tells while it goes on: its history, the log in its folder, a progress bar, and whoever watches it."""

from __future__ import annotations

import time
from collections.abc import Callable

from tqdm.auto import tqdm

from clip_tutor.model import CLIP
from clip_tutor.training.config import Record, TrainState
from clip_tutor.training.groups import train_mode
from clip_tutor.training.log import RunLog
from clip_tutor.training.processes import world
from clip_tutor.training.run_folder import RunFolder
from clip_tutor.training.step import Step


class Recorder:
    """Writes records into the history and the log of a run, and calls what watches it. Enter it as a context.

    Args:
        folder: of the run, with its trainer.
        evaluate, evaluate_every, on_record: see `clip_tutor.training.train`.
    """

    def __init__(
        self,
        folder: RunFolder,
        state: TrainState,
        evaluate: Callable[[CLIP], Record] | None,
        evaluate_every: int,
        on_record: Callable[[list[Record]], None] | None,
    ) -> None:
        self.folder, self.state, self.trainer = folder, state, folder.trainer
        self.config = self.trainer.config
        self.evaluate, self.evaluate_every, self.on_record = evaluate, evaluate_every, on_record
        first = world().rank == 0
        self.log = RunLog(folder.path if first else None, state.history)
        self._bar = tqdm(initial=state.step, unit="step", disable=not first)
        self._pace = _Pace(self.config.batch_size, state.step)

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()
        self.log.close()

    def add(self, step: Step, lr: float, waited: float, stop: bool) -> None:
        """Move the progress bar on, and write a record if it is time for one; the last step always has one.

        Args:
            lr: the learning rate of the step.
            waited: seconds that this process has waited for batches so far.
            stop: this was the last step.
        """
        state = self.state
        self._bar.total = state.total_steps(self.config)
        self._bar.update()
        due = self.evaluate is not None and (stop or state.step % self.evaluate_every == 0)
        if not stop and (step.skipped or not (due or state.step % self.config.record_every == 0)):
            return
        record = self._record(step, lr, waited)
        state.history.append(record)
        if self.evaluate and due:
            with self.folder.saved_on_error(state):
                average, model = self.trainer.average, self.trainer.model
                figures = self.evaluate(average.model if average else model.eval())
                record |= {name: float(figure) for name, figure in figures.items()}
            train_mode(model)
            self._pace.since_last(state.step, waited)  # evaluating is neither waiting nor training
        self.log.add(state.history)
        self._bar.set_postfix_str(
            f"loss {record['loss']:.2f}, temperature 1/{record['logit_scale']:.0f}, "
            f"{record['pairs_per_second']:,.0f} pairs/s"
        )
        if self.on_record and world().rank == 0:
            with self.folder.saved_on_error(state, when=stop):
                self.on_record(state.history)

    def _record(self, step: Step, lr: float, waited: float) -> Record:
        state, scaler = self.state, self.trainer.scaler
        record = {
            "step": state.step,
            "seconds": state.seconds,
            "loss": step.loss,
            "logit_scale": step.logit_scale,
            "learning_rate": lr,
            "gradient_norm": step.gradient_norm,
            "batch_size": self.config.batch_size,
            **self._pace.since_last(state.step, waited),
            "skipped_steps": state.skipped_steps,
            "skipped_images": state.skipped_images,
        }
        if scaler.is_enabled():
            record |= {"loss_scale": scaler.get_scale(), "overflow_steps": state.overflow_steps}
        return record


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
