"""Search: images are embedded once and kept; a query is embedded when it comes, and the nearest win.

images ──image tower──▶ (N, E) index ─┐
                                      ├─ dot products ─▶ the k largest
words or image ──tower──▶ (E,) query ─┘
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from clip_tutor.embedding import encode_images, encode_texts
from clip_tutor.images import load_image
from clip_tutor.images.decoding import ImageLike
from clip_tutor.model import CLIP
from clip_tutor.printable import listed
from clip_tutor.tokenizers import Tokenizer
from clip_tutor.weights import read_tensors, write_tensors

__all__ = ["Hit", "ImageIndex", "fingerprint"]

FILES_AT_ONCE = 64  # that are decoded, embedded and added together: what an interruption can lose


class Hit(NamedTuple):
    """One image that was found."""

    name: str
    score: float  # cosine similarity to the query, -1 to 1
    row: int  # its place in the index


class ImageIndex:
    """Embedded images, and the model that embedded them.

    >>> from clip_tutor.weights import load
    >>> model, tokenizer, _ = load("emoji")
    >>> index = ImageIndex(model, tokenizer)
    >>> index.add_pixels(torch.rand(3, 3, 64, 64), ["one", "two", "three"])
    >>> len(index.search("a rocket", k=2))
    2
    """

    def __init__(self, model: CLIP, tokenizer: Tokenizer) -> None:
        self.model, self.tokenizer = model, tokenizer
        self.names: list[str] = []
        self._rows = torch.empty(0, model.config.embed_dim)  # more than there are names: room to grow

    def __len__(self) -> int:
        return len(self.names)

    @property
    def features(self) -> Tensor:
        """The images' vectors: (N, E) float32, unit length."""
        return self._rows[: len(self.names)]

    @features.setter
    def features(self, rows: Tensor) -> None:
        """Take other vectors: one for each name."""
        self._rows = rows

    def add_pixels(self, pixels: Tensor, names: Sequence[str]) -> None:
        """Add (B, 3, H, W) pixels of the model's size, uint8 or float from 0 to 1, under these names.

        Names need not differ: an index of captioned images may hold a caption twice.

        Raises:
            TypeError: the names are one string, or not strings.
            ValueError: there are more or fewer names than images, or an image's vector holds NaN. Nothing is added.
        """
        if isinstance(names, str) or not all(isinstance(name, str | os.PathLike) for name in names):
            raise TypeError(f"names are a list of strings, one for each image, not {names!r:.60}")
        if len(pixels) != len(names):
            raise ValueError(f"{len(pixels)} images and {len(names)} names: give each image one name")
        features = encode_images(self.model, pixels)  # (B, E)
        broken = [str(name) for name, whole in zip(names, _whole(features), strict=True) if not whole]
        if broken:
            raise ValueError(f"{_NOT_NUMBERS}: {listed(broken)}")
        self._append(features, [str(name) for name in names])

    def add_files(self, paths: str | Path | Iterable[str | Path]) -> dict[str, str]:
        """Add image files under their paths, and return why each file that is not added was left out.

        Files are read, embedded and added 64 at a time. If that is interrupted, those before are in the index, and the
        same call again goes on behind them: a file that the index holds already is left out.

        Args:
            paths: files, one or several.

        Returns:
            For each file that is not added, by its path: why it cannot be read, or that it is there already.
        """
        held = {os.path.abspath(name) for name in self.names}
        problems: dict[str, str] = {}
        waiting = iter([paths] if isinstance(paths, str | os.PathLike) else paths)
        while batch := list(islice(waiting, FILES_AT_ONCE)):
            opened = dict(self._open_files(batch, held, problems))  # {place in the batch: (3, H, W) pixels}
            if not opened:
                continue
            features = encode_images(self.model, torch.stack(list(opened.values())))  # (B, E)
            names, whole = [str(batch[place]) for place in opened], _whole(features)
            problems |= {name: _NOT_NUMBERS for name, good in zip(names, whole, strict=True) if not good}
            self._append(features[torch.tensor(whole)], [n for n, good in zip(names, whole, strict=True) if good])
        return problems

    def search(self, words: str | None = None, image: ImageLike | None = None, k: int = 10) -> list[Hit]:
        """Return the ``k`` images nearest to some words, to an image, or to both (the mean of the two).

        All of them are returned where there are fewer. An image whose vector is not of numbers comes last.

        Raises:
            TypeError: the words are not a string, or the image is neither a path nor an image.
            ValueError: neither words nor an image were given, or they cannot be read; ``k`` is less than 1.
        """
        if k < 1:
            raise ValueError(f"k is {k}: ask for at least one image")
        parts = []
        if words is not None:
            parts.append(encode_texts(self.model, self.tokenizer, [words], truncate=True))
        if image is not None:
            parts.append(encode_images(self.model, self._pixels(image)[None]))
        if not parts:
            raise ValueError("search for words, for an image, or for both: search('a red apple')")
        query = F.normalize(torch.cat(parts).mean(dim=0), dim=0)  # (E,)
        if not query.isfinite().all():
            raise ValueError(f"{_NOT_NUMBERS}: this query")
        scores = (self.features @ query).nan_to_num(-math.inf, -math.inf, -math.inf)  # (N,)
        scores, rows = scores.topk(min(k, len(self)))
        return [Hit(self.names[row], score, row) for score, row in zip(scores.tolist(), rows.tolist(), strict=True)]

    def save(self, path: str | Path) -> None:
        """Write the index, atomically; it remembers which model it belongs to."""
        tensors = {"features": self.features, **_packed(self.names)}
        write_tensors(path, tensors, {"model": fingerprint(self.model)})

    @classmethod
    def open(cls, path: str | Path, model: CLIP, tokenizer: Tokenizer) -> ImageIndex:
        """Read an index that ``save`` wrote, now or before names were kept as tensors.

        A vector that is not of numbers keeps its row, and is named in a warning.

        Raises:
            FileNotFoundError, ValueError: there is none, it is damaged, or another model made it.
        """
        tensors, metadata = read_tensors(path)
        if "features" not in tensors or not ("names" in metadata or {"names", "name_ends"} <= tensors.keys()):
            raise ValueError(f"{path} is not an image index: give a file written by ImageIndex.save")
        if metadata.get("model") != fingerprint(model):
            raise ValueError(
                f"{path} was made by another model: its vectors mean nothing to this one; embed the images again"
            )
        index = cls(model, tokenizer)
        index.features, names = tensors["features"].float(), _unpacked(tensors, metadata)
        if names is None or index._rows.shape != (len(names), model.config.embed_dim):
            raise ValueError(f"{path} is damaged: its names do not fit its vectors; embed the images again")
        index.names = names
        if broken := [name for name, whole in zip(names, _whole(index.features), strict=True) if not whole]:
            warnings.warn(f"{path} holds vectors that are not numbers, found last: {listed(broken)}", stacklevel=2)
        return index

    def _pixels(self, image: ImageLike) -> Tensor:
        size = self.model.config.vision.image_size
        return self.model.config.preprocessing.pixels(load_image(image, convert=True), size)

    def _open_files(
        self, paths: list[str | Path], held: set[str], problems: dict[str, str]
    ) -> Iterator[tuple[int, Tensor]]:
        """Yield (place, (3, H, W) pixels) of each file that can be read and is new; write down what is wrong else."""
        for place, path in enumerate(paths):
            try:
                if not isinstance(path, str | os.PathLike):
                    raise TypeError(f"a file is given by its path, and this is {type(path).__name__}")
                if os.path.abspath(path) in held:
                    problems[str(path)] = "the index holds it already"
                    continue
                pixels = self._pixels(path)
                held.add(os.path.abspath(path))
                yield place, pixels
            except (OSError, TypeError, ValueError) as error:
                problems[str(path)] = str(error)

    def _append(self, features: Tensor, names: list[str]) -> None:
        """Add (B, E) rows. They count from the moment their names are there: an interruption leaves no half of them."""
        start, end = len(self), len(self) + len(names)
        if end > len(self._rows):
            room = torch.empty(max(end, 2 * start), features.shape[1])  # copying for each batch would take hours
            room[:start] = self.features
            self._rows = room
        self._rows[start:end] = features
        self.names.extend(names)


_NOT_NUMBERS = "the model gives a vector that is not of numbers (NaN), as damaged weights do"


def _whole(features: Tensor) -> list[bool]:
    """Return of each of (B, E) rows whether all of it is finite."""
    whole: list[bool] = features.isfinite().all(dim=1).tolist()
    return whole


def _packed(names: Sequence[str]) -> dict[str, Tensor]:
    """Return names as tensors: all of them behind each other in UTF-8, and where each ends.

    In the file's head, where they once stood, 100 MB are the limit. A name may hold bytes that are not text, which
    Python reads as lone surrogates: they are kept.
    """
    encoded = [name.encode("utf-8", "surrogatepass") for name in names]
    ends = np.cumsum([len(name) for name in encoded], dtype=np.int64)
    joined = np.frombuffer(b"".join(encoded), np.uint8).copy()
    return {"names": torch.from_numpy(joined), "name_ends": torch.from_numpy(ends)}


def _unpacked(tensors: dict[str, Tensor], metadata: dict[str, str]) -> list[str] | None:
    """Return the names that `_packed` packed, or the older JSON holds; None if they make no sense."""
    try:
        if "names" in metadata:
            names: list[str] = json.loads(metadata["names"])
            return names
        joined, ends = tensors["names"].numpy().tobytes(), tensors["name_ends"].tolist()
        if ends != sorted(ends) or max(ends, default=0) != len(joined):
            return None
        pieces = zip([0, *ends], ends, strict=False)
        return [joined[start:end].decode("utf-8", "surrogatepass") for start, end in pieces]
    except ValueError:
        return None


def fingerprint(model: CLIP) -> str:
    """Return a short name for these very weights: two models share it only if they are the same."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode() + tensor.detach().float().cpu().numpy().tobytes())
    return digest.hexdigest()[:16]
