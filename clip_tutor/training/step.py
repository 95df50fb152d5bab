"""One step of learning, twice: the plain form, and the one that stands up to many processes and to broken numbers.

    pixels, ids ─ model ─▶ features ─ loss ─▶ gradients ─ shorten ─▶ AdamW ─▶ clamp the temperature
                              │                   │
                              └─ a number that is not finite, in any process: no process moves its weights

``test_the_engine_takes_the_plain_step`` holds the two together.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from clip_tutor import losses
from clip_tutor.model import CLIP
from clip_tutor.training.config import MAX_GRAD_NORM, Precision, TrainConfig
from clip_tutor.training.ema import EMA
from clip_tutor.training.gradient_cache import cached_backward
from clip_tutor.training.groups import freeze
from clip_tutor.training.processes import all_reduce_unsharded_grads, any_rank, world, wrap_model
from clip_tutor.training.saving_memory import checkpoint_activations, compile_towers
from clip_tutor.training.schedule import make_optimizer
from clip_tutor.training.synced_batchnorm import synchronize_batchnorm

LossFunction = Callable[[Tensor, Tensor, Tensor], Tensor]  # (B, E), (B, E), scale → a scalar


def take_step(
    model: CLIP, optimizer: torch.optim.Optimizer, pixels: Tensor, ids: Tensor, lr: float
) -> tuple[Tensor, Tensor]:
    """Learn from one batch and return its loss and the scale it was measured with: the plain form.

    Args:
        pixels: (B, 3, H, W) uint8.
        ids: (B, T); row i describes image i.
        lr: the learning rate of this step.
    """
    for group in optimizer.param_groups:
        group["lr"] = lr
    with autocast(pixels.device):
        image_features, text_features, logit_scale = model(model.config.preprocessing.normalize(pixels), ids)
    loss = losses.contrastive_loss(image_features.float(), text_features.float(), logit_scale)
    optimizer.zero_grad()
    loss.backward()
    # A batch with a rare clash of captions can throw a small model far off: shorten such steps.
    torch.nn.utils.clip_grad_norm_(model.parameters(), MAX_GRAD_NORM)
    optimizer.step()
    model.clamp_logit_scale()
    return loss.detach(), logit_scale.detach()


class Step(NamedTuple):
    """What came of a step."""

    loss: float  # of the whole batch, over all processes; NaN where the step was skipped
    logit_scale: float
    gradient_norm: float  # before it was shortened
    nonfinite_rows: list[int] | None = (
        None  # None: a sound step. Else it was skipped, and these rows of the batch are suspect
    )


class NotFiniteError(ArithmeticError):
    """Some process' features are not finite numbers; ``rows`` says which of this process'."""

    def __init__(self, rows: list[int]) -> None:
        super().__init__(f"features of rows {rows} are not finite")
        self.rows = rows


class Trainer:
    """A model with everything that moves its weights.

    Args:
        model: in place, where its weights lie; all processes begin with those of process 0.

    Raises:
        ValueError: the settings do not go together, or ask for what the model or the processor lacks.
    """

    def __init__(self, model: CLIP, config: TrainConfig) -> None:
        _require_possible(config, model)
        self.model, self.config = model, config
        if config.freeze:
            freeze(model, config.freeze)
        if config.loss == "softmax" and model.logit_bias is not None:
            model.logit_bias.requires_grad_(False)  # added to every logit of a row alike, it cannot change a softmax
        if world().size > 1:
            synchronize_batchnorm(model)
        if config.checkpoint_activations:
            checkpoint_activations(model)
        if config.compile:
            compile_towers(model)
        self.towers: nn.Module = wrap_model(model, config.shard)
        self.optimizer = make_optimizer(model, config.weight_decay, config.layer_decay)
        self.average = EMA(model, config.ema) if config.ema is not None else None
        self._loss = loss_function(model, config)

    def step(self, pixels: Tensor, ids: Tensor, lr: float) -> Step:
        """Learn from this process' share of a batch: (B, 3, H, W) pixels and (B, T) ids."""
        for group in self.optimizer.param_groups:
            group["lr"] = lr * group["scale"]
        self.optimizer.zero_grad()
        # BatchNorm has seen the batch before anyone knows that it is nonfinite_rows.
        statistics = [buffer.clone() for buffer in self.model.buffers()]
        scale = self.model.log_logit_scale.detach().exp().item()
        try:
            loss = self._backward(self.model.config.preprocessing.normalize(pixels).to(self.model.log_logit_scale), ids)
            norm = clip_grad_norm(self.model, self.config.max_grad_norm)
            rows = [] if math.isfinite(norm) else list(range(len(ids)))
        except NotFiniteError as error:
            loss, norm, rows = torch.tensor(math.nan), math.nan, _suspects(pixels, error.rows)
        if not math.isfinite(norm):
            self.optimizer.zero_grad()
            for buffer, before in zip(self.model.buffers(), statistics, strict=True):
                buffer.copy_(before)
            return Step(math.nan, scale, norm, rows)
        self.optimizer.step()
        self.model.clamp_logit_scale()
        if self.average:
            self.average.update(self.model)
        return Step(loss.item(), scale, norm)

    def _backward(self, pixels: Tensor, ids: Tensor) -> Tensor:
        """Leave the gradients of the whole batch in the parameters, the same in every process; return the loss."""
        precision = partial(autocast, pixels.device, self.config.precision)
        if self.config.micro_batch:
            loss = cached_backward(self.towers, pixels, ids, self._guarded_loss, self.config.micro_batch, precision)
        else:
            with precision():
                image_features, text_features, logit_scale = self.towers(pixels, ids)
            loss = self._guarded_loss(image_features.to(logit_scale), text_features.to(logit_scale), logit_scale)
            loss.backward()
        if self.config.shard:
            all_reduce_unsharded_grads(self.model)
        return loss.detach()

    def _guarded_loss(self, image_features: Tensor, text_features: Tensor, logit_scale: Tensor) -> Tensor:
        finite = image_features.isfinite().all(dim=1) & text_features.isfinite().all(dim=1)  # (B,)
        if any_rank(~finite.all()):
            raise NotFiniteError((~finite).nonzero().flatten().tolist())
        return self._loss(image_features, text_features, logit_scale)


def loss_function(model: CLIP, config: TrainConfig) -> LossFunction:
    """Return the loss that ``config`` names, in the form that fits: plain, chunked or over several processes."""
    many, chunk, smoothing = world().size > 1, config.chunk_size, config.label_smoothing
    if config.loss == "softmax":
        if many:
            return partial(losses.distributed_contrastive_loss, label_smoothing=smoothing)
        if chunk:
            return partial(losses.chunked_contrastive_loss, label_smoothing=smoothing, chunk_size=chunk)
        return partial(losses.contrastive_loss, label_smoothing=smoothing)
    bias = model.logit_bias
    assert bias is not None  # `_require_possible` has looked
    if many:
        return lambda images, texts, scale: losses.ring_sigmoid_loss(images, texts, scale, bias)
    if chunk:
        return lambda images, texts, scale: losses.chunked_sigmoid_loss(images, texts, scale, bias, chunk)
    return lambda images, texts, scale: losses.sigmoid_loss(images, texts, scale, bias)


def clip_grad_norm(model: nn.Module, longest: float) -> float:
    """Scale all gradients so that together they are no longer than ``longest``; return how long they were."""
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    # Those that are cut up among processes are measured apart: their norm needs an exchange.
    kinds = [[g for g in gradients if isinstance(g, DTensor) is sharded] for sharded in (False, True)]
    norms = [torch.nn.utils.get_total_norm(kind) for kind in kinds if kind]
    norms = [norm.full_tensor() if isinstance(norm, DTensor) else norm for norm in norms]
    total = torch.stack(norms).norm()
    shortening = (longest / (total + 1e-6)).clamp(max=1.0)
    for gradient in gradients:
        gradient.mul_(shortening)
    return total.item()


def autocast(device: torch.device, precision: Precision = "auto") -> AbstractContextManager[object]:
    """Return a context that computes in bfloat16, if asked or if the hardware does so fast; weights stay in float32."""
    if precision == "bfloat16" or (precision == "auto" and computes_bfloat16(device)):
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return nullcontext()


def computes_bfloat16(device: torch.device) -> bool:
    """Return whether the processor multiplies bfloat16 in hardware; without it, a CPU takes a hundred times longer."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def _suspects(pixels: Tensor, rows: list[int]) -> list[int]:
    """Return the rows whose pixels are not finite, if there are any: BatchNorm spreads one NaN over a whole batch."""
    nonfinite_rows = (~pixels.isfinite().flatten(1).all(dim=1)).nonzero().flatten().tolist()
    return nonfinite_rows or rows


def _require_possible(config: TrainConfig, model: CLIP) -> None:
    device, processes = model.log_logit_scale.device, world().size
    if config.loss == "sigmoid" and model.logit_bias is None:
        raise ValueError(
            "the sigmoid loss learns a bias, and this model has none: build it with CLIPConfig(logit_bias=-10.0, "
            "logit_scale=10.0), or for small batches with a bias of -ln(batch size - 1)"
        )
    if config.loss == "sigmoid" and config.label_smoothing:
        raise ValueError("label smoothing belongs to the softmax loss: leave it out, or take loss='softmax'")
    if config.batch_size % processes:
        raise ValueError(
            f"a batch of {config.batch_size} cannot be shared out evenly among {processes} processes: take "
            f"{config.batch_size - config.batch_size % processes} or more in steps of {processes}"
        )
    if config.chunk_size and processes > 1:
        raise ValueError(
            "chunk_size is for one process: with several, each holds only its own rows of the logits anyway"
        )
    if config.ema is not None and config.shard:
        raise ValueError("an average of the weights (ema) needs them whole: leave out shard, or ema")
    if config.precision == "bfloat16" and not computes_bfloat16(device):
        raise ValueError(
            f"this {device.type} does not compute in bfloat16: it would emulate it, a hundred times slower. Take "
            "precision='auto' (bfloat16 where it is fast) or 'float32'"
        )
