"""BatchNorm over the whole batch, however many processes share it.

    process 0   x (B/2, C, H, W) ─ n, mean, M2 ─╮                        ╭─ normalize ─▶
                                                ├─ gather, pool: one mean ┤
    process 1   x (B/2, C, H, W) ─ n, mean, M2 ─╯   and variance of all  ╰─ normalize ─▶

BatchNorm makes every image's vector depend on the images beside it. Two processes that each normalize their own
half of a batch therefore compute another function than one process with all of it, and learn other weights.
``torch.nn.SyncBatchNorm`` solves this on GPUs and refuses tensors on a CPU; this form runs on both.
"""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn


class SyncedBatchNorm2d(nn.BatchNorm2d):
    """``nn.BatchNorm2d`` whose mean and variance in training are those of all processes' images together.

    Alone, or in evaluation, it is its parent. Every process must call it equally often: each forward and each backward
    pass waits for the others once. Source: Ioffe and Szegedy 2015, algorithm 1; Chan et al. 1979, equation 2.1, for
    pooling.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, C, H, W) from this process' (B, C, H, W); B may differ from process to process."""
        if not self.training or not dist.is_initialized() or dist.get_world_size() == 1:
            return super().forward(x)
        self._check_input_dim(x)
        y, mean, variance, count = _NormalizeTogether.apply(x, self.weight, self.bias, self.eps)
        with torch.no_grad():
            assert self.running_mean is not None and self.running_var is not None and self.momentum is not None
            assert self.num_batches_tracked is not None
            self.num_batches_tracked.add_(1)
            self.running_mean.lerp_(mean.to(self.running_mean), self.momentum)
            # As torch has it: normalize with the batch's own variance (/ n), remember the population's (/ (n - 1)).
            unbiased = variance * (count / (count - 1))
            self.running_var.lerp_(unbiased.to(self.running_var), self.momentum)
        return y


def synchronize_batchnorm(model: nn.Module) -> None:
    """Let every ``nn.BatchNorm2d`` of the model count over all processes, in place.

    Parameters, buffers and names stay the very same, so optimizers and checkpoints notice nothing.
    """
    for module in model.modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = SyncedBatchNorm2d  # it holds nothing that its parent does not


class _NormalizeTogether(torch.autograd.Function):
    """The normalization and its gradient. One collective each way."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return y like x, and mean (C,), variance (C,) and the number of values () of the whole batch."""
        values = x.to(weight.dtype)  # under autocast x is in half precision, in which sums lose their digits
        n = x.numel() // x.shape[1]
        variance, mean = torch.var_mean(values, dim=(0, 2, 3), correction=0)  # (C,), (C,)
        ours = torch.cat([mean, variance * n, mean.new_tensor([n])])  # (2C + 1,)
        everyone = [torch.empty_like(ours) for _ in range(dist.get_world_size())]
        dist.all_gather(everyone, ours)
        means, squares, counts = torch.stack(everyone).split([len(mean), len(mean), 1], dim=1)  # a row a process
        count = counts.sum()
        mean = (counts * means).sum(dim=0) / count  # (C,)
        # The mean of x² minus the square of the mean would cancel to noise where the mean is large. Distances from
        # the mean do not: ``test_processes_together_equal_one``.
        variance = (squares + counts * (means - mean) ** 2).sum(dim=0) / count  # (C,)
        rate = torch.rsqrt(variance + eps)  # (C,)
        ctx.save_for_backward(x, weight, mean, rate, count)
        y = _along_channels(rate * weight) * (values - _along_channels(mean)) + _along_channels(bias)
        ctx.mark_non_differentiable(mean, variance, count)
        return y.to(x.dtype), mean, variance, count

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        """Return the gradients for x, weight and bias.

        Each value moved the mean and variance of every process, so the two sums that say how much must be everyone's.
        Weight and bias get this process' share: averaging them is left to whoever averages all parameters.
        """
        x, weight, mean, rate, count = ctx.saved_tensors
        gradient = gradients[0].to(weight.dtype)  # (B, C, H, W)
        normal = (x.to(weight.dtype) - _along_channels(mean)) * _along_channels(rate)  # (B, C, H, W)
        for_bias, for_weight = gradient.sum(dim=(0, 2, 3)), (gradient * normal).sum(dim=(0, 2, 3))  # (C,), (C,)
        everyone = torch.stack([for_bias, for_weight])  # (2, C)
        dist.all_reduce(everyone)
        by_mean, by_variance = everyone / count
        for_x = gradient - _along_channels(by_mean) - normal * _along_channels(by_variance)
        return (for_x * _along_channels(rate * weight)).to(x.dtype), for_weight, for_bias, None


def _along_channels(values: Tensor) -> Tensor:
    """Return (1, C, 1, 1) from (C,)."""
    return values.view(1, -1, 1, 1)
