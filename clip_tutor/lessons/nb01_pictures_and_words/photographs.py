"""Real photographs: those that come with scikit-image, which needs no network for them, with captions of our own.

Two of them are nearly the same: the left and the right eye of a stereo camera.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from skimage import data
from torch import Tensor

from clip_tutor.data.pairs import Pair
from clip_tutor.images import load_image

LONGEST = 256  # pixels of the longer side: enough to look at
_CAPTIONS: dict[str, tuple[Callable[[], Any], str]] = {
    "astronaut": (data.astronaut, "a smiling astronaut in an orange suit, with a flag behind her"),
    "cat": (data.chelsea, "the face of a ginger cat"),
    "coffee": (data.coffee, "a cup of coffee and a spoon on a saucer"),
    "rocket": (data.rocket, "a rocket takes off, seen past a tower"),
    "camera": (data.camera, "a man in a dark coat looks through a camera on a tripod"),
    "coins": (data.coins, "rows of old coins"),
    "clock": (data.clock, "a clock, moved while the photograph was taken"),
    "moon": (data.moon, "craters"),
    "galaxies": (data.hubble_deep_field, "galaxies in a dark sky"),
    "eye": (data.retina, "the inside of an eye, with its vessels"),
    "cells": (data.immunohistochemistry, "cells under a microscope, stained brown and blue"),
    "page": (data.page, "a printed page"),
    "writing": (data.text, "handwritten formulas"),
    "bricks": (data.brick, "a wall"),
    "grass": (data.grass, "grass"),
    "gravel": (data.gravel, "gravel"),
    "motorcycle, left": (lambda: data.stereo_motorcycle()[0], "a motorcycle in a garage"),
    "motorcycle, right": (lambda: data.stereo_motorcycle()[1], "a red motorcycle among tools and boxes"),
}


def photographs() -> list[Pair]:
    """Return the photographs as pairs, images already open, their longer sides at most ``LONGEST`` pixels."""
    pairs = []
    for name, (take, caption) in _CAPTIONS.items():
        image = Image.fromarray(np.asarray(take())).convert("RGB")
        image.thumbnail((LONGEST, LONGEST))
        pairs.append(Pair(name, image, (caption,)))
    return pairs


def at_one_size(pairs: Sequence[Pair], side: int = 64) -> Tensor:
    """Return (N, 3, side, side) uint8: each pair's image squashed to a square, to be compared with the others."""
    images = [load_image(pair.image, convert=True).resize((side, side), Image.Resampling.BICUBIC) for pair in pairs]
    return torch.from_numpy(np.stack([np.asarray(image) for image in images])).permute(0, 3, 1, 2)
