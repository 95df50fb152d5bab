"""Small images for the screen, decoded when they are shown, and kept for a while.

What is shown is the middle square of an image: most models see no more of it.
"""

from __future__ import annotations

import base64
import io
import os
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from PIL import Image, ImageOps
from torch import Tensor

from clip_tutor.images import load_image
from clip_tutor.images.drafts import draft_decode
from clip_tutor.lab.widgets.gallery import as_image, data_address
from clip_tutor.search import ImageIndex
from clip_tutor.search.encode import default_workers

SIDE = 288  # pixels, about twice as many as on the screen: sharp on most
SMALL = 128  # pixels, up to which an image is kept as it is
KEPT = 2_000  # thumbnails, of some 15 KB each


class Thumbnail(NamedTuple):
    """An address for HTML that holds a small image, or the reason why there is none."""

    address: str = ""
    problem: str = ""


def thumbnail_of(image: Any) -> Thumbnail:
    """Return the middle square of an image; a path, the bytes of a file, or what `as_image` takes.

    Photographs are the right way up, as their EXIF orientation says.
    """
    try:
        if not isinstance(image, str | os.PathLike | bytes | Image.Image):
            image = Image.fromarray(as_image(image))
        opened = load_image(draft_decode(image, SIDE), convert=True)
        side = min(SIDE, *opened.size)
        return Thumbnail(_address(ImageOps.fit(opened, (side, side))))
    except FileNotFoundError:
        return Thumbnail(problem=f"{image} is not there any more: it was deleted, moved or renamed")
    except (OSError, TypeError, ValueError) as error:
        return Thumbnail(problem=str(error))


def _address(image: Image.Image) -> str:
    if image.width <= SMALL:
        return data_address(image)  # without loss: a few KB
    file = io.BytesIO()
    image.save(file, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()


class Thumbnails:
    """The thumbnails of an index, by row.

    Args:
        index: its names are paths of files, unless ``images`` are given.
        images: the images themselves, one for each row, in the index's order.

    Raises:
        ValueError: there is not one image for each row; or there are none, and names are no paths of files.
    """

    def __init__(self, index: ImageIndex, images: Sequence[Any] | Tensor | None = None) -> None:
        rows = index.rows
        if images is not None and len(images) != len(rows):
            raise ValueError(f"an index of {len(rows)} images needs these, in its order, and not {len(images)} others")
        first = [] if images is not None else [rows.name(row) for row in range(min(20, len(rows)))]
        if first and not any(os.path.isabs(name) or os.path.exists(name) for name in first):
            raise ValueError(
                f"the names of this index are no files ({first[0]!r:.60}): give its images, too, in its order: "
                "image_search(index, images)"
            )
        self._rows, self._images = rows, images
        self._kept: OrderedDict[int, Thumbnail] = OrderedDict()

    def of(self, rows: Sequence[int]) -> list[Thumbnail]:
        """Return the thumbnail of each of some rows, or why there is none."""
        with ThreadPoolExecutor(min(default_workers(), max(1, len(rows)))) as pool:
            thumbnails = list(pool.map(self._one, rows))
        for row, thumbnail in zip(rows, thumbnails, strict=True):
            if thumbnail.address:
                self._kept[row] = thumbnail
                self._kept.move_to_end(row)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return thumbnails

    def _one(self, row: int) -> Thumbnail:
        kept = self._kept.get(row)
        if self._images is not None:
            return kept or thumbnail_of(self._images[row])
        path = self._rows.name(row)
        return kept if kept is not None and os.path.exists(path) else thumbnail_of(path)
