"""The tour's flat map, made beforehand: in every new kernel UMAP first compiles for some 15 seconds.

``python -m clip_tutor.lessons.nb00_start_here.saved_layout`` makes data/layouts/start_here.safetensors anew when the
shipped model changed.
"""

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor

from clip_tutor.assets import asset
from clip_tutor.data.scenes import Scene
from clip_tutor.embedding import encode_images, encode_texts
from clip_tutor.lab.course.notebook_files import CHECKOUT
from clip_tutor.lab.plots.layouts import umap_layout
from clip_tutor.lab.samples.collection import FAVORITES, collection
from clip_tutor.model import CLIP
from clip_tutor.weights import fingerprint, load, read_tensors, write_tensors

SAVED = "layouts/start_here.safetensors"
PAIRS = 500


def pairs_on_the_map(scenes: Sequence[Scene]) -> list[int]:
    """Return the rows of the first 500 scenes of the `collection` that show a favorite alone."""
    alone = [row for row, scene in enumerate(scenes) if scene.kind != "pair"]
    return [row for row in alone if scenes[row].objects[0].character in FAVORITES][:PAIRS]


def open_layout(model: CLIP, captions: Sequence[str]) -> Tensor:
    """Return (2N, 2): where UMAP put N images, then their captions.

    Raises:
        ValueError: it was made of another model's vectors, or of other pairs.
    """
    tensors, metadata = read_tensors(asset(SAVED))
    if metadata != _made_of(model, captions):
        raise ValueError(
            "the saved layout was made of another model's vectors, or of other pairs, and says nothing about these: "
            "compute one with lab.layouts.umap_layout (to replace the saved one: "
            "python -m clip_tutor.lessons.nb00_start_here.saved_layout)"
        )
    return tensors["places"]


def make_layout() -> None:
    """Compute the layout of the shipped model's vectors and write it into the checkout."""
    model, tokenizer, _ = load("emoji")
    pixels, captions, scenes = collection(model.config.vision.image_size)
    rows = pairs_on_the_map(scenes)
    chosen = [captions[row] for row in rows]
    both = torch.cat([encode_images(model, pixels[rows]), encode_texts(model, tokenizer, chosen)])
    write_tensors(CHECKOUT / "data" / SAVED, {"places": torch.from_numpy(umap_layout(both))}, _made_of(model, chosen))


def _made_of(model: CLIP, captions: Sequence[str]) -> dict[str, str]:
    return {"model": fingerprint(model), "captions": hashlib.sha256("\n".join(captions).encode()).hexdigest()[:16]}


if __name__ == "__main__":
    make_layout()
    print(f"data/{SAVED}: {(CHECKOUT / 'data' / SAVED).stat().st_size:,} bytes")
