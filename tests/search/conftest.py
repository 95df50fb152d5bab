"""What the tests of search share: files of scenes, and a tiny model's index of them."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from clip_tutor.search import ImageIndex


def as_image(pixels: torch.Tensor) -> Image.Image:
    return Image.fromarray(pixels.permute(1, 2, 0).numpy())


def png(pixels: torch.Tensor) -> bytes:
    """A file of (3, H, W) pixels."""
    file = io.BytesIO()
    as_image(pixels).save(file, "PNG")
    return file.getvalue()


def unit(count: int, E: int = 16, seed: int = 0) -> np.ndarray:
    """Random vectors of unit length: (count, E) float32."""
    vectors = np.random.default_rng(seed).standard_normal((count, E)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture
def photos(tmp_path, scenes) -> Path:
    """A folder of eight images, half of them in a folder below."""
    folder = tmp_path / "photos"
    (folder / "below").mkdir(parents=True)
    for n, pixels in enumerate(scenes.batch(range(8)).pixels):
        as_image(pixels).save(folder / ("below" if n % 2 else ".") / f"{n}.png")
    return folder


@pytest.fixture
def open_index(tmp_path, model, tokenizer) -> Callable[[], ImageIndex]:
    """A function that opens the same index on the disk each time."""
    return lambda: ImageIndex.open(tmp_path / "photos.index", model, tokenizer, create=True)


def found(index: ImageIndex) -> list[str]:
    """The files that can be found, as they are called."""
    return sorted(Path(hit.name).name for hit in index.search("a cat", k=1000, group_from=2))
