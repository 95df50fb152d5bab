"""The stills of the tour, for README and GitHub, where no kernel runs: `lab.course.stills` draws them with these."""

from functools import lru_cache

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from clip_tutor.data.scenes import Batch
from clip_tutor.embedding import encode_texts
from clip_tutor.evaluation.zero_shot import classify
from clip_tutor.lab import plots
from clip_tutor.lab.plots.layouts import pca_layout
from clip_tutor.lab.plots.style import INK, MUTED, canvas
from clip_tutor.lab.samples.collection import collection
from clip_tutor.lab.widgets.gallery import as_image
from clip_tutor.lessons.nb00_start_here.saved_layout import open_layout, pairs_on_the_map
from clip_tutor.search import ImageIndex
from clip_tutor.weights import load

SEARCHES = ("a puppy", "three cats", "a tiny rocket on a black background")
ACROSS = 8  # images a search
ROW = 1.56  # height of a search and its images; an image with its margin is 1 × 1


@lru_cache(maxsize=1)
def _tour() -> tuple[ImageIndex, Batch]:
    model, tokenizer, _ = load("emoji")
    batch = collection(model.config.vision.image_size)
    index = ImageIndex(model, tokenizer)
    index.add_pixels(batch.pixels, batch.captions)
    return index, batch


def card() -> Figure:
    """Draw three searches as they are typed, each above the images that it finds."""
    index, _ = _tour()
    sharp = collection(2 * index.model.config.vision.image_size).pixels  # the same scenes, with twice the pixels
    figure, (axes,) = canvas(1.5 * ACROSS, 1.5 * ROW * len(SEARCHES), image=True)
    for place, words in enumerate(SEARCHES):
        top = place * ROW
        _search_field(axes, top, words)
        for column, hit in enumerate(index.search(words, k=ACROSS)):
            extent = (column + 0.04, column + 0.96, top + 1.42, top + 0.5)
            shown = axes.imshow(as_image(sharp[hit.row]), extent=extent, interpolation="lanczos")
            corner, rounded = (column + 0.04, top + 0.5), "round,pad=0,rounding_size=0.05"
            shown.set_clip_path(FancyBboxPatch(corner, 0.92, 0.92, rounded, transform=axes.transData))
    axes.set(xlim=(0, ACROSS), ylim=(ROW * len(SEARCHES) - 0.06, 0))
    return figure


def _search_field(axes: Axes, top: float, words: str) -> None:
    """Draw a text box with a magnifying glass."""
    round_ends = "round,pad=0,rounding_size=0.16"
    axes.add_patch(FancyBboxPatch((0.05, top + 0.08), ACROSS - 0.1, 0.32, round_ends, fc="white", ec=MUTED, lw=1.2))
    axes.plot(0.22, top + 0.225, "o", markersize=8, markerfacecolor="none", markeredgecolor=MUTED, markeredgewidth=1.8)
    axes.plot([0.262, 0.305], [top + 0.267, top + 0.31], color=MUTED, linewidth=2.2)
    axes.text(0.42, top + 0.245, words, size=14, va="center", color=INK)


def names() -> Figure:
    """Draw an image and how well each of five names fits it."""
    index, batch = _tour()
    row = next(n for n, scene in enumerate(batch.scenes) if scene.objects[0].character == "🐅")
    choices = ["cat", "dog", "tiger", "leopard", "car"]
    classes = encode_texts(index.model, index.tokenizer, [f"a {choice}" for choice in choices])
    scale = index.model.log_logit_scale.exp().item()
    probabilities = classify(index.features[row : row + 1], classes, scale)[0]
    return plots.bars(choices, probabilities, batch.pixels[row], title="Which name fits?")


def maps() -> Figure:
    """Draw the saved UMAP of images and captions, a PCA beside it, and the control."""
    index, batch = _tour()
    rows = pairs_on_the_map(batch.scenes)
    captions = [batch.captions[row] for row in rows]
    texts = encode_texts(index.model, index.tokenizer, captions)
    flat_images, flat_texts = open_layout(index.model, captions).chunk(2)
    shadow_images, shadow_texts = np.split(pca_layout(torch.cat([index.features[rows], texts])), 2)
    shuffled = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))
    panels = {"UMAP": (flat_images, flat_texts), "PCA": (shadow_images, shadow_texts)}
    return plots.embedding_map(panels | {"Control: UMAP, pairs shuffled": (flat_images, flat_texts[shuffled])})
