"""03.4: from an opened image to the tensor that CLIP's image encoder reads."""

import numpy as np
import torch
from PIL import Image

from clip_tutor import images
from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe
from clip_tutor.lessons.nb03_pixels.exercises.cropping import resize_and_crop
from clip_tutor.lessons.nb03_pixels.exercises.normalizing import normalize


def preprocess(image: Image.Image, size: int) -> torch.Tensor:
    """Return the normalized pixels (3, size, size), float32, of an RGB image, as CLIP's image encoders expect them.

    The mean and the std are `images.CLIP_MEAN` and `images.CLIP_STD`.
    """
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1) / 255  # (3, H, W), 0 to 1
    return normalize(resize_and_crop(pixels, size), images.CLIP_MEAN, images.CLIP_STD)


def _image(width: int, height: int, seed: int) -> Image.Image:
    """Return an RGB image whose three channels differ, smooth in one direction and rough in the other."""
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3))
    noise[:, :, 0] //= 2  # darker in red
    noise[: height // 2, :, 2] //= 3  # and less blue above
    return Image.fromarray(noise.astype(np.uint8))


def _check(answer: Attempt) -> str:
    white = Image.new("RGB", (6, 4), (255, 255, 255))
    result = answer(white, 2)
    demand(
        isinstance(result, torch.Tensor) and result.shape == (3, 2, 2),
        f"of an image of 6 × 4 pixels, size 2, you make {describe(result)}",
        "a tensor (3, 2, 2), the channels in front",
    )
    demand(result.dtype == torch.float32, f"{result.dtype}", "torch.float32, what encoders read")
    for seed, (width, height, size) in enumerate([(12, 8, 4), (8, 12, 4), (30, 30, 10), (41, 29, 12)]):
        image = _image(width, height, seed)
        result, right = answer(image, size), preprocess(image, size)
        demand(result.shape == right.shape, f"a tensor {tuple(result.shape)}", f"a tensor {tuple(right.shape)}")
        seen, wanted = ([round(value, 2) for value in one.mean(dim=(1, 2)).tolist()] for one in (result, right))
        demand(
            torch.allclose(result, right, atol=1e-3),
            f"channels with means {seen} for an image of {width} × {height} pixels",
            f"means {wanted}" if seen != wanted else "the same means, and other pixels",
        )
    return "the shape and type, wide, tall and square images with three different channels"


def _pixels(image: Image.Image) -> torch.Tensor:
    return torch.from_numpy(np.array(image)).permute(2, 0, 1) / 255


def _finished(pixels: torch.Tensor, size: int) -> torch.Tensor:
    return normalize(resize_and_crop(pixels, size), images.CLIP_MEAN, images.CLIP_STD)


def _normalized_first(image: Image.Image, size: int) -> torch.Tensor:
    return resize_and_crop(normalize(_pixels(image), images.CLIP_MEAN, images.CLIP_STD), size)


def _viewed(image: Image.Image, size: int) -> torch.Tensor:
    array = torch.from_numpy(np.array(image))
    return _finished(array.reshape(3, image.height, image.width) / 255, size)


WHOLE = Exercise(
    id="03.4",
    title="From an image to a tensor",
    difficulty=1,
    minutes=8,
    reference=preprocess,
    check=_check,
    kept=True,
    hints=(
        "`np.array(image)` is (H, W, 3), whole numbers from 0 to 255. What do your two functions expect?",
        "`torch.from_numpy(…).permute(2, 0, 1)` brings the channels to the front. Then from bytes to 0..1, then your "
        "`resize_and_crop`, then your `normalize`.",
    ),
    mutants=(
        Mutant(
            _viewed,
            "`reshape` and `view` only cut the same row of numbers into other pieces: neighbors end up in different "
            "channels. `permute` turns the axes",
        ),
        Mutant(
            lambda image, size: _finished(255 * _pixels(image), size),
            "not divided by 255: the pixels are to run from 0 to 1 before they are resized",
        ),
        Mutant(
            lambda image, size: resize_and_crop(_pixels(image), size),
            "not normalized yet",
        ),
        Mutant(
            _normalized_first,
            "normalized first: `resize_and_crop` then cuts everything off that lies below 0 or above 1",
        ),
        Mutant(
            lambda image, size: _finished(_pixels(image).mT, size),
            "the image lies on its side: (H, W, 3) becomes (3, H, W) by permute(2, 0, 1)",
        ),
        Mutant(
            lambda image, size: _finished(_pixels(image).flip(0), size),
            "the channels are in the order blue, green, red: Pillow has red, green, blue",
        ),
        Mutant(
            lambda image, size: normalize(resize_and_crop(_pixels(image), size), (0.5,) * 3, (0.5,) * 3),
            "normalized with 0.5 and 0.5: CLIP's numbers are images.CLIP_MEAN and images.CLIP_STD",
        ),
    ),
)
