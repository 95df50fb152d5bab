"""Which image does a token look at? The one before it, or all before it; never one that comes later.

    token        a    <image>  red   end   <image>  blue  end
    images seen  0    1        1     1     2        2     2

    preceding    –    1        1     1     2        2     2         looks at the image of this number
    all          –    1        1     1     1 2      1 2   1 2       … or at all up to it

Flamingo lets a token look at the one image before it. What earlier images showed still reaches it through the text in
between, and a text may hold more images than any text of the training: no gated block ever sees two at once.

Sources: Alayrac et al. 2022, section 2.3; flamingo-pytorch ``flamingo_pytorch.py``, class MaskedCrossAttention.
"""

from typing import Literal

import torch
from torch import Tensor

Attend = Literal["preceding", "all"]


def images_seen(token_ids: Tensor, image_id: int) -> Tensor:
    """Return (B, T): how many marks stand at or before each token, from (B, T) ids.

    Args:
        image_id: the id of the mark that stands where an image belongs.
    """
    return (token_ids == image_id).cumsum(dim=1)


def image_mask(token_ids: Tensor, image_id: int, images: int, attend: Attend) -> Tensor:
    """Return (B, T, images): True where a token may look at an image.

    Args:
        token_ids: (B, T), with one mark for each image.
        image_id: the id of the mark.
        images: how many images each row has.
        attend: "preceding", the last one before the token; or "all" before it.

    Raises:
        ValueError: a row has more or fewer marks than images (looked at on a CPU only), or ``attend`` is neither.
    """
    if attend not in ("preceding", "all"):
        raise ValueError(f"attend is {attend!r}: let a token look at the 'preceding' image or at 'all' before it")
    check_marks(token_ids, image_id, images)
    seen = images_seen(token_ids, image_id)[..., None]  # (B, T, 1)
    number = torch.arange(1, images + 1, device=token_ids.device)  # (images,)
    return seen == number if attend == "preceding" else seen >= number


def check_marks(token_ids: Tensor, image_id: int, images: int) -> None:
    """Refuse rows of ids (B, T) whose marks are not as many as their images; on a CPU only.

    Raises:
        ValueError: the marks of a row are not ``images``.
    """
    if token_ids.device.type != "cpu":
        return  # to look would make each batch wait for the device
    for row, marks in enumerate((token_ids == image_id).sum(dim=1).tolist()):
        if marks != images:
            advice = (
                "no token could look at the images that are left over: write a mark for each, or leave them out"
                if marks < images
                else "there is nothing to look at behind the last marks: give an image for each, or take marks out"
            )
            raise ValueError(f"row {row} has {images} images and {marks} image marks (id {image_id}): {advice}")
