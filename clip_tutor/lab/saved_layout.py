"""The tour's flat map, made beforehand: in every new kernel UMAP first compiles for some 15 seconds.

    python -m clip_tutor.lab.saved_layout      makes data/layouts/start_here.safetensors, after the shipped model changed
"""

import torch
from torch import Tensor

from clip_tutor.assets import asset
from clip_tutor.data.scenes import Batch
from clip_tutor.embedding import embed_captions, embed_pictures
from clip_tutor.lab.collection import FAVORITES, collection
from clip_tutor.lab.course import CHECKOUT
from clip_tutor.lab.layouts import umap_layout
from clip_tutor.model import CLIP
from clip_tutor.search import fingerprint
from clip_tutor.weights import load, read_tensors, write_tensors

SAVED = "layouts/start_here.safetensors"
PAIRS = 500


def pairs_on_the_map(batch: Batch) -> list[int]:
    """Return the rows of the first 500 scenes of the `collection` that show a favorite alone."""
    alone = [n for n, scene in enumerate(batch.scenes) if scene.kind != "pair"]
    return [n for n in alone if batch.scenes[n].objects[0].character in FAVORITES][:PAIRS]


def open_layout(model: CLIP) -> Tensor:
    """Return (1000, 2): where UMAP put the 500 pictures, then their captions, of `pairs_on_the_map`.

    Raises:
        ValueError: it was made of another model's vectors.
    """
    tensors, metadata = read_tensors(asset(SAVED))
    if metadata["model"] != fingerprint(model):
        raise ValueError(
            "the saved layout was made of another model's vectors, and says nothing about this one's: compute it with "
            "lab.layouts.umap_layout (in the checkout, python -m clip_tutor.lab.saved_layout replaces the saved one)"
        )
    return tensors["places"]


def make_layout() -> None:
    """Compute the layout of the shipped model's vectors and write it into the checkout."""
    model, tokenizer, _ = load("emoji")
    batch = collection(model.config.vision.image_size)
    rows = pairs_on_the_map(batch)
    pictures = embed_pictures(model, batch.pixels[rows])
    captions = embed_captions(model, tokenizer, [batch.captions[row] for row in rows])
    places = torch.from_numpy(umap_layout(torch.cat([pictures, captions])))
    write_tensors(CHECKOUT / "data" / SAVED, {"places": places}, {"model": fingerprint(model)})


if __name__ == "__main__":
    make_layout()
    print(f"data/{SAVED}: {(CHECKOUT / 'data' / SAVED).stat().st_size:,} bytes")
