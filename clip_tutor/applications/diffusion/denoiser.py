"""The denoiser: a small U-Net that is shown a noisy image, the time and a caption, and says what is noise in it.

    x_t 32×32 ─ stem ─ level ───────────────────── skip ─────────────────▶ level ─ out ─▶ ε, x_0 or v
                         └ 16×16 ─ level ───────── skip ────────▶ level ─ up ─┘
                                     └ 8×8 ─ level ─ middle ─ up ─┘
                                                                     a level: ResidualBlock, TextBlock

Down the left side the image becomes smaller and its places know more; up the right side it grows again, and what the
left side saw at each size comes in beside it. The first level has no TextBlock: with 32×32 places, 1024 of them would
look at each other, and that is 16 times as many pairs as in the level below.

With ``patch_size`` 2 the stem reads 2×2 pixels as one place of 12 numbers. The first level then has a quarter of the
places, and three times as many channels cost no more. Stable Diffusion saves in the same way, with an autoencoder whose
places stand for 8×8 pixels.

The noise schedule belongs to the weights: in another schedule the same t means another amount of noise, and the
denoiser would take off too much or too little without a sign. So ᾱ is kept among the weights, training and sampling
read it from there, and a checkpoint of another schedule is refused: ``test_weights_of_another_schedule_are_refused``.

Source: Rombach et al. 2022, section 3.3; CompVis/stable-diffusion ``ldm/modules/diffusionmodules/openaimodel.py``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clip_tutor.applications.diffusion.blocks import (
    GROUPS,
    ResidualBlock,
    TextBlock,
    begin_with_zeros,
    timestep_embedding,
)
from clip_tutor.applications.diffusion.prediction import Prediction, check_prediction
from clip_tutor.applications.diffusion.schedule import ScheduleName, alphas_cumprod
from clip_tutor.towers.cross_attention import CrossAttention, collect_maps


@dataclass(frozen=True)
class DenoiserConfig:
    """The shape of a denoiser, and what it is trained to say."""

    text_width: int  # D, of the token states
    image_size: int = 32  # H = W, in pixels
    patch_size: int = 1  # P: the side of the square of pixels that is one place of the first level
    widths: tuple[int, ...] = (32, 64, 64)  # channels of each level, from the first down; each is half the size
    depth: int = 1  # how many levels stand one behind another at the smallest size
    heads: int = 4  # K
    prediction: Prediction = "v"
    schedule: ScheduleName = "cosine"

    def __post_init__(self) -> None:
        check_prediction(self.prediction)
        if self.patch_size < 1 or self.image_size % self.patch_size:
            raise ValueError(
                f"{self.image_size} pixels cannot be cut into patches of {self.patch_size}: take a patch_size that "
                "divides the image_size"
            )
        places = self.image_size // self.patch_size
        if len(self.widths) < 2 or places % 2 ** (len(self.widths) - 1):
            raise ValueError(
                f"{len(self.widths)} levels halve an image {len(self.widths) - 1} times, and {places} places a side do "
                "not allow it: take two levels or more, and an image_size that can be halved so often"
            )
        if self.depth < 1:
            raise ValueError(f"depth is {self.depth}: at the smallest size stands one level at least")
        if wrong := [width for width in self.widths if width % GROUPS or width % self.heads]:
            raise ValueError(
                f"a level has {wrong[0]} channels, which are shared out among {GROUPS} groups and {self.heads} heads: "
                "take a multiple of both"
            )


class Level(nn.Module):
    """What happens at one size of the image: look at neighbors; below the first, at the caption and everything."""

    def __init__(self, in_channels: int, out_channels: int, time_width: int, text: TextBlock | None) -> None:
        super().__init__()
        self.residual = ResidualBlock(in_channels, out_channels, time_width)
        self.text = text

    def forward(self, x: Tensor, time: Tensor, states: Tensor) -> Tensor:
        """Return (B, out_channels, H, W) from (B, in_channels, H, W), (B, time_width) and (B, T, D)."""
        x = self.residual(x, time)
        return x if self.text is None else self.text(x, states)


class Denoiser(nn.Module):
    """A U-Net that is conditioned on the timestep and on all token states of a caption.

    >>> denoiser = Denoiser(DenoiserConfig(text_width=24))
    >>> denoiser(torch.randn(2, 3, 32, 32), torch.tensor([0, 999]), torch.randn(2, 77, 24)).shape
    torch.Size([2, 3, 32, 32])
    """

    alphas_cumprod: Tensor  # (1000,): ᾱ of each timestep

    def __init__(self, config: DenoiserConfig) -> None:
        super().__init__()
        self.config = config
        full = config.widths[0]
        time_width = 4 * full
        self.register_buffer("alphas_cumprod", alphas_cumprod(config.schedule))
        self.time = nn.Sequential(nn.Linear(full, time_width), nn.SiLU(), nn.Linear(time_width, time_width))
        P = config.patch_size
        self.stem = nn.Conv2d(3 * P * P, full, 3, padding=1)

        def level(in_channels: int, out_channels: int, is_first: bool) -> Level:
            text = None if is_first else TextBlock(out_channels, config.text_width, config.heads)
            return Level(in_channels, out_channels, time_width, text)

        self.down = nn.ModuleList([level(full, full, True)])
        self.down.extend(level(above, width, False) for above, width in pairwise(config.widths))
        self.shrink = nn.ModuleList(nn.Conv2d(width, width, 3, stride=2, padding=1) for width in config.widths[:-1])
        self.middle = nn.ModuleList(level(config.widths[-1], config.widths[-1], False) for _ in range(config.depth - 1))
        # From the smallest size up, each level gets what comes from below and what the left side saw at its size.
        self.up = nn.ModuleList(
            level(below + width, width, depth == 0)
            for depth, (width, below) in reversed(list(enumerate(pairwise(config.widths))))
        )
        self.norm = nn.GroupNorm(GROUPS, full)
        self.out = nn.Conv2d(full, 3 * P * P, 3, padding=1)
        begin_with_zeros(self.out)  # it begins by saying nothing: ``test_a_fresh_denoiser_says_zero``

    def forward(self, noisy: Tensor, t: Tensor, states: Tensor) -> Tensor:
        """Return (B, 3, H, W): ε, x_0 or v, as ``config.prediction`` says.

        Args:
            noisy: x_t, (B, 3, H, W).
            t: (B,), from 0 to 999.
            states: (B, T, D), all token states of each caption, padding included.

        Raises:
            ValueError: images of another size, states of another width, or not one of each for every image.
        """
        self.check(noisy, t, states)
        return self.denoise(noisy, self.embed_time(t), states)

    def embed_time(self, t: Tensor) -> Tensor:
        """Return (B, time_width) from timesteps (B,)."""
        embedded = timestep_embedding(t, self.config.widths[0]).to(self.stem.weight.dtype)  # (B, C)
        return self.time(embedded)  # (B, time_width)

    def denoise(self, noisy: Tensor, time: Tensor, states: Tensor) -> Tensor:
        """Return what `forward` returns, told the embedded time, (B, time_width), and unchecked."""
        time = F.silu(time)
        P = self.config.patch_size
        x = self.stem(F.pixel_unshuffle(noisy, P))  # (B, C, H/P, W/P)
        seen = []
        for level, shrink in zip(self.down, [*self.shrink, None], strict=True):
            x = level(x, time, states)
            if shrink is not None:
                seen.append(x)
                x = shrink(x)  # (B, C, H/2P, W/2P), and so on
        for level in self.middle:
            x = level(x, time, states)
        for level in self.up:
            x = F.interpolate(x, scale_factor=2.0)  # twice as high and wide
            x = level(torch.cat([x, seen.pop()], dim=1), time, states)
        return F.pixel_shuffle(self.out(F.silu(self.norm(x))), P)  # (B, 3, H, W)

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """Take over weights, as any module does, but for ᾱ, which is only compared.

        In a file in half precision the last of them are 0: ``test_half_precision_leaves_the_schedule_exact``.

        Raises:
            ValueError: they were trained with another schedule.
            RuntimeError: their names or shapes are others.
        """
        if "alphas_cumprod" in state_dict:
            self._check_schedule(state_dict["alphas_cumprod"].float().cpu())
            state_dict = {**state_dict, "alphas_cumprod": alphas_cumprod(self.config.schedule)}
        return super().load_state_dict(state_dict, strict, assign)

    def attention_maps(self, noisy: Tensor, t: Tensor, states: Tensor) -> list[Tensor]:
        """Return, for each TextBlock in turn, (B, K, H·W, T): which tokens each place of the image looks at.

        H and W are those of the block's level; the arguments are those of `forward`.
        """
        attentions = [module for module in self.modules() if isinstance(module, CrossAttention)]
        return collect_maps(attentions, lambda: self(noisy, t, states))

    def check_states(self, states: Tensor) -> None:
        """Refuse states that are not (B, T, D) with this denoiser's D.

        Raises:
            ValueError: they come from another text tower, or are one vector a caption.
        """
        if states.ndim != 3 or states.shape[2] != self.config.text_width:
            raise ValueError(
                f"states of shape {tuple(states.shape)}, and this denoiser reads (B, T, {self.config.text_width}): all "
                "token states of the text tower that it was trained with, from encode_prompts, not the one vector of a "
                "caption"
            )

    def check(self, noisy: Tensor, t: Tensor, states: Tensor) -> None:
        """Refuse what `forward` does not read.

        Raises:
            ValueError: see `forward`.
        """
        B, H = len(noisy), self.config.image_size
        if noisy.shape[1:] != (3, H, H):
            raise ValueError(f"images of shape {tuple(noisy.shape)}, and this denoiser reads (B, 3, {H}, {H})")
        self.check_states(states)
        if len(states) != B or t.shape != (B,):
            raise ValueError(
                f"{B} images, {len(states)} captions and timesteps of shape {tuple(t.shape)}: one of each an image"
            )

    def _check_schedule(self, theirs: Tensor) -> None:
        ours = alphas_cumprod(self.config.schedule)
        if not torch.allclose(theirs, ours, atol=1e-3):  # they may have been stored in half precision
            t = int((theirs - ours).abs().argmax())
            raise ValueError(
                f"these weights were trained with another noise schedule than {self.config.schedule!r}: at t = {t} "
                f"they expect {theirs[t]:.2f} of the variance to be the image's, and here it is {ours[t]:.2f}. Build "
                "the denoiser with the schedule of its training: DenoiserConfig(schedule=…)"
            )
