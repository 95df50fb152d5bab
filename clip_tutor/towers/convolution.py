"""What the convolutional towers share: convolution with BatchNorm, squeeze-and-excitation, dropping paths.

    training     x ─ convolution ─ mean and spread of this batch ─ scale, shift ─▶
    evaluation   x ─ convolution with scale and shift already inside ─▶

Source of both forms: Ioffe and Szegedy 2015, algorithms 1 and 2.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clip_tutor.towers.checks import check_pixels


class ConvNorm(nn.Module):
    """A convolution without bias, and the BatchNorm behind it, which brings a bias of its own.

    Args:
        in_channels, out_channels: C, the number of channels that come in and go out.
        kernel_size: the side of the window, in pixels.
        stride: 2 halves height and width.
        groups: 1: every output sees all inputs. As many as channels ("depthwise"): each sees only its own.
        padding: zeros around the image; by default as many as keep its size at stride 1.
        eps, momentum: BatchNorm's; the momentum is the share of the newest batch in the running figures.

    Source: Ioffe and Szegedy 2015, section 3.2.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        groups: int = 1,
        padding: int | None = None,
        eps: float = 1e-5,
        momentum: float = 0.1,
    ) -> None:
        super().__init__()
        padding = kernel_size // 2 if padding is None else padding
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(out_channels, eps, momentum)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, out_channels, H/stride, W/stride) from (B, in_channels, H, W).

        In evaluation BatchNorm is one fixed line per channel, so convolution and BatchNorm together are again
        a convolution. Folding them saves a walk over the image and costs a walk over the weights, so it is
        done where the weights are fewer: ``test_folded_batchnorm_changes_nothing``.
        """
        conv, norm = self.conv, self.norm
        if norm.training or conv.weight.numel() > x.numel():
            return norm(conv(x))
        assert norm.running_mean is not None and norm.running_var is not None
        scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)  # (out_channels,)
        shift = norm.bias - norm.running_mean * scale  # (out_channels,)
        weight = conv.weight * scale.view(-1, 1, 1, 1)  # (out_channels, in_channels/groups, kernel_size, kernel_size)
        return F.conv2d(x, weight, shift, conv.stride, conv.padding, groups=conv.groups)


class HalvingPad(nn.ZeroPad2d):
    """Zeros for a convolution of stride 2: one row and column less above and left than below and right.

    That is what TensorFlow does with images of even size, where PyTorch would pad all sides alike and look one
    pixel further up and left: ``test_stride_two_looks_down_and_right``. ALIGN does it for every size.
    """

    def __init__(self, kernel_size: int) -> None:
        less, more = kernel_size // 2 - 1, kernel_size // 2
        super().__init__((less, more, less, more))


class SqueezeExcitation(nn.Module):
    """Turn each channel up or down by what the whole image shows: squeeze to one number, excite with a factor.

    Source: Hu et al. 2018, section 3, where the activation is ReLU, as in NFNet; EfficientNet's is smooth.
    """

    def __init__(self, channels: int, hidden: int, activation: Callable[[Tensor], Tensor] = F.silu) -> None:
        super().__init__()
        self.activation = activation
        self.reduce = nn.Conv2d(channels, hidden, kernel_size=1)
        self.expand = nn.Conv2d(hidden, channels, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, C, H, W) from (B, C, H, W)."""
        squeezed = x.mean(dim=(2, 3), keepdim=True)  # (B, C, 1, 1)
        return x * self.expand(self.activation(self.reduce(squeezed))).sigmoid()  # factors between 0 and 1


class DropPath(nn.Module):
    """In training, skip a residual branch for some images of the batch, as if the block were not there.

    What remains is scaled up, so that the mean stays the same. Source: Huang et al. 2016, "Deep Networks with
    Stochastic Depth"; there per batch, here per image.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, branch: Tensor) -> Tensor:
        """Return a tensor of the same shape, in training with some images all zero."""
        if not self.training or self.rate == 0:
            return branch
        keep = 1 - self.rate
        kept = branch.new_empty(len(branch), *[1] * (branch.ndim - 1)).bernoulli_(keep)  # (B, 1, 1, 1)
        return branch * (kept / keep)


def channels_last(pixels: Tensor, image_size: int) -> Tensor:
    """Return the same (B, 3, H, W) images, laid out in memory pixel by pixel: convolutions run faster so.

    Raises:
        ValueError: the images do not have the size that the tower was built for.
    """
    check_pixels(pixels, image_size)
    return pixels.contiguous(memory_format=torch.channels_last)
