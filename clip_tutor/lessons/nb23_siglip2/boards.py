"""The widgets of notebook 23: a patch that is pointed at, an image that is packed, patches hidden, a teacher's pace."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from clip_tutor.lessons.nb23_siglip2.plots import alike_figure, following_figure, hidden_figure, packing_figure
from clip_tutor.losses.masked_prediction import random_mask

TURNS = 400  # steps of the student that teachers follow


def alike_board(images: Sequence[Any], features: Mapping[str, Tensor], image: int, row: int, column: int) -> Figure:
    """Draw which patches of an image are like the one at a row and a column, for each model.

    Args:
        features: for each model's name (B, N, D), of all images.
    """
    chosen = {name: each[image] for name, each in features.items()}
    return alike_figure(images[image], chosen, row, column, "Which patches are like this one?")


def packing_board(image: Any, shape: float, budget: int, patch_size: int = 16) -> Figure:
    """Draw how the middle of an image, cut to a shape, is packed into a budget of patches.

    Args:
        shape: width ÷ height, of what is cut out as large as can be.
        budget: how many patches a row may have.
    """
    whole = image if isinstance(image, Image.Image) else Image.fromarray(image)
    width, height = whole.size
    wide, high = min(width, round(height * shape)), min(height, round(width / shape))
    left, top = (width - wide) // 2, (height - high) // 2
    cut = whole.crop((left, top, left + wide, top + high))
    return packing_figure(cut, budget, patch_size, f"{wide} × {high} pixels in at most {budget} patches")


def hidden_board(image: Any, patches: int, ratio: float, seed: int) -> Figure:
    """Draw an image with a share of its patches hidden, other ones with another seed.

    Args:
        patches: N, a square number.
        ratio: the share; as in training, some must be hidden and some be left.
    """
    masked = random_mask(1, patches, ratio, torch.Generator().manual_seed(seed))[0]
    return hidden_figure(image, masked, f"{int(masked.sum())} of {patches} patches hidden")


def following_board(momentum: float, seed: int) -> Figure:
    """Draw how a teacher of this momentum follows a student that jumps half way and trembles at each step."""
    generator = torch.Generator().manual_seed(seed)
    steps = (torch.arange(TURNS) >= TURNS // 2).float() + 0.15 * torch.randn(TURNS, generator=generator)
    behind = 1 / (1 - momentum) if momentum < 1 else float("inf")
    title = "The teacher never moves" if momentum >= 1 else f"The teacher averages about {behind:,.0f} steps"
    return following_figure(steps, {f"teacher, momentum {momentum:g}": momentum}, title)
