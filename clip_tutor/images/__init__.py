"""An image becomes the tensor that an image tower reads.

    file ─ load_image ─▶ RGB image ─ resize, center crop ─▶ (3, S, S) in 0..1 ─ normalize ─▶ about -2..2

`Preprocessing` holds what differs between the published models; `preprocess` is CLIP's. `resize_pixels` is the resizing
itself, written out.
"""

from clip_tutor.images.augmenting import random_resized_crop
from clip_tutor.images.decoding import ImageLike
from clip_tutor.images.opening import load_image
from clip_tutor.images.preprocessing import (
    ALIGN_PREPROCESSING,
    CLIP_MEAN,
    CLIP_PREPROCESSING,
    CLIP_STD,
    CLIPA_PREPROCESSING,
    LAION_L14_PREPROCESSING,
    SIGLIP2_PREPROCESSING,
    SIGLIP_PREPROCESSING,
    Preprocessing,
    center_crop,
    normalize,
    preprocess,
    resize,
    resize_and_crop,
    squash,
    to_tensor,
)
from clip_tutor.images.resizing import Interpolation, resize_pixels, resize_weights

__all__ = [
    "ALIGN_PREPROCESSING",
    "CLIPA_PREPROCESSING",
    "CLIP_MEAN",
    "CLIP_PREPROCESSING",
    "CLIP_STD",
    "LAION_L14_PREPROCESSING",
    "SIGLIP2_PREPROCESSING",
    "SIGLIP_PREPROCESSING",
    "ImageLike",
    "Interpolation",
    "Preprocessing",
    "center_crop",
    "normalize",
    "load_image",
    "preprocess",
    "random_resized_crop",
    "resize",
    "resize_and_crop",
    "resize_pixels",
    "resize_weights",
    "squash",
    "to_tensor",
]
