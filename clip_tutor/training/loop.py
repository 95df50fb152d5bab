"""The training loop: draw a batch, compare it with itself, take a step, clamp the temperature; again.

scenes ─▶ (pixels, ids) ─▶ model ─▶ contrastive loss ─▶ gradients ─▶ AdamW ─▶ clamp
   ▲                                                                        │
   └───────────────────────── next batch ◀──────────────────────────────────┘
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import torch
from torch.utils.data import DataLoader
from tqdm.auto import tqdm

from clip_tutor.data.scenes import Scenes, SceneStream
from clip_tutor.embedding import device_of
from clip_tutor.losses import contrastive_loss
from clip_tutor.model import CLIP
from clip_tutor.tokenizers import BPETokenizer
from clip_tutor.training.checkpoints import restore_run, save_run
from clip_tutor.training.config import Progress, Record, TrainConfig
from clip_tutor.training.schedule import make_optimizer, warmup_cosine

CHECKPOINT = "checkpoint.safetensors"
LONGEST_GRADIENT = 1.0


def train(
    model: CLIP,
    tokenizer: BPETokenizer,
    scenes: Scenes,
    config: TrainConfig,
    run: str | Path | None = None,
    evaluate: Callable[[CLIP], Record] | None = None,
    evaluate_every: int = 100,
    on_record: Callable[[list[Record]], None] | None = None,
) -> list[Record]:
    """Train ``model`` in place, where its weights lie, and return the history of the run.

    Ctrl-C (or "interrupt kernel") ends the run after the step at hand: the model keeps what it learned.

    Args:
        scenes: where pairs come from; the picture size must be the model's.
        run: a folder for checkpoints. A run that was killed continues there, with the numbers it would have had.
        evaluate: called every ``evaluate_every`` steps and at the end; what it returns joins the record.
        on_record: called with the history so far after each record, to draw a live curve.

    Raises:
        ValueError: ``run`` holds a checkpoint of another model or other settings, or a damaged one.
    """
    device, optimizer, progress = device_of(model), make_optimizer(model, config.weight_decay), Progress()
    checkpoint = Path(run) / CHECKPOINT if run else None
    if checkpoint and checkpoint.exists():
        progress = restore_run(checkpoint, model, tokenizer, optimizer, config)
    stream = SceneStream(scenes, tokenizer, config.batch_size, start=progress.step)
    loader = iter(
        DataLoader(
            stream,
            batch_size=None,
            num_workers=config.workers,
            pin_memory=device.type == "cuda",
            worker_init_fn=_leave_interrupts_to_the_main_process,
        )
    )
    started, first_step = time.perf_counter() - progress.seconds, progress.step
    last_time, last_step = started + progress.seconds, first_step
    model.train()
    with _interruptible() as interrupted, tqdm(initial=first_step, unit="step") as bar:
        while not interrupted.is_set() and not _finished(progress, config):
            pixels, ids = next(loader)
            total = _total_steps(progress, config)
            rate = warmup_cosine(progress.step, total, config.warmup_steps, config.learning_rate)
            loss, logit_scale = take_step(model, optimizer, pixels.to(device), ids.to(device), rate)
            progress.step += 1
            now = time.perf_counter()
            progress.seconds = now - started
            bar.total = total
            bar.update()
            ending = interrupted.is_set() or _finished(progress, config)
            due = progress.step % evaluate_every == 0 if evaluate else False
            if progress.step % config.record_every == 0 or due or ending:
                record: Record = {
                    "step": progress.step,
                    "seconds": progress.seconds,
                    "loss": loss.item(),
                    "logit_scale": logit_scale.item(),
                    "learning_rate": rate,
                    "batch_size": config.batch_size,
                    "pairs_per_second": config.batch_size * (progress.step - last_step) / (now - last_time),
                }
                last_time, last_step = now, progress.step
                if evaluate and (ending or due):
                    record |= evaluate(model.eval())
                    model.train()
                progress.history.append(record)
                bar.set_postfix_str(
                    f"loss {record['loss']:.2f}, temperature 1/{record['logit_scale']:.0f}, "
                    f"{record['pairs_per_second']:,.0f} pairs/s"
                )
                if on_record:
                    on_record(progress.history)
            if checkpoint and progress.step % config.checkpoint_every == 0:
                save_run(checkpoint, model, tokenizer, optimizer, progress, config)
        if checkpoint and progress.step > first_step:  # however the run ended, even by Ctrl-C while a curve was drawn
            save_run(checkpoint, model, tokenizer, optimizer, progress, config)
    model.eval()
    return progress.history


def take_step(
    model: CLIP, optimizer: torch.optim.Optimizer, pixels: torch.Tensor, ids: torch.Tensor, rate: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Learn from one batch and return its loss and the scale it was measured with.

    Args:
        pixels: (B, 3, H, W) uint8.
        ids: (B, T); row i describes picture i.
        rate: the learning rate of this step.
    """
    for group in optimizer.param_groups:
        group["lr"] = rate
    with _precision(pixels.device):
        image_features, text_features, logit_scale = model(model.config.preprocessing.normalize(pixels), ids)
    loss = contrastive_loss(image_features.float(), text_features.float(), logit_scale)
    optimizer.zero_grad()
    loss.backward()
    # A batch with a rare clash of captions can throw a small model far off: shorten such steps.
    torch.nn.utils.clip_grad_norm_(model.parameters(), LONGEST_GRADIENT)
    optimizer.step()
    model.clamp_logit_scale()
    return loss.detach(), logit_scale.detach()


def _finished(progress: Progress, config: TrainConfig) -> bool:
    out_of_time = config.seconds is not None and progress.seconds >= config.seconds
    return out_of_time or progress.step >= config.steps


def _total_steps(progress: Progress, config: TrainConfig) -> int:
    """Return how many steps the run will have: given, or reckoned from the pace so far."""
    if config.seconds is None or progress.step == 0:
        return config.steps
    return min(config.steps, int(progress.step * config.seconds / progress.seconds))


def _precision(device: torch.device) -> AbstractContextManager[object]:
    """bfloat16 where a GPU computes it fast, float32 elsewhere; weights and loss stay in float32."""
    if device.type == "cuda" and torch.cuda.is_bf16_supported():
        return torch.autocast("cuda", dtype=torch.bfloat16)
    return nullcontext()


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
