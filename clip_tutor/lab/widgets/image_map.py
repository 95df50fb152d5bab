"""A flat map of the joint space with images in place of points: one sees what its islands are made of."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from clip_tutor.lab.plots.style import canvas
from clip_tutor.lab.widgets.gallery import as_image

WIDTH, HEIGHT = 9.0, 6.5  # inches


def image_map(places: Any, images: Sequence[Any], title: str = "", side: float = 0.3) -> Figure:
    """Draw N images at their places (N, 2), ``side`` inches wide; one that would cover another is left out.

    Raises:
        ValueError: there is not one place for each image.
    """
    xy = np.asarray(places.detach().cpu() if hasattr(places, "detach") else places, dtype=float)
    if xy.shape != (len(images), 2):
        raise ValueError(f"{len(images)} images need places of shape ({len(images)}, 2), not {xy.shape}")
    low, high = xy.min(axis=0), xy.max(axis=0)
    inches = (xy - low) / np.maximum(high - low, 1e-9) * (np.array([WIDTH, HEIGHT]) - 2 * side) + side
    figure, (axes,) = canvas(WIDTH, HEIGHT, image=True)
    drawn: list[np.ndarray] = []
    for center, image in zip(inches, images, strict=True):
        if all(np.abs(center - other).max() >= side for other in drawn):
            drawn.append(center)
            (x, y), half = center, 0.48 * side
            axes.imshow(as_image(image), extent=(x - half, x + half, y - half, y + half), interpolation="bilinear")
    axes.set(xlim=(0, WIDTH), ylim=(0, HEIGHT), title=title)
    return figure
