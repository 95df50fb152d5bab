"""What notebook 05 gives its learners to build with: a convolution with its BatchNorm, and the stem."""

import torch.nn.functional as F
from torch import Tensor, nn


class MyConvNorm(nn.Module):
    """A convolution without bias, and the BatchNorm behind it."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1) -> None:
        """Make the two; kernel_size is odd, and the padding keeps the size of the image at stride 1."""
        super().__init__()
        # BatchNorm subtracts the mean of each channel, so a bias in the convolution could change nothing.
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding=kernel_size // 2, bias=False)
        self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, out_channels, H/stride, W/stride) from (B, in_channels, H, W)."""
        return self.norm(self.conv(x))


class MyStem(nn.Module):
    """CLIP's stem: three small convolutions, then the mean of each 2 × 2."""

    def __init__(self, width: int) -> None:
        """Make the convolutions; width channels go out."""
        super().__init__()
        self.conv1 = MyConvNorm(3, width // 2, kernel_size=3, stride=2)
        self.conv2 = MyConvNorm(width // 2, width // 2, kernel_size=3)
        self.conv3 = MyConvNorm(width // 2, width, kernel_size=3)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return (B, width, H/4, W/4) from (B, 3, H, W)."""
        x = F.relu(self.conv1(pixels))  # (B, width/2, H/2, W/2)
        x = F.relu(self.conv3(F.relu(self.conv2(x))))  # (B, width, H/2, W/2)
        return F.avg_pool2d(x, kernel_size=2)
