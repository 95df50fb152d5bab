"""From files to vectors, with decoding and encoding at the same time and little in memory.

    paths ─▶ worker threads: stamp, decode, resize, digest ─▶ 64 at a time ─▶ image tower ─▶ batch of vectors
             at most 64 wait                     └─ bad file: named, and no other takes its place

Threads are enough: Pillow lets go of Python's lock while it decodes and scales.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import ExifTags, Image
from torch import Tensor

from clip_tutor.allocator import returning_freed_memory
from clip_tutor.embedding import encode_images
from clip_tutor.images import ImageLike, load_image
from clip_tutor.images.decoding import identify
from clip_tutor.images.drafts import draft_decode
from clip_tutor.model import CLIP
from clip_tutor.search.scan import Stamp, stamp_of
from clip_tutor.search.store import FILE_FACTS, FileFacts

FILES_AT_ONCE = 64  # that are encoded and added together: what an interruption can lose
LARGE = 2**25  # pixels from which on an image that is decoded whole is the only one in memory
NOT_NUMBERS = "the model gives a vector that is not of numbers (NaN), as damaged weights do"
_one_large = threading.Lock()


def default_workers() -> int:
    """Return how many threads decode: as many as there are cores, eight at most."""
    return min(8, os.cpu_count() or 1)


@dataclass
class FileBatch:
    """Some images, those that could be used, in their order."""

    names: list[str] = field(default_factory=list)
    vectors: NDArray[np.float32] = field(default_factory=lambda: np.empty((0, 0), np.float32))  # (B, E)
    files: FileFacts = field(default_factory=lambda: np.empty(0, FILE_FACTS))
    problems: dict[str, str] = field(default_factory=dict)  # by name: why an image is not among them
    read: int = 0  # images that were looked at, bad ones too
    copied: int = 0  # whose vector another row had already


@dataclass(frozen=True)
class _Opened:
    stamp: Stamp
    digest: int
    taken: int  # seconds since 1970
    pixels: Tensor | None = None  # (3, S, S); None: a file of this content is known
    vector: NDArray[np.float32] | None = None


Source = tuple[str, ImageLike | Exception]  # a name and an image
# From size and digest of a file to the vector of one with the same content, if there is one.
KnownContent = Callable[[int, int | None], NDArray[np.float32] | bool | None]


def pixels_of(model: CLIP, image: ImageLike) -> Tensor:
    """Return (3, S, S) pixels from 0 to 1 of an image of any kind, as the model reads them before normalization.

    A JPEG file of many more pixels is decoded to a half, a quarter or an eighth of them: at least twice what is read.

    Raises:
        FileNotFoundError, TypeError, ValueError: see `load_image`.
    """
    size = model.config.vision.image_size
    opened = load_image(draft_decode(image, 2 * size), convert=True)
    return model.config.preprocessing.pixels(opened, size)


def encode_sources(
    model: CLIP, sources: Iterable[Source], workers: int | None = None, known: KnownContent | None = None
) -> Iterator[FileBatch]:
    """Yield batches of vectors, of at most 64 images each; what cannot be read is named in the batch.

    Args:
        sources: names, and the images: a path, the bytes of a file, or an image that is open; or the error that says
            why there is none.
        workers: threads that decode; None: `default_workers`.
        known: asked with a file's size whether one of that size is known at all (``known(size, None)``), and if so
            with its digest for the vector.
    """
    waiting = iter(sources)
    opened: deque[tuple[str, Future[_Opened]]] = deque()
    pool = ThreadPoolExecutor(workers or default_workers(), thread_name_prefix="decode")

    def next_files() -> list[tuple[str, Future[_Opened]]]:
        while len(opened) < 2 * FILES_AT_ONCE and (source := next(waiting, None)) is not None:
            opened.append((source[0], pool.submit(_open, model, source[1], known)))
        return [opened.popleft() for _ in range(min(FILES_AT_ONCE, len(opened)))]

    try:
        for files in returning_freed_memory(iter(next_files, [])):
            yield _encoded(model, files)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _encoded(model: CLIP, opened: list[tuple[str, Future[_Opened]]]) -> FileBatch:
    batch = FileBatch(read=len(opened))
    good: list[tuple[str, _Opened]] = []
    for name, future in opened:
        try:
            good.append((name, future.result()))
        except (OSError, TypeError, ValueError) as error:
            batch.problems.setdefault(name, str(error))
    new = [n for n, (_, file) in enumerate(good) if file.pixels is not None]
    vectors = np.empty((len(good), model.config.embed_dim), np.float32)
    if new:
        vectors[new] = encode_images(model, torch.stack([good[n][1].pixels for n in new])).numpy()  # type: ignore[misc]
    for n, (_, file) in enumerate(good):
        if file.vector is not None:
            vectors[n] = file.vector
    whole = np.asarray(np.isfinite(vectors).all(axis=1))  # (B,)
    batch.problems |= {name: NOT_NUMBERS for (name, _), fine in zip(good, whole.tolist(), strict=True) if not fine}
    kept = [one for one, fine in zip(good, whole.tolist(), strict=True) if fine]
    batch.names, batch.vectors, batch.copied = [name for name, _ in kept], vectors[whole], len(good) - len(new)
    facts = [(file.stamp.size, file.stamp.mtime_ns, file.digest, file.taken) for _, file in kept]
    batch.files = np.array(facts, FILE_FACTS)
    return batch


def _open(model: CLIP, source: ImageLike | Exception, known: KnownContent | None) -> _Opened:
    """Read one image. A file's stamp is taken first: if the file changes meanwhile, the next run sees that."""
    if isinstance(source, Exception):
        raise source
    if not isinstance(source, str | os.PathLike):
        digest = _digest_of([source]) if isinstance(source, bytes) else 0
        return _Opened(Stamp(0, 0), digest, 0, pixels_of(model, source))
    with identify(source) as image:  # says what is wrong with a path that is none, a folder, a pipe
        stamp = stamp_of(source)
        taken = _taken(image, stamp)
        alone = image.format != "JPEG" and image.width * image.height > LARGE
    if known and known(stamp.size, None):
        digest = _digest(source)
        vector = known(stamp.size, digest)
        if isinstance(vector, np.ndarray):
            return _Opened(stamp, digest, taken, vector=vector)
    with _one_large if alone else nullcontext():
        pixels = pixels_of(model, source)
    return _Opened(stamp, _digest(source), taken, pixels)


def _digest(path: str | Path) -> int:
    with open(path, "rb") as file:
        return _digest_of(iter(lambda: file.read(1 << 20), b""))


def _digest_of(pieces: Iterable[bytes]) -> int:
    """Return 64 bits that stand for some bytes: of a million files two share them with a chance of 1 in 30 million."""
    digest = hashlib.blake2b(digest_size=8)
    for piece in pieces:
        digest.update(piece)
    return int.from_bytes(digest.digest(), "little") or 1  # 0 means: no file


def _taken(image: Image.Image, stamp: Stamp) -> int:
    """Return when a photograph was taken, as its EXIF data say, else when its file was last changed."""
    try:
        exif = image.getexif()
        text = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.DateTimeOriginal) or exif[ExifTags.Base.DateTime]
        when = datetime.strptime(str(text)[:19], "%Y:%m:%d %H:%M:%S")
        return int(when.replace(tzinfo=timezone.utc).timestamp())
    except Exception:  # no such tag, or EXIF data that are damaged in one of many ways
        return stamp.mtime_ns // 1_000_000_000
