"""Two ways to write the same image down, so that an optimizer can change it.

    PixelImage     a number for each pixel and color                   ─ sigmoid ─▶ 0..1
    FourierImage   a number for each wave ─ · 1/f ─ inverse FFT ─▶ …   ─ sigmoid ─▶ 0..1

Each wave of a Fourier image is multiplied with 1/f, f its frequency. So a step of the optimizer, which is as large for
every number, changes coarse waves most, and fine ones, in which noise lives, least
(``test_a_step_changes_coarse_waves_most``). Both hold the same images; only the way up is another.

Source: Olah, Mordvintsev and Schubert 2017, "Feature Visualization", section "Preconditioning and Parameterization";
tensorflow/lucid ``optvis/param/spatial.py``, function fft_image.
"""

import torch
from torch import Tensor, nn

START = 0.01  # the spread of the random numbers that an image begins with, as in lucid
_MAGNITUDE = 4.0  # lucid divides by it: waves and pixels are to begin about as strong


class PixelImage(nn.Module):
    """B square images, a free number for each pixel; ``forward()`` gives (B, 3, side, side) from 0 to 1.

    Args:
        side: H = W, in pixels.
        batch: B.
        seed: of the faint noise that they begin with, around the middle gray.
    """

    def __init__(self, side: int, batch: int = 1, seed: int = 0) -> None:
        super().__init__()
        random = torch.Generator().manual_seed(seed)
        self.logits = nn.Parameter(START * torch.randn(batch, 3, side, side, generator=random))

    def forward(self) -> Tensor:
        """Return (B, 3, H, W) pixels from 0 to 1."""
        return self.logits.sigmoid()


class FourierImage(nn.Module):
    """B square images, a free complex number for each wave; ``forward()`` gives (B, 3, side, side) from 0 to 1.

    Args:
        side: H = W, in pixels.
        batch: B.
        seed: of the noise that they begin with.
    """

    scale: Tensor

    def __init__(self, side: int, batch: int = 1, seed: int = 0) -> None:
        super().__init__()
        random = torch.Generator().manual_seed(seed)
        waves = (batch, 3, side, side // 2 + 1, 2)  # the other half is given by symmetry; real and imaginary part
        self.spectrum = nn.Parameter(START * torch.randn(waves, generator=random))
        self.register_buffer("scale", frequency_scale(side), persistent=False)

    def forward(self) -> Tensor:
        """Return (B, 3, H, W) pixels from 0 to 1."""
        waves = torch.view_as_complex(self.spectrum) * self.scale  # (B, 3, H, W // 2 + 1)
        side = self.spectrum.shape[2]
        return (torch.fft.irfft2(waves, s=(side, side), norm="ortho") / _MAGNITUDE).sigmoid()


def frequency_scale(side: int) -> Tensor:
    """Return (H, W // 2 + 1): 1/f for each wave of a square image, f in waves a pixel.

    The constant wave, whose f is 0, counts as the slowest one, 1 / side.
    """
    down = torch.fft.fftfreq(side)[:, None]  # (H, 1)
    across = torch.fft.rfftfreq(side)[None]  # (1, W // 2 + 1)
    f = (down**2 + across**2).sqrt().clamp(min=1 / side)
    return 1 / f
