"""The film as figures: a strip of a few frames, and one frame at a time for the scrubber.

A row is one kind of map: UMAP, PCA, and as a control the UMAP with each image tied to another's caption.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from matplotlib.figure import Figure

from clip_tutor.evaluation.retrieval import retrieval_report
from clip_tutor.lab.plots.layouts import pca_layout
from clip_tutor.lab.plots.style import canvas
from clip_tutor.lessons.nb11_embedding_map.film import Frame
from clip_tutor.lessons.nb11_embedding_map.plots import place_pairs

KINDS = ("UMAP", "PCA", "control: UMAP, pairs shuffled")


def pca_places(frames: Sequence[Frame]) -> list[np.ndarray]:
    """Return (2N, 2) for each frame: its PCA, turned or mirrored so that it is as near to the one before as can be."""
    places: list[np.ndarray] = []
    for frame in frames:
        here = pca_layout(torch.cat([frame.image_features, frame.text_features]))
        if places:
            u, _, vt = np.linalg.svd(here.T @ places[-1])  # Schönemann 1966: the nearest turn
            here = here @ (u @ vt)
        places.append(here)
    return places


def film_strip(frames: Sequence[Frame], chosen: Sequence[int], title: str) -> Figure:
    """Draw the chosen frames as columns, and the three kinds of map as rows."""
    flat = pca_places(frames)
    figure, axes = canvas(2.5 * len(chosen), 7.6, rows=3, columns=len(chosen))
    order = shuffled(len(frames[0].image_features))
    for column, n in enumerate(chosen):
        for row, (kind, places) in enumerate(zip(KINDS, (frames[n].umap.numpy(), flat[n]) * 2, strict=False)):
            one = axes[row * len(chosen) + column]
            place_pairs(one, places, order if row == 2 else None)
            if row == 0:
                one.set_title(f"step {frames[n].step}")
            if column == 0:
                one.set_ylabel(kind.replace(": ", ":\n"))
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, markerscale=2)
    figure.suptitle(title)
    return figure


def projector(frames: Sequence[Frame]) -> Callable[..., Figure]:
    """Return the drawing function of the scrubber: one frame, as the three kinds of map, and its recall."""
    flat = pca_places(frames)
    order = shuffled(len(frames[0].image_features))

    def film(frame: int = 0) -> Figure:
        one = frames[frame]
        recall = retrieval_report(one.image_features, one.text_features)["recall_at_1"]
        figure, axes = canvas(10, 3.9, columns=3)
        for n, (panel, kind) in enumerate(zip(axes, KINDS, strict=True)):
            place_pairs(panel, flat[frame] if n == 1 else one.umap.numpy(), order if n == 2 else None)
            panel.set(title=kind, xlabel="first direction", ylabel="second direction")
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, markerscale=2)
        figure.suptitle(f"Step {one.step}: {recall:.0%} of the captions find their image first")
        return figure

    return film


def shuffled(N: int) -> np.ndarray:
    """Return an order of N captions in which none is at its own place."""
    order = np.random.default_rng(0).permutation(N)
    return np.roll(order, 1)[np.argsort(order)]
