"""What an automaton is trained for: to look, for CLIP, like a caption, or to look like one drawing.

Source of the second: Mordvintsev et al. 2020, the mean squared difference of the first four channels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from clip_tutor.applications.guidance.automaton import OPACITY, Automaton
from clip_tutor.applications.guidance.cutouts import augment, cutouts
from clip_tutor.applications.guidance.spherical import spherical_distance
from clip_tutor.applications.guidance.variation import total_variation
from clip_tutor.data.emoji import find_emoji
from clip_tutor.embedding import encode_texts
from clip_tutor.model import CLIP
from clip_tutor.tokenizers import Tokenizer

MARGIN = 3  # cells around a drawing


@dataclass(frozen=True)
class CaptionObjective:
    """What CLIP is shown, and the price of what is not wanted."""

    cutouts: int = 2  # of each grid
    zoom: float = 1.25  # the grid is enlarged to this many sides of the image tower before it is cut
    variation: float = 0.2
    outside: float = 5.0  # of pixels outside of 0 to 1


class TowardsCaption:
    """How far cut-outs of a grid are from a caption, and what keeps the image calm and within its range."""

    def __init__(
        self, automaton: Automaton, clip: CLIP, tokenizer: Tokenizer, caption: str, config: CaptionObjective
    ) -> None:
        self.automaton, self.clip, self.config = automaton, clip, config
        self.text = encode_texts(clip, tokenizer, [caption])  # (1, E)

    def __call__(self, grid: Tensor, generator: torch.Generator) -> Tensor:
        """Return (B,) for a grid (B, C, H, W)."""
        pixels, config = (
            self.automaton.colors(grid),
            self.config,
        )  # not clamped: beyond the range there would be no way back
        size = self.clip.config.vision.image_size
        larger = F.interpolate(pixels, scale_factor=config.zoom * size / grid.shape[-1], mode="bilinear")
        pieces = augment(cutouts(larger, config.cutouts, size, generator=generator), generator)
        features = self.clip.encode_image(self.clip.config.preprocessing.normalize(pieces))  # (cutouts · B, E)
        distance = spherical_distance(features, self.text).view(config.cutouts, -1).mean(dim=0)  # (B,)
        outside = (pixels - pixels.clamp(0, 1)).square().mean(dim=(1, 2, 3))
        return distance + config.variation * total_variation(pixels) + config.outside * outside


class TowardsDrawing:
    """The mean squared difference between the first four channels of a grid and a drawing."""

    def __init__(self, character: str, side: int) -> None:
        self.target = drawing(character, side)  # (4, side, side)

    def __call__(self, grid: Tensor, generator: torch.Generator) -> Tensor:
        """Return (B,) for a grid (B, C, H, W)."""
        return (grid[:, : OPACITY + 1] - self.target).square().mean(dim=(1, 2, 3))


def drawing_on_white(character: str, side: int) -> Tensor:
    """Return (3, side, side), the pixels of an emoji on white, with an empty margin."""
    of = drawing(character, side)
    return 1 - of[OPACITY:] + of[:OPACITY]


def drawing(character: str, side: int) -> Tensor:
    """Return (4, side, side), an emoji with an empty margin: red, green and blue times opacity, and opacity."""
    (emoji,) = find_emoji([character])
    inner = side - 2 * MARGIN
    image = Image.new("RGBA", (side, side))
    image.paste(
        emoji.image().convert("RGBa").resize((inner, inner), Image.Resampling.BOX).convert("RGBA"), (MARGIN,) * 2
    )
    values = torch.from_numpy(np.array(image)).permute(2, 0, 1) / 255  # (4, side, side)
    return torch.cat([values[:3] * values[3:], values[3:]])
