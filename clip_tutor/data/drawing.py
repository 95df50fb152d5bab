"""From a plan to pixels: scaled drawings are kept ready and laid over a colored background.

A drawing is kept "premultiplied": its color already times its opacity. Laying it over an image is then one
multiplication and one addition, ``over = drawing + (1 - opacity) · image`` (Porter and Duff 1984).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from clip_tutor.data.emoji import Emoji

BACKGROUNDS = {
    "red": (214, 48, 42),
    "orange": (250, 146, 34),
    "yellow": (250, 222, 72),
    "green": (62, 158, 68),
    "turquoise": (72, 206, 196),
    "blue": (44, 92, 214),
    "purple": (128, 60, 178),
    "pink": (250, 164, 196),
    "brown": (122, 78, 46),
    "gray": (136, 136, 136),
    "black": (20, 20, 20),
    "white": (242, 242, 242),
}

Sprite = tuple[NDArray[np.uint8], NDArray[np.uint16]]  # (side, side, 3) color, (side, side, 1) 256 - opacity


class SpriteBox:
    """Draws scenes; every drawing is scaled once for each size it is needed in, and kept."""

    def __init__(self, objects: Sequence[Emoji]) -> None:
        self.objects = objects
        self._drawings: dict[int, Image.Image] = {}  # decoded once: a third of the time of a drawing's first sprite
        self._sprites: dict[tuple[int, int], Sprite] = {}
        # One array a size for all objects: thousands of small ones would be scattered among the tensors of a training
        # step and keep the memory between them from being used again (11 GB instead of 1 on the whole vocabulary).
        self._sheets: dict[int, Sprite] = {}

    def sprite(self, row: int, side: int) -> Sprite:
        """Return object ``row`` scaled to ``side`` × ``side`` pixels."""
        if (row, side) not in self._sprites:
            scaled = self._drawing(row).resize((side, side), Image.Resampling.LANCZOS)
            color, opacity = np.split(np.asarray(scaled), [3], axis=2)
            # LANCZOS overshoots at edges: color beyond the opacity would wrap around to black on a bright background.
            colors, see_through = self._sheet(side)
            colors[row], see_through[row] = np.minimum(color, opacity), 256 - opacity.astype(np.uint16)
            self._sprites[row, side] = colors[row], see_through[row]
        return self._sprites[row, side]

    def _drawing(self, row: int) -> Image.Image:
        # "RGBa" is Pillow's premultiplied mode; scaling in it keeps transparent neighbors from bleeding in.
        if row not in self._drawings:
            self._drawings[row] = self.objects[row].image().convert("RGBa")
        return self._drawings[row]

    def _sheet(self, side: int) -> Sprite:
        if side not in self._sheets:
            shape = len(self.objects), side, side
            self._sheets[side] = np.empty((*shape, 3), np.uint8), np.empty((*shape, 1), np.uint16)
        return self._sheets[side]

    def draw(
        self,
        size: int,
        color: NDArray[np.uint8],
        objects: NDArray[np.int64],
        is_pair: NDArray[np.bool_],
        number: NDArray[np.int64],
        places: NDArray[np.int64],
    ) -> NDArray[np.uint8]:
        """Return (B, H, W, 3) images; the arguments are columns of a ``Plan``."""
        images = np.empty((len(color), size, size, 3), np.uint8)
        images[:] = color[:, None, None]
        columns = zip(images, objects.tolist(), is_pair.tolist(), number.tolist(), places.tolist(), strict=True)
        for image, rows, pair, n, spots in columns:
            for k in range(n):
                left, top, side = spots[k]
                drawing, see_through = self.sprite(rows[k] if pair else rows[0], side)
                under = image[top : top + side, left : left + side]
                under[:] = drawing + (under * see_through >> 8).astype(np.uint8)
        return images
