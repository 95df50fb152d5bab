"""SigLIP 2's training in its plainest form: which loss sees what, with which weight, and when.

    pixels ──┬─ patches ─┬─ MAP head ─▶ image vector ─┬─ sigmoid loss ─────────────────────────────┐
             │           │    caption ─▶ text vector ─┘                                            │
             │           └─ decoder ─▶ caption, box of words, words of a box ─ captioning losses ──┤  1
             │                                                                                     │
             └ in the last fifth ─┬─ large view ─┬─ teacher ────────┬──────────┐                   (+)─▶ loss
                                  │              └─ half hidden ─ student ─ masked prediction ─────┤  0.25 · 0.25
                                  └─ 8 small views ─────────────── student ─ self-distillation ────┘  1 · 0.25

The images themselves go into the first two losses throughout, never their views: a caption is about the whole image.
The step is that of `clip_tutor.training.plain`; after it, the teacher follows the student.

Source: Tschannen et al. 2025 (SigLIP 2), sections 2.2 and 2.3.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from clip_tutor.data.regions import RegionBatch, Rows, region_batch
from clip_tutor.data.scenes import Scenes
from clip_tutor.images.views import cut_out, random_rectangles
from clip_tutor.losses import sigmoid_loss
from clip_tutor.losses.captioning import captioning_loss, next_token_targets, predict_in_parallel
from clip_tutor.losses.masked_prediction import masked_prediction_loss, random_mask
from clip_tutor.losses.self_distillation import moved_center, self_distillation_loss
from clip_tutor.tokenizers.located import TASKS, LocatedTokenizer, Task
from clip_tutor.towers.patch_tokens import patch_tokens
from clip_tutor.training.config import Record, TrainConfig, TrainState
from clip_tutor.training.schedule import make_optimizer, warmup_cosine
from clip_tutor.training.siglip2_learner import SigLIP2Learner

Losses = dict[str, Tensor]


def train(
    learner: SigLIP2Learner,
    scenes: Scenes,
    located: LocatedTokenizer,
    config: TrainConfig,
    report: Callable[[Record], None] = print,
) -> list[Record]:
    """Train in place, and return a record of every ``config.record_every`` steps.

    The learning rate and the second stage follow the share of the training that is over: of ``config.steps``, or of
    ``config.seconds`` if that is less. Seconds are those of the processor, so that on a busy machine each arm still
    gets as much work done; give it one thread.

    Args:
        scenes: of the model's image size.
        located: makes the rows of the decoder; its words are the captions' tokenizer.
        config: of the settings, those of the batch, the length, the rate, the decay and the records.
        report: is told each record.
    """
    optimizer = make_optimizer(learner, config.weight_decay)
    state, second = TrainState(), False
    started = time.process_time()
    since: list[dict[str, float]] = []
    tasks = learner.config.tasks_per_image if learner.decoder else 0
    learner.train()
    while not state.finished(config):
        total = state.total_steps(config)
        if not second and state.step >= learner.config.second_stage * total and state.step:
            second = True
            learner.begin_second_stage()
        batch = region_batch(scenes, located, state.step, config.batch_size, tasks)
        lr = warmup_cosine(state.step, total, config.warmup_steps, config.learning_rate)
        generator = torch.Generator().manual_seed(config.seed << 32 | state.step)
        since.append(train_step(learner, optimizer, batch, located, lr, second, generator, config.max_grad_norm))
        state.step += 1
        state.seconds = time.process_time() - started
        if state.step % config.record_every == 0 or state.finished(config):
            means = {name: float(np.mean([one[name] for one in since if name in one])) for name in since[-1]}
            images = float(state.step * config.batch_size)
            record = {"step": state.step, "seconds": state.seconds, "images": images, "learning_rate": lr} | means
            state.history.append(record)
            report(record)
            since.clear()
    learner.eval()
    return state.history


def train_step(
    learner: SigLIP2Learner,
    optimizer: torch.optim.Optimizer,
    batch: RegionBatch,
    located: LocatedTokenizer,
    lr: float,
    second: bool,
    generator: torch.Generator,
    max_grad_norm: float = 1.0,
) -> dict[str, float]:
    """Learn from one batch, and return each loss, before its weight, and their weighted sum, "loss".

    Args:
        lr: the learning rate of this step.
        second: whether the second stage has begun.
        generator: where masks, views and parallel captions come from.
    """
    for group in optimizer.param_groups:
        group["lr"] = lr
    pixels = learner.model.config.preprocessing.normalize(batch.pixels)
    losses = losses_of_images(learner, pixels, batch.ids, batch.rows, located, generator)
    if second:
        losses |= losses_of_views(learner, pixels, generator)
    loss = weighted_sum(learner, losses)
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(learner.parameters(), max_grad_norm)
    optimizer.step()
    learner.model.clamp_logit_scale()
    if second:
        learner.follow()
    return {name: value.item() for name, value in losses.items()} | {"loss": loss.item()}


def losses_of_images(
    learner: SigLIP2Learner,
    pixels: Tensor,
    ids: Tensor,
    rows: Mapping[Task, Rows],
    located: LocatedTokenizer,
    generator: torch.Generator,
) -> Losses:
    """Return the sigmoid loss and, if there is a decoder, the loss of each of its tasks: those of both stages.

    Args:
        pixels: (B, 3, H, W), normalized: the images as they are.
        ids: (B, T), their captions.
        rows: of each task, what the decoder is told and asked for.
    """
    model, decoder = learner.model, learner.decoder
    tokens = patch_tokens(learner.tower, pixels)  # (B, N, D): computed once, read by pool and decoder
    image_features = F.normalize(learner.tower.head(tokens), dim=-1)
    text_features = model.encode_text(ids, normalize=True)
    assert model.logit_bias is not None  # the learner has looked
    losses = {"sigmoid": sigmoid_loss(image_features, text_features, model.log_logit_scale.exp(), model.logit_bias)}
    if not decoder:
        return losses
    for task, (images, row_ids, given) in rows.items():
        inputs, targets = next_token_targets(row_ids, given, located.end_id)  # (M, T) each
        share = learner.config.parallel if task == "caption" else 0.0
        parallel = torch.rand(len(inputs), generator=generator) < share  # (M,)
        inputs, visible = predict_in_parallel(inputs, parallel, located.mask_id)
        losses[task] = captioning_loss(decoder(inputs, tokens[images], visible), targets)
    return losses


def losses_of_views(learner: SigLIP2Learner, pixels: Tensor, generator: torch.Generator) -> Losses:
    """Return the losses of the second stage, those of them that are on, and move the centers.

    Args:
        pixels: (B, 3, H, W), normalized; if only a share of them is viewed, the first of them.
    """
    student, teacher, config = learner.student, learner.teacher, learner.config
    if not student or not teacher:
        return {}
    pixels = pixels[: math.ceil(config.viewed * len(pixels))]
    B, losses = len(pixels), Losses()
    whole = cut_out(pixels, random_rectangles(B, config.global_scale, generator), pixels.shape[-1])
    with torch.no_grad():
        seen = teacher(whole)
    if config.self_distillation:
        V = config.local_views
        parts = cut_out(pixels, random_rectangles(V * B, config.local_scale, generator), config.local_size)
        logits = student.image_logits(parts).unflatten(0, (V, B))  # (V, B, K)
        losses["self_distillation"] = self_distillation_loss(logits, seen.image[None], learner.center)
        learner.center.copy_(moved_center(learner.center, seen.image))
    if config.masks:
        masked = random_mask(B, seen.patches.shape[1], config.mask_ratio, generator)
        logits = student.patch_logits(whole, masked)  # (B, N, K)
        losses["masked"] = masked_prediction_loss(logits, seen.patches, masked, learner.patch_center)
        learner.patch_center.copy_(moved_center(learner.patch_center, seen.patches))
    return losses


def weighted_sum(learner: SigLIP2Learner, losses: Losses) -> Tensor:
    """Return what is minimized: the sum of all losses, each times its weight."""
    config = learner.config
    weights: dict[str, float] = {
        "sigmoid": 1.0,
        **dict.fromkeys(TASKS, config.captions_weight / len(TASKS)),
        "self_distillation": config.self_distillation_weight * config.size_factor,
        "masked": config.masks_weight * config.size_factor,
    }
    return torch.stack([weights[name] * loss for name, loss in losses.items()]).sum()
