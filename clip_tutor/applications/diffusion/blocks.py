"""The parts of the U-Net: where in time an image is, what is in it nearby, and what the caption says about it.

    x (B, C, H, W) ─ GroupNorm, SiLU, conv ─(+ time)─ GroupNorm, SiLU, conv ─(+ x)─▶      ResidualBlock
    x ─ pixels as tokens (B, H·W, C) ─ cross-attention to all T states ─ Block ─▶ x        TextBlock

A convolution sees neighbors, attention sees the whole image, and cross-attention sees the words. As in Stable Diffusion
the caption comes in nowhere else.

Whatever is added to x is 0 at first: the last layer of each branch begins with zeros. A deep stack of fresh blocks then
passes its input on, and learning begins at once instead of waiting until they stop disturbing each other:
``test_fresh_blocks_pass_their_input_on``.

Sources: Ho et al. 2020, section 4 and appendix B; Rombach et al. 2022, "High-Resolution Image Synthesis with Latent
Diffusion Models", section 3.3 and appendix E.2.1; openai/guided-diffusion ``nn.py``, zero_module.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clip_tutor.towers.attention import Block
from clip_tutor.towers.cross_attention import CrossAttention

GROUPS = 8  # of channels, which GroupNorm brings to mean 0 and variance 1 together


def timestep_embedding(t: Tensor, width: int) -> Tensor:
    """Return (B, width): each timestep as cosines and sines, from fast waves to slow ones.

    Args:
        t: (B,).
        width: an even number.

    Source: Vaswani et al. 2017, section 3.5, in the order of Stable Diffusion.
    """
    half = width // 2
    frequencies = torch.exp(-math.log(10_000) * torch.arange(half, device=t.device) / half)  # (width / 2,)
    angles = t[:, None] * frequencies  # (B, width / 2)
    return torch.cat([angles.cos(), angles.sin()], dim=1)


class ResidualBlock(nn.Module):
    """Two convolutions with a way around them; between the two the block is told the time.

    Args:
        in_channels, out_channels: multiples of 8.
        time_width: of the embedded timestep.
    """

    def __init__(self, in_channels: int, out_channels: int, time_width: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(GROUPS, in_channels)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.time = nn.Linear(time_width, out_channels)
        self.norm2 = nn.GroupNorm(GROUPS, out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        same = in_channels == out_channels
        self.shortcut = nn.Identity() if same else nn.Conv2d(in_channels, out_channels, 1)
        begin_with_zeros(self.conv2)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """Return (B, out_channels, H, W) from (B, in_channels, H, W) and (B, time_width)."""
        found = self.conv1(F.silu(self.norm1(x))) + self.time(time)[:, :, None, None]
        return self.shortcut(x) + self.conv2(F.silu(self.norm2(found)))


class TextBlock(nn.Module):
    """Each place of the image looks at every token of the caption, padding included, then at all other places.

    Args:
        width: C, the channels of the image here and the width of its tokens.
        text_width: D, of the token states.
        heads: K; divides the width.
    """

    def __init__(self, width: int, text_width: int, heads: int) -> None:
        super().__init__()
        self.ln = nn.LayerNorm(width)
        self.attention = CrossAttention(width, text_width, heads, width // heads)
        self.block = Block(width, heads, "gelu")
        for last in (self.attention.out, self.block.attention.out, self.block.mlp.fc2):
            begin_with_zeros(last)

    def forward(self, x: Tensor, states: Tensor) -> Tensor:
        """Return (B, C, H, W) from images of that shape and states (B, T, D)."""
        places = x.flatten(2).transpose(1, 2)  # (B, H·W, C)
        places = places + self.attention(self.ln(places), states)
        return self.block(places).transpose(1, 2).unflatten(2, x.shape[2:])  # (B, C, H, W)


def begin_with_zeros(layer: nn.Module) -> None:
    """Set a layer's weights and biases to 0."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
