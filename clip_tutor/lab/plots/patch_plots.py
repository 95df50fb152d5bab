"""Figures of patch tokens: which of them are alike, as colors. Notebooks 04 and 23."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from clip_tutor.lab.plots.common import _array
from clip_tutor.lab.plots.style import canvas
from clip_tutor.lab.widgets.gallery import as_image


def principal_colors(stages: Sequence[Any]) -> list[np.ndarray]:
    """Return for each stage's patch tokens (M, N, D) colors (M, N, 3), their widest directions as red, green, blue.

    Tokens of one color are alike. Each stage has directions, and so colors, of its own.
    """
    colored = []
    for stage in stages:
        tokens = _array(stage)
        flat = tokens.reshape(-1, tokens.shape[-1]).astype(np.float64)
        flat = flat - flat.mean(axis=0)
        _, _, directions = np.linalg.svd(flat, full_matrices=False)
        places = flat @ directions[:3].T  # (M·N, 3)
        low, high = np.quantile(places, [0.02, 0.98], axis=0)
        colored.append(((places - low) / np.maximum(high - low, 1e-9)).clip(0, 1).reshape(*tokens.shape[:2], 3))
    return colored


def token_colors(images: Sequence[Any], stages: Sequence[Any], names: Sequence[str], title: str) -> Figure:
    """Draw M images and what their patch tokens (M, N, D) are at several stages, each token as a colored square.

    Within one column, tokens of one color are alike, see `principal_colors`.
    """
    colors = principal_colors(stages)
    M, C = len(images), len(stages)
    side = 1.35
    figure, axes = canvas(side * (C + 1), side * M + 0.8, rows=M, columns=C + 1, image=True)
    G = round(colors[0].shape[1] ** 0.5)
    for m, image in enumerate(images):
        axes[m * (C + 1)].imshow(as_image(image))
        for c, stage in enumerate(colors, 1):
            axes[m * (C + 1) + c].imshow(stage[m].reshape(G, G, 3))
    for one, name in zip(axes, ["image", *names], strict=False):
        one.set_title(name, size=9, loc="center")
    figure.get_layout_engine().set(w_pad=0.03, h_pad=0.03, wspace=0.0, hspace=0.0)  # type: ignore[union-attr, call-arg]
    figure.suptitle(title)
    return figure
