"""The flat maps of notebook 11, made beforehand: in every new kernel UMAP first compiles for some 15 seconds.

``python -m clip_tutor.lessons.nb11_embedding_map.saved_layouts`` makes data/layouts/embedding_map.safetensors anew when
the shipped model changed: UMAP, PCA and t-SNE of 1,000 images and their captions.
"""

from collections.abc import Sequence

import numpy as np

from clip_tutor.assets import asset
from clip_tutor.lab.course.notebook_files import CHECKOUT
from clip_tutor.lab.plots.layouts import LAYOUTS, joint, made_of, open_layouts, save_layouts
from clip_tutor.lessons.nb11_embedding_map.space import encode, pairs_of_map
from clip_tutor.model import CLIP
from clip_tutor.weights import load

SAVED = "layouts/embedding_map.safetensors"


def saved_layouts(model: CLIP, captions: Sequence[str]) -> dict[str, np.ndarray]:
    """Return UMAP, PCA and t-SNE, (2N, 2) each: the places of N images, then of their captions.

    Raises:
        ValueError: they were made of another model's vectors, or of other pairs.
    """
    return open_layouts(asset(SAVED), made_of(model, captions))


def make_layouts() -> None:
    """Compute the layouts of the shipped model's vectors and write them into the checkout."""
    model, tokenizer, _ = load("emoji")
    batch = pairs_of_map()
    vectors = joint(*encode(model, tokenizer, batch))
    layouts = {name: make(vectors, 0) for name, make in LAYOUTS.items()}
    save_layouts(CHECKOUT / "data" / SAVED, layouts, made_of(model, batch.captions))


if __name__ == "__main__":
    make_layouts()
    print(f"data/{SAVED}: {(CHECKOUT / 'data' / SAVED).stat().st_size:,} bytes")
