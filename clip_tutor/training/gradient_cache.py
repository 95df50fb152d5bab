"""Gradient caching: a batch of any size in the memory of a small one, with the large one's gradients.

    1. micro-batches ─ model, no graph ─▶ all features (N, E)                 small: two vectors a pair
    2.                                    all features ─ loss ─▶ its gradient along each feature, (N, E): the cache
    3. micro-batches ─ model, graph ────▶ these features ◀─ their rows of the cache, pushed on into the weights

Every image still meets all N captions. Plain accumulation (a loss for each micro-batch, gradients summed up) saves
the same memory, but an image then meets the captions of its own micro-batch only: it is training with small batches.
The price is one more forward pass: about a third more time.

Source: Gao et al. 2021, section 3; the same idea is ``--accum-freq`` in open_clip ``train.py``.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from clip_tutor.model import CLIPOutput
from clip_tutor.training.loss import LossFunction


def cached_backward(
    model: nn.Module,
    pixels: Tensor,
    ids: Tensor,
    loss: LossFunction,
    micro_batch: int,
    precision: Callable[[], AbstractContextManager[object]] = nullcontext,
    scaler: torch.amp.GradScaler | None = None,
) -> Tensor:
    """Add the gradients of a batch's loss to the parameters, and return the loss.

    BatchNorm, where the model has it, sees each micro-batch by itself: features then are not quite those of the whole
    batch, and their gradients belong to the features that were seen.

    Args:
        model: a `CLIP`, or one in DistributedDataParallel; it exchanges gradients once, with the last micro-batch.
        pixels: (B, 3, H, W), normalized.
        ids: (B, T); row i describes image i.
        loss: from the model's output for all B pairs to a scalar.
        micro_batch: how many pairs a graph is held of at once.
        precision: makes the context in which the model runs, such as autocast.
        scaler: multiplies the loss before the backward pass, for float16; the loss is returned as it is.
    """
    micro_batches = list(zip(pixels.split(micro_batch), ids.split(micro_batch), strict=True))
    with _leaving_no_trace(model, pixels.device), torch.no_grad(), precision():
        whole = _joined([model(*part) for part in micro_batches])
    inputs = [tensor.requires_grad_() for tensor in whole if tensor is not None]  # the graph of the loss begins here
    value = loss(whole)
    scaled = scaler.scale(value) if scaler else value
    image_gradient, text_gradient, *scalars = torch.autograd.grad(scaled, inputs, allow_unused=True)
    cache = zip(image_gradient.split(micro_batch), text_gradient.split(micro_batch), strict=True)  # (b, E) each
    for n, (part, features) in enumerate(zip(micro_batches, cache, strict=True), start=1):
        last = n == len(micro_batches)
        with nullcontext() if last else _no_exchange(model):
            with precision():
                output: CLIPOutput = model(*part)
            # Scale and bias are the same in all micro-batches: their gradients are for the whole batch, and go in once.
            _backward(output, [*features, *scalars] if last else features)
    return value.detach()


def _joined(outputs: Sequence[CLIPOutput]) -> CLIPOutput:
    """Return one output for all pairs, its features in the type of the scale; nothing in it has a graph."""
    scale, bias = outputs[0].logit_scale, outputs[0].logit_bias
    images = torch.cat([output.image_features for output in outputs]).to(scale)  # (B, E)
    texts = torch.cat([output.text_features for output in outputs]).to(scale)  # (B, E)
    return CLIPOutput(images, texts, scale, None if bias is None else bias.detach())


def _backward(output: CLIPOutput, gradients: Sequence[Tensor | None]) -> None:
    """Push the gradients of the first parts of an output on into the parameters behind them, where they learn."""
    reached = [
        (tensor, gradient.to(tensor))
        for tensor, gradient in zip(output, gradients, strict=False)
        if tensor is not None and tensor.requires_grad and gradient is not None
    ]
    torch.autograd.backward([tensor for tensor, _ in reached], [gradient for _, gradient in reached])


@contextmanager
def _leaving_no_trace(model: nn.Module, device: torch.device) -> Iterator[None]:
    """Run the model without moving BatchNorm's running statistics or the random numbers that dropout draws."""
    buffers = [buffer.clone() for buffer in model.buffers()]
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        yield
    with torch.no_grad():
        for buffer, before in zip(model.buffers(), buffers, strict=True):
            buffer.copy_(before)


def _no_exchange(model: nn.Module) -> AbstractContextManager[object]:
    return model.no_sync() if isinstance(model, DistributedDataParallel) else nullcontext()
