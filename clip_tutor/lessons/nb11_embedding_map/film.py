"""A film of a training: the vectors of the same 240 pairs at fifteen moments, from random weights to the end.

step 0, 10, 20, … 780 ─▶ (2, N, E) vectors, images and captions ─▶ one UMAP a frame, each laid out from the next

``python -m clip_tutor.lessons.nb11_embedding_map.film`` trains the tiny model as the recipe ``first_light`` does, some
five minutes on one core, and writes data/layouts/embedding_film.safetensors. A vector is kept as its difference from
the mean of its modality and moment, in steps of 1/127 of the largest one: that moves a cosine by less than 0.01
(``test_the_film_keeps_its_vectors``).
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from clip_tutor.assets import asset
from clip_tutor.data.scenes import Batch, Scenes
from clip_tutor.data.sources import ScenesData
from clip_tutor.embedding import encode_images, encode_texts
from clip_tutor.lab.course.notebook_files import CHECKOUT
from clip_tutor.model import CLIP
from clip_tutor.training import train
from clip_tutor.training.recipes import RECIPES, prepare, with_settings
from clip_tutor.weights import read_tensors, write_tensors

SAVED = "layouts/embedding_film.safetensors"
PAIRS = 240
STEPS = (0, 10, 20, 30, 50, 80, 120, 170, 230, 300, 380, 470, 570, 670, 780)


@dataclass(frozen=True)
class Frame:
    """One moment of the training."""

    step: int
    image_features: Tensor  # (N, E) unit vectors
    text_features: Tensor  # (N, E); row i describes image i
    logit_scale: float
    umap: Tensor  # (2N, 2): where UMAP put the images, then the captions


def pairs_of_film() -> Batch:
    """Return the pairs: unseen scenes of everyday things, no two with the same truth."""
    scenes = Scenes(ScenesData("everyday").scenes(64, 0).objects, "test")
    return scenes.batch(scenes.distinct(PAIRS))


def open_film() -> list[Frame]:
    """Return the frames that ship with the kit."""
    tensors, _ = read_tensors(asset(SAVED))
    vectors = unpack(tensors)
    rows = zip(vectors, tensors["steps"].tolist(), tensors["logit_scales"].tolist(), tensors["umap"], strict=True)
    return [Frame(step, both[0], both[1], scale, places.float()) for both, step, scale, places in rows]


def pack(vectors: Tensor) -> dict[str, Tensor]:
    """Return (F, 2, N, E) vectors as their means, and differences from these as whole numbers from -127 to 127."""
    means = vectors.mean(dim=2, keepdim=True)  # (F, 2, 1, E)
    largest = (vectors - means).abs().amax(dim=(2, 3), keepdim=True)  # (F, 2, 1, 1)
    whole = ((vectors - means) / largest * 127).round().to(torch.int8)
    return {"means": means, "largest": largest, "differences": whole}


def unpack(tensors: dict[str, Tensor]) -> Tensor:
    """Return (F, 2, N, E) unit vectors of what `pack` made."""
    return F.normalize(tensors["means"] + tensors["differences"] * tensors["largest"] / 127, dim=-1)


def layouts_of(vectors: Tensor) -> Tensor:
    """Return (F, 2N, 2): a UMAP of each frame of (F, 2, N, E).

    The last frame's comes first, and each begins where the one after it lies: so points move little from one to the
    next, and groups are where they will be in the end.
    """
    import umap  # here and not above: importing it takes seconds

    begin: Any = "spectral"
    places = []
    for frame in reversed(vectors.flatten(1, 2).numpy()):  # (2N, E)
        begin = umap.UMAP(metric="cosine", init=begin, random_state=0, n_jobs=1).fit_transform(frame)
        places.append(begin)
    return torch.from_numpy(np.stack(places[::-1]))


def train_film(steps: int) -> tuple[Tensor, list[float]]:
    """Train for as many steps; return (F, 2, N, E) vectors of the moments in `STEPS`, and the logit scale of each."""
    recipe = with_settings(RECIPES["first_light"], steps=steps, workers=0)
    model, tokenizer, source = prepare(recipe)
    batch = pairs_of_film()
    vectors, scales = [], []

    def look(model: CLIP) -> dict[str, float]:
        images, texts = encode_images(model, batch.pixels), encode_texts(model, tokenizer, batch.captions)
        vectors.append(torch.stack([images, texts]))
        scales.append(model.log_logit_scale.exp().item())
        print(f"step {10 * (len(scales) - 1)}", flush=True)
        return {}

    look(model)
    train(model, tokenizer, source, recipe.train, evaluate=look, evaluate_every=10)
    kept = [step // 10 for step in STEPS if step <= steps]
    return torch.stack([vectors[n] for n in kept]), [scales[n] for n in kept]


def make_film(steps: int = STEPS[-1]) -> None:
    """Train, compute the layouts, and write the film into the checkout."""
    vectors, scales = train_film(steps)
    packed = pack(vectors)
    tensors: dict[str, Any] = packed | {
        "steps": torch.tensor(STEPS[: len(scales)]),
        "logit_scales": torch.tensor(scales),
        "umap": layouts_of(unpack(packed)).half(),
    }
    write_tensors(CHECKOUT / "data" / SAVED, tensors, {"recipe": "first_light", "pairs": str(PAIRS)})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=STEPS[-1], help="of 192 pairs each")
    make_film(parser.parse_args().steps)
    print(f"data/{SAVED}: {(CHECKOUT / 'data' / SAVED).stat().st_size:,} bytes")
