"""Both losses over many processes: each holds B of the N = W · B pairs, and none ever holds the N × N table.

    softmax: gather              sigmoid: a ring
    ┌──────┬──────┐              rank 0 ─ captions ─▶ rank 1
    │ own rows: B × N            ▲                      │        after W - 1 hand-overs every image
    └──────┴──────┘              └───── captions ◀──────┘        has met every caption, B × B at a time

Each process returns the loss of the whole batch. Its gradients are those of its own share; averaged over processes,
as DistributedDataParallel does, they are the gradients of the whole batch.

Source: Radford et al. 2021, section 2.5 (each process scores only its own pairs); open_clip ``loss.py`` (local loss,
gather with gradients); Zhai et al. 2023 (SigLIP), section 3.3.
"""

from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor

from clip_tutor.losses.chunked import all_negatives_loss
from clip_tutor.losses.pairs import check_features
from clip_tutor.losses.sigmoid import sigmoid_loss
from clip_tutor.losses.softmax import contrastive_loss


def distributed_contrastive_loss(
    image_features: Tensor, text_features: Tensor, logit_scale: Tensor | float, label_smoothing: float = 0.0
) -> Tensor:
    """Return `contrastive_loss` of the pairs of all processes, from (B, E) vectors of this one.

    Every process must bring the same number B of pairs; its memory grows with B · N.
    """
    if _world_size() == 1:
        return contrastive_loss(image_features, text_features, logit_scale, label_smoothing)
    check_features(image_features, text_features)
    B = len(image_features)
    rows = logit_scale * image_features @ gather_with_gradient(text_features).T  # (B, N)
    columns = logit_scale * text_features @ gather_with_gradient(image_features).T  # (B, N)
    targets = torch.arange(B, device=rows.device) + B * dist.get_rank()  # this process' part of the diagonal
    by_row = F.cross_entropy(rows, targets, label_smoothing=label_smoothing)
    by_column = F.cross_entropy(columns, targets, label_smoothing=label_smoothing)
    return _mean_over_processes((by_row + by_column) / 2)


def ring_sigmoid_loss(
    image_features: Tensor, text_features: Tensor, logit_scale: Tensor | float, logit_bias: Tensor | float
) -> Tensor:
    """Return `sigmoid_loss` of the pairs of all processes, from (B, E) vectors of this one.

    Every process must bring the same number B of pairs; it never holds more than (B, B) logits.
    """
    total = sigmoid_loss(image_features, text_features, logit_scale, logit_bias)
    if _world_size() == 1:
        return total
    scaled, texts = logit_scale * image_features, text_features
    for _ in range(_world_size() - 1):
        texts = RingShift.apply(texts)  # (B, E), another process' captions: none belongs to an image here
        total = total + all_negatives_loss(scaled, texts, logit_bias) / len(texts)
    return _mean_over_processes(total)


def gather_with_gradient(features: Tensor) -> Tensor:
    """Return (N, E), the (B, E) rows of all processes in the order of their ranks, through which gradients return.

    ``torch.distributed.all_gather`` alone gives constants: a vector would then learn only from the rows of its own
    process, and not from those in which it is another one's negative.
    """
    return _Gather.apply(features)


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor) -> Tensor:
        """Return the features of the process before this one, as large as its own."""
        everyone = [torch.empty_like(features) for _ in range(_world_size())]
        dist.all_gather(everyone, features.contiguous())
        return torch.cat(everyone)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        """Return the gradient that the process after this one has found."""
        wanted = gradient.clone(memory_format=torch.contiguous_format)  # (N, E), by this process' loss
        dist.all_reduce(wanted)  # by everyone's
        return wanted.chunk(_world_size())[dist.get_rank()]


class RingShift(torch.autograd.Function):
    """Hands a tensor to the next process of the ring; its gradient comes back the other way."""

    @staticmethod
    def forward(ctx: Any, features: Tensor) -> Tensor:
        """Return the features of the process before this one, as large as its own."""
        return _hand_over(features, +1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        """Return the gradient that the process after this one has found."""
        return _hand_over(gradient, -1)


def _hand_over(tensor: Tensor, step: int) -> Tensor:
    """Send ``tensor`` ``step`` ranks on and return what arrives; both at once, for each waits for the other."""
    rank, world = dist.get_rank(), _world_size()
    outgoing, arriving = tensor.contiguous(), torch.empty_like(tensor, memory_format=torch.contiguous_format)
    exchange = [
        dist.P2POp(dist.isend, outgoing, (rank + step) % world),
        dist.P2POp(dist.irecv, arriving, (rank - step) % world),
    ]
    for request in dist.batch_isend_irecv(exchange):
        request.wait()
    return arriving


def _mean_over_processes(local: Tensor) -> Tensor:
    """Return the mean of all processes' values, with the gradient of this one's."""
    mean = local.detach().clone()
    dist.all_reduce(mean)
    return local + (mean / _world_size() - local).detach()


def _world_size() -> int:
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1
