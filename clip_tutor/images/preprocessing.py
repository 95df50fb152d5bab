"""What each published model does to an image before its tower sees it.

    RGB image ─ resize ─▶ shorter side S ─ center crop ─▶ S × S ─ /255 ─▶ 0..1 ─ (x - mean) / std ─▶ about -2..2
                  or squash to S × S, whatever its shape

A model must get what it was trained with: `Preprocessing` is part of the model, as its weights are.
"""

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from clip_tutor.images.decoding import ImageLike
from clip_tutor.images.opening import load_image
from clip_tutor.images.resizing import Interpolation
from clip_tutor.images.thin import LARGE, gap_of, resized_middle

# Mean and standard deviation of each color channel over the images that CLIP was trained on.
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
# The same over ImageNet, rounded as everybody writes them.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
# Not measured: (x - 0.5) / 0.5 takes 0..1 to -1..1.
HALF = (0.5, 0.5, 0.5)

Resize = Literal["shorter_side", "squash"]
LARGEST = 2**27  # pixels that `resize` makes: 512 MiB in Pillow
_PILLOW = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}


def resize(image: Image.Image, size: int, interpolation: Interpolation = "bicubic") -> Image.Image:
    """Return the image scaled so that its SHORTER side has ``size`` pixels (smoothed when shrinking).

    Raises:
        ValueError: it is so long and thin that it would become larger than Pillow would open. `resize_and_crop` makes
            only the part in the middle.
    """
    scaled = _scaled(image, size)
    if math.prod(scaled) > LARGEST:
        raise ValueError(
            f"an image of {image.width}×{image.height} pixels would become {scaled[0]:,}×{scaled[1]:,}: it is too "
            "long and thin to be made whole; resize_and_crop makes the part in the middle"
        )
    return image.resize(scaled, _PILLOW[interpolation])


def resize_and_crop(image: Image.Image, size: int, crop: int, interpolation: Interpolation = "bicubic") -> Image.Image:
    """Return the ``crop`` × ``crop`` pixels in the middle of the image whose shorter side was scaled to ``size``.

    This is ``center_crop(resize(image, size), crop)``, for images of any shape.
    """
    scaled = _scaled(image, size)
    if math.prod(scaled) <= LARGE:
        return center_crop(resize(image, size, interpolation), crop)
    starts = max(0, _margin(scaled[0], crop)), max(0, _margin(scaled[1], crop))
    ends = min(scaled[0], starts[0] + crop), min(scaled[1], starts[1] + crop)
    return center_crop(resized_middle(image, scaled, starts, ends, _PILLOW[interpolation]), crop)


def _scaled(image: Image.Image, size: int) -> tuple[int, int]:
    """Return width and height where the shorter one is ``size``."""
    shorter = min(image.size)
    return size * image.width // shorter, size * image.height // shorter


def squash(image: Image.Image, size: int, interpolation: Interpolation = "bicubic") -> Image.Image:
    """Return the WHOLE image as ``size`` × ``size`` pixels: nothing is cut off, but wide things become thin."""
    return image.resize((size, size), _PILLOW[interpolation], reducing_gap=gap_of(image))


def center_crop(image: Image.Image, size: int) -> Image.Image:
    """Return the ``size`` × ``size`` pixels in the middle; an image that is too small gets a black frame."""
    left, top = _margin(image.width, size), _margin(image.height, size)
    return image.crop((left, top, left + size, top + size))  # Pillow fills what lies outside with black


def _margin(side: int, size: int) -> int:
    """Where the crop begins. Half a pixel is rounded as torchvision does: crops to even, frames to less before."""
    return round((side - size) / 2) if side >= size else -((size - side) // 2)


def to_tensor(image: Image.Image) -> Tensor:
    """Return (3, H, W) numbers from 0 to 1."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1) / 255


@dataclass(frozen=True)
class Preprocessing:
    """How a model's images were prepared when it was trained, and so how they must be now."""

    mean: tuple[float, ...]  # of each channel, for pixels from 0 to 1
    std: tuple[float, ...]
    resize: Resize = "shorter_side"
    interpolation: Interpolation = "bicubic"
    resize_to: int | None = None  # pixels to resize to before the crop; None: as many as the tower reads

    def __post_init__(self) -> None:
        for field, given, known in (
            ("resize", self.resize, get_args(Resize)),
            ("interpolation", self.interpolation, get_args(Interpolation)),
        ):
            if given not in known:
                raise ValueError(f"{field}={given!r} is not known: take one of {', '.join(map(repr, known))}")
        if len(self.mean) != 3 or len(self.std) != 3 or min(self.std) <= 0:
            raise ValueError(
                f"mean={self.mean} and std={self.std}: give three numbers each, for red, green and blue, "
                f"and no std of 0 or less"
            )

    def cropped(self, image: Image.Image, size: int) -> Image.Image:
        """Return an RGB image resized and cropped to size × size pixels."""
        resize_to = self.resize_to or size
        if self.resize == "squash":
            return center_crop(squash(image, resize_to, self.interpolation), size)
        return resize_and_crop(image, resize_to, size, self.interpolation)

    def pixels(self, image: Image.Image, size: int) -> Tensor:
        """Return (3, size, size) pixels from 0 to 1 of an RGB image, resized and cropped, not yet normalized."""
        return to_tensor(self.cropped(image, size))

    def normalize(self, pixels: Tensor) -> Tensor:
        """Return pixels shifted and scaled as the towers expect: channels with mean 0 and spread 1, roughly.

        Args:
            pixels: (..., 3, H, W), float from 0 to 1, or uint8 from 0 to 255.
        """
        mean = torch.tensor(self.mean, device=pixels.device).view(3, 1, 1)
        std = torch.tensor(self.std, device=pixels.device).view(3, 1, 1)
        top = 255.0 if pixels.dtype == torch.uint8 else 1.0
        return (pixels - top * mean) / (top * std)

    def __call__(self, source: ImageLike, size: int, convert: bool = False) -> Tensor:
        """Return (3, size, size) normalized pixels of an image or file: every step in order.

        Raises:
            FileNotFoundError, TypeError, ValueError: see `load_image`.
        """
        return self.normalize(self.pixels(load_image(source, convert), size))


# OpenAI's models, and OpenCLIP's unless said otherwise. Source: openai/CLIP ``clip/clip.py``, function _transform.
CLIP_PREPROCESSING = Preprocessing(CLIP_MEAN, CLIP_STD)
# OpenCLIP's ViT-L/14 trained on LAION-2B alone. Source: open_clip ``pretrained.py``.
LAION_L14_PREPROCESSING = Preprocessing(HALF, HALF)
# CLIPA, whose recipe comes from masked autoencoders. Source: open_clip ``pretrained.py``.
CLIPA_PREPROCESSING = Preprocessing(IMAGENET_MEAN, IMAGENET_STD, resize="squash", interpolation="bilinear")
# SigLIP, as OpenCLIP and the Hub's configs of google/siglip-* have it.
SIGLIP_PREPROCESSING = Preprocessing(HALF, HALF, resize="squash")
# SigLIP 2 of fixed size. The Hub's configs of google/siglip2-* say bilinear, as the training code does; OpenCLIP says
# bicubic for the same weights, which is SIGLIP_PREPROCESSING.
SIGLIP2_PREPROCESSING = Preprocessing(HALF, HALF, resize="squash", interpolation="bilinear")
# ALIGN as kakaobrain/align-base has it: 346 pixels, of which the middle 289 are read; pixels / 127.5 - 1.
ALIGN_PREPROCESSING = Preprocessing(HALF, HALF, resize="squash", interpolation="bilinear", resize_to=346)


def normalize(pixels: Tensor) -> Tensor:
    """Return pixels normalized with CLIP's mean and spread: see `Preprocessing.normalize`."""
    return CLIP_PREPROCESSING.normalize(pixels)


def preprocess(source: ImageLike, size: int, convert: bool = False) -> Tensor:
    """Return (3, size, size) normalized pixels of an image, as CLIP's towers expect: see `Preprocessing`."""
    return CLIP_PREPROCESSING(source, size, convert)
