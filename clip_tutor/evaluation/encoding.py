"""From a labelled image set to vectors, with decoding hidden behind the encoder.

    threads   open, resize, crop        batch 2 │ batch 3 │ batch 4 │ …
    encoder                    batch 0 │ batch 1 │ batch 2 │ batch 3 │ …

Pillow lets go of Python's lock while it decodes and resizes, so threads are enough: nothing is copied between
processes, and a short run does not wait for them to start.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from clip_tutor.allocator import returning_freed_memory
from clip_tutor.data.labelled import LabelledImages
from clip_tutor.embedding import BATCH, device_of, encode_images
from clip_tutor.model import CLIP

CPU_BATCH = 64  # images: a CPU gains nothing from more
WORKERS = 4  # threads that decode
AHEAD = 3  # batches that are decoded while one is encoded

NOT_NUMBERS = "the model gives a vector that is not of numbers (NaN), as damaged weights do"

Encode = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Encoded:
    """What became of a labelled set; a row whose image is broken is missing, and the others keep their numbers."""

    features: Tensor  # (N, E) float32, unit length where the joint embedding was asked for
    labels: Tensor  # (N,) int64
    rows: Tensor  # (N,) int64: which row of the set each is
    problems: dict[str, str]  # of each image left out: what it is called, and why

    def __len__(self) -> int:
        return len(self.features)


def encode_labelled(
    model: CLIP, labelled: LabelledImages, workers: int = WORKERS, encode: Encode | None = None
) -> Encoded:
    """Return the vectors and labels of all images that can be decoded, and why the others cannot.

    Args:
        workers: threads that decode.
        encode: from (B, 3, S, S) uint8 pixels to (B, D) features; not given, `encode_images`: unit vectors (B, E).

    Raises:
        ValueError: not one image can be decoded and encoded.
    """
    encoded = joined([piece for _, piece in encode_pieces(model, labelled, workers, encode)])
    require_some(encoded)
    return encoded


def require_some(encoded: Encoded) -> None:
    """Check that there is something to measure on.

    Raises:
        ValueError: not one image could be decoded and encoded.
    """
    if not len(encoded):
        name, reason = next(iter(encoded.problems.items()), ("the set", "it is empty"))
        raise ValueError(f"none of {len(encoded.problems)} images can be used, the first is {name}: {reason}")


def encode_pieces(
    model: CLIP, labelled: LabelledImages, workers: int = WORKERS, encode: Encode | None = None, start: int = 0
) -> Iterator[tuple[int, Encoded]]:
    """Yield what `encode_labelled` returns, a batch at a time from row ``start`` on, each with the row after it."""
    encode = encode or partial(encode_images, model)
    size = CPU_BATCH if device_of(model).type == "cpu" else BATCH
    waiting: deque[tuple[range, list[Future[Tensor | str]]]] = deque()
    labels = torch.tensor(labelled.labels)
    with ThreadPoolExecutor(workers) as pool:
        try:
            for first in returning_freed_memory(range(start, len(labelled) + AHEAD * size, size)):
                rows = range(first, min(first + size, len(labelled)))
                if rows:
                    waiting.append((rows, [pool.submit(_pixels, model, labelled, row) for row in rows]))
                if waiting and (len(waiting) > AHEAD or not rows):
                    done, opened = waiting.popleft()
                    yield done.stop, _encoded(labelled, labels, done, opened, encode)
        finally:  # what nobody waits for any more is not decoded
            pool.shutdown(wait=False, cancel_futures=True)


def joined(pieces: list[Encoded]) -> Encoded:
    """Return the pieces as one."""
    problems = {name: reason for piece in pieces for name, reason in piece.problems.items()}
    features, labels, rows = (
        torch.cat([getattr(piece, field) for piece in pieces if len(piece)] or [torch.empty(0, dtype=kind)])
        for field, kind in (("features", torch.float32), ("labels", torch.long), ("rows", torch.long))
    )
    return Encoded(features, labels, rows, problems)


def _encoded(
    labelled: LabelledImages, labels: Tensor, rows: range, opened: list[Future[Tensor | str]], encode: Encode
) -> Encoded:
    """Return one batch, without the images that could not be opened."""
    found = {row: result.result() for row, result in zip(rows, opened, strict=True)}
    good = {row: pixels for row, pixels in found.items() if isinstance(pixels, Tensor)}
    problems = {labelled.describe(row): reason for row, reason in found.items() if isinstance(reason, str)}
    kept = torch.tensor(list(good), dtype=torch.long)
    features = encode(torch.stack(list(good.values()))) if good else torch.empty(0)  # (B, E)
    whole = features.isfinite().flatten(1).all(dim=1) if good else torch.ones(0, dtype=torch.bool)
    problems |= {labelled.describe(row): NOT_NUMBERS for row in kept[~whole].tolist()}
    return Encoded(features[whole], labels[kept[whole]], kept[whole], problems)


def _pixels(model: CLIP, labelled: LabelledImages, row: int) -> Tensor | str:
    """Return (3, S, S) uint8 pixels of an image, or why there are none."""
    try:
        image = model.config.preprocessing.cropped(labelled.open(row), model.config.vision.image_size)
    except (OSError, TypeError, ValueError) as error:
        return str(error)
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)
