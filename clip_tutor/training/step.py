"""One step of the engine: `plain.train_step`, made to stand up to many processes, half precision and broken numbers.

    pixels, ids ─ model ─▶ features ─ loss ─▶ gradients ─ clip ─▶ AdamW ─▶ clamp the temperature
                              │                   │
                              └─ a number that is not finite, in any process: no process moves its weights

``test_the_engine_takes_the_plain_step`` holds the two together.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from clip_tutor.model import CLIP, CLIPOutput
from clip_tutor.training.config import TrainConfig
from clip_tutor.training.ema import EMA
from clip_tutor.training.gradient_cache import cached_backward
from clip_tutor.training.groups import freeze
from clip_tutor.training.loss import NO_BIAS, loss_function
from clip_tutor.training.precision import autocast, make_scaler, require_precision, resolve_precision
from clip_tutor.training.processes import all_reduce_unsharded_grads, any_rank, world, wrap_model
from clip_tutor.training.saving_memory import checkpoint_activations, compile_towers
from clip_tutor.training.schedule import make_optimizer
from clip_tutor.training.synced_batchnorm import synchronize_batchnorm

LOWEST_LOSS_SCALE = 1.0  # where gradients overflow even so, the loss scale is not the reason


class Step(NamedTuple):
    """What came of a step."""

    loss: float  # of the whole batch, over all processes; NaN where the batch is suspect
    logit_scale: float
    gradient_norm: float  # before it was clipped
    nonfinite_rows: list[int] | None = None  # not None: the step was skipped, and these rows of the batch are suspect
    overflow: bool = False  # the step was skipped, because gradients overflowed float16 at this loss scale

    @property
    def skipped(self) -> bool:
        """Whether no weight moved."""
        return self.nonfinite_rows is not None or self.overflow


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
        if config.efficiency.checkpoint_activations:
            checkpoint_activations(model)
        if config.efficiency.compile:
            compile_towers(model)
        self.towers: nn.Module = wrap_model(model, config.efficiency.shard)
        self.optimizer = make_optimizer(model, config.weight_decay, config.layer_decay)
        self.scaler = make_scaler(model.log_logit_scale.device, config.efficiency.precision)
        self.average = EMA(model, config.ema) if config.ema is not None else None
        self._loss = loss_function(config)

    def step(self, pixels: Tensor, ids: Tensor, lr: float) -> Step:
        """Learn from this process' share of a batch: (B, 3, H, W) pixels and (B, T) ids."""
        for group in self.optimizer.param_groups:
            group["lr"] = lr * group["scale"]
        self.optimizer.zero_grad()
        # BatchNorm moves its running statistics in the forward pass, before it is known whether the step is skipped.
        statistics = [buffer.clone() for buffer in self.model.buffers()]
        logit_scale = self.model.log_logit_scale.detach().exp().item()
        try:
            loss = self._backward(self.model.config.preprocessing.normalize(pixels).to(self.model.log_logit_scale), ids)
        except NotFiniteError as error:
            self._undo(statistics)
            return Step(math.nan, logit_scale, math.nan, _suspects(pixels, error.rows))
        self.scaler.unscale_(self.optimizer)
        norm = clip_grad_norm(self.model, self.config.max_grad_norm)
        if not math.isfinite(norm):
            overflow = math.isfinite(loss.item()) and self._may_lower_loss_scale()
            self.scaler.update()  # halves the loss scale
            self._undo(statistics)
            if overflow:
                return Step(loss.item(), logit_scale, norm, overflow=True)
            return Step(math.nan, logit_scale, norm, list(range(len(ids))))
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.model.clamp_logit_scale()
        if self.average:
            self.average.update(self.model)
        return Step(loss.item(), logit_scale, norm)

    def _backward(self, pixels: Tensor, ids: Tensor) -> Tensor:
        """Leave the gradients of the whole batch in the parameters, the same in every process; return the loss.

        With float16 the gradients are multiplied by the loss scale.
        """
        efficiency = self.config.efficiency
        precision = partial(autocast, pixels.device, efficiency.precision)
        if efficiency.micro_batch:
            loss = cached_backward(
                self.towers, pixels, ids, self._guarded_loss, efficiency.micro_batch, precision, self.scaler
            )
        else:
            with precision():
                output: CLIPOutput = self.towers(pixels, ids)
            images, texts, scale = (tensor.to(output.logit_scale) for tensor in output[:3])
            loss = self._guarded_loss(CLIPOutput(images, texts, scale, output.logit_bias))
            self.scaler.scale(loss).backward()
        if efficiency.shard:
            all_reduce_unsharded_grads(self.model)
        return loss.detach()

    def _guarded_loss(self, output: CLIPOutput) -> Tensor:
        finite = output.image_features.isfinite().all(dim=1) & output.text_features.isfinite().all(dim=1)  # (B,)
        if any_rank(~finite.all()):
            raise NotFiniteError((~finite).nonzero().flatten().tolist())
        return self._loss(output)

    def _may_lower_loss_scale(self) -> bool:
        return self.scaler.is_enabled() and self.scaler.get_scale() > LOWEST_LOSS_SCALE

    def _undo(self, statistics: list[Tensor]) -> None:
        """Leave the model as it was before the step."""
        self.optimizer.zero_grad()
        for buffer, before in zip(self.model.buffers(), statistics, strict=True):
            buffer.copy_(before)


def clip_grad_norm(model: nn.Module, max_norm: float) -> float:
    """Scale all gradients so that their norm is at most ``max_norm``, and return what it was.

    This is ``torch.nn.utils.clip_grad_norm_`` where weights may be cut up among processes.
    """
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    # Those that are cut up among processes are measured apart: their norm needs an exchange.
    kinds = [[g for g in gradients if isinstance(g, DTensor) is sharded] for sharded in (False, True)]
    norms = [torch.nn.utils.get_total_norm(kind) for kind in kinds if kind]
    norms = [norm.full_tensor() if isinstance(norm, DTensor) else norm for norm in norms]
    total = torch.stack(norms).norm()
    coefficient = (max_norm / (total + 1e-6)).clamp(max=1.0)
    for gradient in gradients:
        gradient.mul_(coefficient)
    return total.item()


def _suspects(pixels: Tensor, rows: list[int]) -> list[int]:
    """Return the rows whose pixels are not finite, if there are any: BatchNorm spreads one NaN over a whole batch."""
    nonfinite_rows = (~pixels.isfinite().flatten(1).all(dim=1)).nonzero().flatten().tolist()
    return nonfinite_rows or rows


def _require_possible(config: TrainConfig, model: CLIP) -> None:
    """Check what the settings alone do not tell: the model, the processor and the number of processes."""
    device, processes = model.log_logit_scale.device, world().size
    if config.loss == "sigmoid" and model.logit_bias is None:
        raise ValueError(NO_BIAS)
    if config.batch_size % processes:
        raise ValueError(
            f"a batch of {config.batch_size} cannot be shared out evenly among {processes} processes: take "
            f"{config.batch_size - config.batch_size % processes} or more in steps of {processes}"
        )
    if config.efficiency.chunk_size and processes > 1:
        raise ValueError(
            "chunk_size is for one process: with several, each holds only its own rows of the logits anyway"
        )
    require_precision(device, config.efficiency.precision)
    # What "auto" stands for here must go together with the other settings, too.
    replace(config.efficiency, precision=resolve_precision(device, config.efficiency.precision))
