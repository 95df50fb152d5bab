"""A pair as a filter sees it: a caption, and of the image only what the filter asks for.

Decoding an image takes a thousand times as long as reading its caption. So its size is read from the first bytes, and
it is decoded only where a filter asks for its hash; where a table of the collection knows both, the image is not
needed at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from clip_tutor.data.curation.image_hash import perceptual_hash
from clip_tutor.images import ImageLike, load_image
from clip_tutor.images.decoding import identify


class UnreadableImageError(ValueError):
    """An image that a filter asked for is damaged, or none at all."""


@dataclass(frozen=True)
class WebPair:
    """An image of the web and its alt-text.

    Args:
        name: a file name, a key or an address.
        caption: the alt-text, as it was written.
        image: a path, the bytes of a file, or an image that is open; None: only what is known of it.
        known_size: its width and height in pixels, where they are known.
        known_hash: its perceptual hash, where it is known.
        key: what it is called without its shard: the same, however a collection is cut into shards.
    """

    name: str
    caption: str
    image: ImageLike | None = None
    known_size: tuple[int, int] | None = None
    known_hash: int | None = None
    key: str = ""

    @cached_property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels.

        Raises:
            UnreadableImageError: the image is damaged.
            ValueError: there is no image, and its size is not known.
        """
        if self.known_size is not None:
            return self.known_size
        image = self._image_for("size", "width and height")
        try:
            return identify(image).size
        except (OSError, ValueError) as error:
            raise UnreadableImageError(f"{self.name}: {error}") from error

    @cached_property
    def image_hash(self) -> int:
        """The perceptual hash of the image.

        Raises:
            UnreadableImageError: the image is damaged.
            ValueError: there is no image, and its hash is not known.
        """
        if self.known_hash is not None:
            return self.known_hash
        image = self._image_for("hash", "image_phash")
        try:
            return perceptual_hash(load_image(image, convert=True))
        except (OSError, ValueError) as error:
            raise UnreadableImageError(f"{self.name}: {error}") from error

    def _image_for(self, what: str, columns: str) -> ImageLike:
        if self.image is None:
            raise ValueError(
                f"a filter asks for the {what} of {self.name}, and there is no image: give shards that hold images, or "
                f"a table with {columns}"
            )
        return self.image
