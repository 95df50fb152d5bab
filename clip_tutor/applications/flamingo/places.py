"""What Flamingo reads of an image: not its one vector, but what the tower found at each of its places.

    Vision Transformer   (B, 1+N, D) after the last block, without the class token
    convolutional tower  (B, D, H/32, W/32) ─ flatten ─▶ N = H · W / 32²

The vector is what the tower's last layer made of the places for comparing whole images. Where something stands, and how
many there are, is easier to read from the places.

Source: Alayrac et al. 2022, section 2.1; open_flamingo ``src/flamingo.py``, method _encode_vision_x.
"""

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

from clip_tutor.towers import NaFlexTransformer, VisionTransformer


@torch.no_grad()
def image_places(image_tower: nn.Module, pixels: Tensor) -> Tensor:
    """Return (B, N, D), what a frozen image tower has found at each place of each image.

    Args:
        image_tower: any image tower of the kit, in evaluation mode.
        pixels: (B, 3, H, W), normalized, of the size that the tower reads.

    Raises:
        ValueError: the images have another size.
    """
    if isinstance(image_tower, VisionTransformer | NaFlexTransformer):
        states = image_tower.intermediates(pixels).token_states[-1]  # (B, N, D), or (B, 1 + N, D)
        return states[:, 1:] if getattr(image_tower, "cls_token", None) is not None else states
    feature_map = cast(Callable[[Tensor], Tensor], image_tower.feature_map)
    return feature_map(pixels).flatten(2).transpose(1, 2)  # (B, N, D)
