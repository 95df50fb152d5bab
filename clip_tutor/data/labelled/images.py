"""A labelled image set: images, the class of each as a number, and what the classes are called.

    images[i]  a path, the bytes of a file, or an image  ─ open ─▶ RGB image
    labels[i]  0 … M − 1                                 ─ names ─▶ "cat"

Nothing is decoded before it is asked for. A damaged file raises when its turn comes, and only its own turn: no other
image moves to another row because of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from clip_tutor.images import ImageLike, load_image


@dataclass(frozen=True)
class LabelledImages:
    """N images with the class of each.

    Args:
        names: what the M classes are called, in the order of their numbers.
        labels: N numbers from 0 to M − 1.
        images: N paths, bytes or images; any sequence, which may read an image when it is asked for.
        titles: what a message calls each image; not given, its path or its row.

    Raises:
        ValueError: there is no image, not one label for each, or a label that no class has.
    """

    names: tuple[str, ...]
    labels: list[int]
    images: Sequence[ImageLike]
    titles: Sequence[str] = ()

    def __post_init__(self) -> None:
        if not len(self.images):
            raise ValueError("this set holds no image: is the path right, and is there anything in this split?")
        if len(self.labels) != len(self.images):
            raise ValueError(f"{len(self.images)} images and {len(self.labels)} labels: give each image one label")
        wrong = [row for row, label in enumerate(self.labels) if not 0 <= label < len(self.names)]
        if wrong:
            raise ValueError(
                f"{len(wrong)} labels do not match the {len(self.names)} class names, the first is "
                f"{self.labels[wrong[0]]} in row {wrong[0]}: labels count from 0 to {len(self.names) - 1}; a test set "
                "whose labels are kept secret often has -1"
            )

    def __len__(self) -> int:
        return len(self.images)

    def open(self, row: int) -> Image.Image:
        """Return an image, decoded, in RGB.

        Raises:
            FileNotFoundError, ValueError: there is no such file, or it cannot be decoded.
        """
        return load_image(self.images[row], convert=True)

    def describe(self, row: int) -> str:
        """Return what a message calls an image."""
        if self.titles:
            return self.titles[row]
        image = self.images[row]
        return str(image) if isinstance(image, str | Path) else f"row {row}"

    def take(self, rows: Sequence[int]) -> LabelledImages:
        """Return the set of these rows alone, in this order; the classes stay."""
        labels = [self.labels[row] for row in rows]
        return LabelledImages(self.names, labels, Rows(self.images.__getitem__, rows), Rows(self.describe, rows))


class Rows(Sequence[Any]):
    """Some rows of something, each read when it is asked for."""

    def __init__(self, read: Callable[[int], Any], rows: Sequence[int]) -> None:
        self._read, self._rows = read, rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, row: Any) -> Any:
        return self._read(self._rows[row])
