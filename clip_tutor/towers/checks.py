"""What a tower refuses, in words that say what to do."""

from torch import Tensor


def check_pixels(pixels: Tensor, image_size: int) -> None:
    """Refuse images of another size than the tower was built for.

    Raises:
        ValueError: ``pixels`` are not (B, 3, image_size, image_size).
    """
    H = W = image_size
    if pixels.shape[1:] != (3, H, W):
        raise ValueError(
            f"this tower reads images of shape (B, 3, {H}, {W}), and these have {tuple(pixels.shape)}: "
            f"resize them with clip_tutor.images first"
        )


def check_map_head(width: int, embed_dim: int) -> None:
    """Refuse another joint embedding than the one that attention pooling by a probe gives.

    Raises:
        ValueError: E is not the tower's width D.
    """
    if embed_dim != width:
        raise ValueError(f"a MAP head gives {width} numbers, as wide as the tower: embed_dim cannot be {embed_dim}")
