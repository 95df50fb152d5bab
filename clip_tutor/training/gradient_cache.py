"""Gradient caching: a batch of any size in the memory of a small one, with the large one's gradients.

    1. micro-batches ─ model, no graph ─▶ all features (N, E)                 small: two vectors a pair
    2.                                    all features ─ loss ─▶ its gradient along each feature, (N, E): the cache
    3. micro-batches ─ model, graph ────▶ these features ◀─ their rows of the cache, pushed on into the weights

Every image still meets all N captions. Plain accumulation (a loss for each micro-batch, gradients summed up) saves
the same memory, but an image then meets the captions of its own micro-batch only: it is training with small batches.
The price is one more forward pass: about a third more time.

Source: Gao et al. 2021, section 3; the same idea is ``--accum-freq`` in open_clip ``train.py``.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel


def cached_backward(
    model: nn.Module,
    pixels: Tensor,
    ids: Tensor,
    loss: Callable[[Tensor, Tensor, Tensor], Tensor],
    micro_batch: int,
    precision: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> Tensor:
    """Add the gradients of a batch's loss to the parameters, and return the loss.

    BatchNorm, where the model has it, sees each micro-batch by itself: features then are not quite those of the whole
    batch, and their gradients belong to the features that were seen.

    Args:
        model: a `CLIP`, or one in DistributedDataParallel; it exchanges gradients once, with the last micro-batch.
        pixels: (B, 3, H, W), normalized.
        ids: (B, T); row i describes image i.
        loss: from (B, E) image features, (B, E) caption features and the scale to a scalar. A parameter that it uses
            by itself, as the sigmoid loss uses ``model.logit_bias``, gets its gradient, too.
        micro_batch: how many pairs a graph is held of at once.
        precision: makes the context in which the model runs, such as autocast.
    """
    micro_batches = list(zip(pixels.split(micro_batch), ids.split(micro_batch), strict=True))
    with _leaving_no_trace(model, pixels.device), torch.no_grad(), precision():
        images, texts, scales = zip(*(model(*part) for part in micro_batches), strict=True)
    scale = scales[0].requires_grad_()
    image_features = torch.cat(images).to(scale).requires_grad_()  # (B, E), leaves: the graph begins here
    text_features = torch.cat(texts).to(scale).requires_grad_()
    value = loss(image_features, text_features, scale)
    value.backward()
    assert image_features.grad is not None and text_features.grad is not None
    cache = zip(image_features.grad.split(micro_batch), text_features.grad.split(micro_batch), strict=True)
    # What the loss reached directly lies in no micro-batch's graph. It joins the last one with a gradient of zero, or
    # DistributedDataParallel would wait for it: ``test_two_processes_with_a_cache_equal_one_without``.
    lone = [parameter for parameter in model.parameters() if parameter.grad is not None]
    for n, (part, wanted) in enumerate(zip(micro_batches, cache, strict=True), start=1):
        last = n == len(micro_batches)
        with nullcontext() if last else _no_exchange(model):
            with precision():
                *features, own_scale = model(*part)
            reached = [(feature.to(scale), gradient) for feature, gradient in zip(features, wanted, strict=True)]
            if last:
                reached += [(own_scale, scale.grad), *((parameter, torch.zeros_like(parameter)) for parameter in lone)]
            reached = [pair for pair in reached if pair[0].requires_grad]  # the rest is frozen
            torch.autograd.backward([tensor for tensor, _ in reached], [gradient for _, gradient in reached])
    return value.detach()


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
