"""What an automaton is trained for: to look, for CLIP, like a caption, or to look like one drawing.

Source of the second: Mordvintsev et al. 2020, the mean squared difference of the first four channels.
"""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from clip_tutor.applications.guidance.automaton import OPACITY, to_pixels
from clip_tutor.applications.guidance.cutouts import random_cutouts
from clip_tutor.applications.guidance.spherical import spherical_distance
from clip_tutor.data.emoji import find_emoji
from clip_tutor.embedding import encode_texts
from clip_tutor.model import CLIP
from clip_tutor.tokenizers import Tokenizer

MARGIN = 4  # cells around a drawing


class TowardsCaption:
    """The spherical distance between cut-outs of a grid and a caption, and how rough the grid is."""

    def __init__(
        self, clip: CLIP, tokenizer: Tokenizer, caption: str, cutouts: int = 4, roughness: float = 0.1
    ) -> None:
        self.clip, self.cutouts, self.roughness = clip, cutouts, roughness
        self.text = encode_texts(clip, tokenizer, [caption])  # (1, E)

    def __call__(self, grid: Tensor, generator: torch.Generator) -> Tensor:
        """Return (B,) for a grid (B, C, H, W)."""
        pixels = to_pixels(grid)  # (B, 3, H, W)
        size = self.clip.config.vision.image_size
        cutouts = random_cutouts(pixels, self.cutouts, size, generator)  # (cutouts · B, 3, size, size)
        features = self.clip.encode_image(self.clip.config.preprocessing.normalize(cutouts))
        distance = spherical_distance(features, self.text).reshape(self.cutouts, -1).mean(dim=0)  # (B,)
        across, down = pixels.diff(dim=-1), pixels.diff(dim=-2)
        rough = across.square().mean(dim=(1, 2, 3)) + down.square().mean(dim=(1, 2, 3))
        return distance + self.roughness * rough


class TowardsDrawing:
    """The mean squared difference between the first four channels of a grid and a drawing."""

    def __init__(self, character: str, side: int) -> None:
        self.target = drawing(character, side)  # (4, side, side)

    def __call__(self, grid: Tensor, generator: torch.Generator) -> Tensor:
        """Return (B,) for a grid (B, C, H, W)."""
        return (grid[:, : OPACITY + 1] - self.target).square().mean(dim=(1, 2, 3))


def drawing(character: str, side: int) -> Tensor:
    """Return (4, side, side), an emoji with an empty margin: red, green and blue times opacity, and opacity."""
    (emoji,) = find_emoji([character])
    inner = side - 2 * MARGIN
    image = Image.new("RGBA", (side, side))
    image.paste(emoji.image().convert("RGBa").resize((inner, inner), Image.Resampling.BOX).convert("RGBA"), (MARGIN,) * 2)
    values = torch.from_numpy(np.array(image)).permute(2, 0, 1) / 255  # (4, side, side)
    return torch.cat([values[:3] * values[3:], values[3:]])
