"""A million encoded scenes for the benchmark of image search: made once, kept in the user's cache.

    python benchmarks/scene_vectors.py                    one core needs about an hour; killed, it goes on where it was
    python benchmarks/scene_vectors.py --count 100000     the first of them

    scene i ─ draw ─▶ 64 × 64 pixels ─ load("emoji") ─▶ (128,) ─ fixed orthonormal map ─▶ (512,) float16

128 numbers are few beside the 512 of CLIP's ViT-B models: the map keeps all dot products, and gives vectors of that
size.
Queries are the captions and the images of other scenes, those of the test split.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from clip_tutor.allocator import returning_freed_memory
from clip_tutor.data.emoji import load_emoji
from clip_tutor.data.scenes import Scenes
from clip_tutor.embedding import encode_images, encode_texts
from clip_tutor.weights import load

COUNT = 1_000_000
QUERIES = 2000  # of each kind
PIECE = 10_000  # scenes of one file
TOGETHER = 50  # scenes that are encoded together: a core's cache holds what so few need
E = 512
SEED = 16  # of the scenes: others than those that the model has seen


class Files(NamedTuple):
    """Where the benchmark's three sets of unit vectors lie, each (N, 512) float16."""

    vectors: Path
    text_queries: Path
    image_queries: Path


def cache_folder() -> Path:
    """Return where the vectors are kept."""
    home = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return home / "clip-tutor" / "scene_vectors"


def carry(vectors: NDArray[np.float32]) -> NDArray[np.float16]:
    """Return (N, 512) vectors of (N, 128): the rows of a fixed matrix with orthonormal rows are their new axes."""
    square = np.random.default_rng(0).standard_normal((E, E))
    axes = np.linalg.qr(square)[0][: vectors.shape[1]].astype(np.float32)  # (128, 512)
    return (vectors @ axes).astype(np.float16)


def make(count: int = COUNT) -> Files:
    """Return the files, made as far as they are missing."""
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    files = Files(folder / f"vectors_{count}.npy", folder / "text_queries.npy", folder / "image_queries.npy")
    if all(file.exists() for file in files):
        return files
    model, tokenizer, _ = load("emoji")
    model = model.to(memory_format=torch.channels_last)
    test = Scenes(load_emoji(), "test", seed=SEED)
    if not files.text_queries.exists():
        _write(files.text_queries, carry(encode_texts(model, tokenizer, test.batch(range(QUERIES)).captions).numpy()))
    if not files.image_queries.exists():
        pixels = test.batch(range(QUERIES, 2 * QUERIES)).pixels
        _write(files.image_queries, carry(encode_images(model, pixels).numpy()))
    scenes, pieces = Scenes(load_emoji(), "train", seed=SEED), []
    for start in tqdm(range(0, count, PIECE), desc="encoding scenes", unit_scale=PIECE, unit=" scenes"):
        piece = folder / f"piece_{start:09d}.npy"  # (10,000, 128) float16
        if not piece.exists():
            starts = returning_freed_memory(range(start, start + PIECE, TOGETHER))
            batches = (scenes.batch(range(n, n + TOGETHER)) for n in starts)
            _write(piece, torch.cat([encode_images(model, batch.pixels) for batch in batches]).half().numpy())
        pieces.append(piece)
    draft = files.vectors.with_name(f".{files.vectors.name}.{os.getpid()}")
    vectors = np.lib.format.open_memmap(draft, "w+", np.float16, (count, E))
    for start, piece in zip(range(0, count, PIECE), pieces, strict=True):
        vectors[start : start + PIECE] = carry(np.load(piece).astype(np.float32))[: count - start]
    vectors.flush()
    draft.replace(files.vectors)
    return files


def _write(path: Path, array: NDArray[np.float16]) -> None:
    """Write an array, whole or not at all."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.npy")
    np.save(draft, array)
    draft.replace(path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=COUNT)
    print(*make(parser.parse_args().count), sep="\n")
