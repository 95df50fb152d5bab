"""Search: pictures are embedded once and kept; a query is embedded when it comes, and the nearest win.

pictures ─image tower─▶ (N, E) index ─┐
                                      ├─ dot products ─▶ the k largest
words or picture ─tower─▶ (E,) query ─┘
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from clip_tutor.embedding import embed_captions, embed_pictures
from clip_tutor.images import open_picture
from clip_tutor.model import CLIP
from clip_tutor.tokenizers import Tokenizer
from clip_tutor.weights import read_tensors, write_tensors

Picture = str | Path | Image.Image


class Hit(NamedTuple):
    """One picture that was found."""

    name: str
    score: float  # cosine similarity to the query, -1 to 1
    row: int  # its place in the index


class ImageIndex:
    """Embedded pictures, and the model that embedded them."""

    def __init__(self, model: CLIP, tokenizer: Tokenizer) -> None:
        self.model, self.tokenizer = model, tokenizer
        self.names: list[str] = []
        self.features = torch.empty(0, model.config.embed_dim)  # (N, E), unit length

    def __len__(self) -> int:
        return len(self.names)

    def add_pixels(self, pixels: Tensor, names: Sequence[str]) -> None:
        """Add (B, 3, H, W) pixels of the model's size, uint8 or float from 0 to 1, under these names."""
        if len(pixels) != len(names):
            raise ValueError(f"{len(pixels)} pictures and {len(names)} names: give each picture one name")
        self.features = torch.cat([self.features, embed_pictures(self.model, pixels)])
        self.names.extend(names)

    def add_files(self, paths: Sequence[str | Path]) -> dict[str, str]:
        """Add picture files under their paths, and return why each file that could not be read was left out.

        What is readable is added all the same, and what the index already holds is never touched.
        """
        pixels, names, problems = [], [], {}
        for path in paths:
            try:
                pixels.append(self._pixels(path))
                names.append(str(path))
            except (OSError, ValueError) as error:
                problems[str(path)] = str(error)
        if pixels:
            self.add_pixels(torch.stack(pixels), names)
        return problems

    def search(self, words: str | None = None, picture: Picture | None = None, k: int = 10) -> list[Hit]:
        """Return the ``k`` pictures nearest to some words, to a picture, or to both (the mean of the two).

        Raises:
            ValueError: neither words nor a picture were given, or they cannot be read; ``k`` is less than 1.
        """
        if k < 1:
            raise ValueError(f"k is {k}: ask for at least one picture")
        parts = []
        if words is not None:
            parts.append(embed_captions(self.model, self.tokenizer, [words], truncate=True))
        if picture is not None:
            parts.append(embed_pictures(self.model, self._pixels(picture)[None]))
        if not parts:
            raise ValueError("search for words, for a picture, or for both: search('a red apple')")
        query = F.normalize(torch.cat(parts).mean(dim=0), dim=0)  # (E,)
        scores, rows = (self.features @ query).topk(min(k, len(self)))
        return [Hit(self.names[row], score, row) for score, row in zip(scores.tolist(), rows.tolist(), strict=True)]

    def save(self, path: str | Path) -> None:
        """Write the index, atomically; it remembers which model it belongs to."""
        metadata = {"names": json.dumps(self.names), "model": fingerprint(self.model)}
        write_tensors(path, {"features": self.features}, metadata)

    @classmethod
    def open(cls, path: str | Path, model: CLIP, tokenizer: Tokenizer) -> ImageIndex:
        """Read an index that ``save`` wrote.

        Raises:
            FileNotFoundError, ValueError: there is none, it is damaged, or another model made it.
        """
        tensors, metadata = read_tensors(path)
        if "features" not in tensors or "names" not in metadata:
            raise ValueError(f"{path} is not a picture index: give a file written by ImageIndex.save")
        if metadata.get("model") != fingerprint(model):
            raise ValueError(
                f"{path} was made by another model: its vectors mean nothing to this one; embed the pictures again"
            )
        index = cls(model, tokenizer)
        index.features, index.names = tensors["features"], json.loads(metadata["names"])
        return index

    def _pixels(self, picture: Picture) -> Tensor:
        size = self.model.config.vision.image_size
        return self.model.config.preprocessing.pixels(open_picture(picture, convert=True), size)


def fingerprint(model: CLIP) -> str:
    """Return a short name for these very weights: two models share it only if they are the same."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode() + tensor.detach().float().cpu().numpy().tobytes())
    return digest.hexdigest()[:16]
