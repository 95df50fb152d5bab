"""What lies on the map: N images, N captions, their vectors, and one sheet that holds all thumbnails."""

import base64
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from clip_tutor.lab.plots.layouts import MOST_POINTS, joint
from clip_tutor.lab.widgets.gallery import as_image

TILE = 64  # pixels of a thumbnail on the sheet
NEAREST = 5  # neighbors that a card shows


@dataclass(frozen=True)
class Points:
    """N pairs: row n of the map is image n, row N + n its caption."""

    captions: tuple[str, ...]
    vectors: np.ndarray  # (2N, E) unit vectors, the images first
    attributes: Mapping[str, tuple[Any, ...]]  # by name, N values
    sheet: str  # the address of one image with all thumbnails, row by row
    columns: int  # thumbnails in a row of the sheet

    def __len__(self) -> int:
        return len(self.captions)

    def own_cosines(self) -> np.ndarray:
        """Return (N,): how well each image and its caption fit."""
        N = len(self)
        return np.asarray((self.vectors[:N] * self.vectors[N:]).sum(axis=1))

    def nearest(self, row: int) -> tuple[list[tuple[int, float]], list[tuple[int, float]]]:
        """Return the nearest images and the nearest captions of a row in the space, not on the map, with cosines."""
        cosines = self.vectors @ self.vectors[row]  # (2N,)
        cosines[row] = -np.inf
        N = len(self)
        found = []
        for start in (0, N):
            best = start + np.argsort(-cosines[start : start + N], kind="stable")[:NEAREST]
            found.append([(int(one), float(cosines[one])) for one in best if one != row])
        return found[0], found[1]


def make_points(
    images: Sequence[Any],
    captions: Sequence[str],
    image_features: Any,
    text_features: Any,
    attributes: Mapping[str, Sequence[Any]],
) -> Points:
    """Return what a map needs of N pairs.

    Raises:
        ValueError: there are more than 1,000 pairs or none; images, captions, vectors and attributes are not equally
            many; a vector is not of numbers.
    """
    N = len(images)
    vectors = joint(image_features, text_features)
    counts = {"images": N, "captions": len(captions), "vectors of images": len(vectors) // 2}
    counts |= {f"values of {name!r}": len(values) for name, values in attributes.items()}
    if len(set(counts.values())) > 1:
        raise ValueError(f"a map is made of pairs, so there must be equally many of each, not {counts}")
    if not 1 <= N <= MOST_POINTS // 2:
        raise ValueError(f"a map holds 1 to {MOST_POINTS // 2:,} pairs, not {N:,}: draw a sample of them")
    broken = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if len(broken):
        pair, kind = broken[0] % N, "image" if broken[0] < N else "caption"
        raise ValueError(
            f"{len(broken)} of {2 * N} vectors hold NaN or infinity, the first is the {kind}'s of pair {pair}, "
            f"“{captions[pair]}”: leave these pairs out"
        )
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    sheet, columns = thumbnail_sheet(images)
    return Points(
        captions=tuple(captions),
        vectors=vectors / np.maximum(lengths, 1e-12),
        attributes={name: tuple(_plain(value) for value in values) for name, values in attributes.items()},
        sheet=sheet,
        columns=columns,
    )


def thumbnail_sheet(images: Sequence[Any]) -> tuple[str, int]:
    """Return one image of all thumbnails as an address for HTML, and how many stand in a row.

    A thousand emoji scenes make some 400 KB, a third of what a thousand single files make.
    """
    columns = math.ceil(math.sqrt(len(images)))
    rows = math.ceil(len(images) / columns)
    sheet = Image.new("RGB", (columns * TILE, rows * TILE), "white")
    for place, image in enumerate(images):
        small = ImageOps.fit(Image.fromarray(as_image(image)), (TILE, TILE))
        sheet.paste(small, (place % columns * TILE, place // columns * TILE))
    file = io.BytesIO()
    sheet.save(file, "WEBP", quality=80)
    return "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode(), columns


def _plain(value: Any) -> Any:
    """Return a number of NumPy's or torch's as Python's."""
    return value.item() if hasattr(value, "item") else value
