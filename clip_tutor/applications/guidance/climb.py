"""The climb: an image is changed, step by step, until a CLIP finds that it fits a caption.

    image() ─▶ (B, 3, H, W) ─ cut-outs, augmented ─▶ model ─▶ vectors ─┬─ spherical distance ─▶ loss
       ▲                                             caption ─▶ vector ┘          + total variation · its weight
       └────────────────── one step of Adam on what the image is made of ◀── gradient ──┘

The model stays as it is; what is trained is the image.

Source: Crowson, VQGAN+CLIP and "CLIP guided diffusion", without VQGAN and diffusion.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clip_tutor.applications.guidance.cutouts import augment, cutouts
from clip_tutor.applications.guidance.spherical import spherical_distance
from clip_tutor.applications.guidance.variation import total_variation
from clip_tutor.embedding import device_of, encode_images
from clip_tutor.model import CLIP


@dataclass(frozen=True)
class ClimbConfig:
    """How to climb. The defaults show the model the whole image, as it is: nothing helps.

    Raises:
        ValueError: a setting is one that no climb could use.
    """

    steps: int = 120
    lr: float = 0.02  # Adam's; a `PixelImage` wants 0.05
    cutouts: int = 0  # random pieces a step; 0 shows the whole image
    cut_power: float = 1.0  # see `random_cutout`
    augmented: bool = False  # turn, move and disturb what the model is shown
    variation: float = 0.0  # the weight of the total variation
    seed: int = 0  # of cut-outs and augmentation

    def __post_init__(self) -> None:
        for name, least in (("steps", 1), ("cutouts", 0), ("variation", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}, and must be at least {least}")
        for name in ("lr", "cut_power"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} is {getattr(self, name)}, and must be above 0")


# What helps, all together: cut-outs, augmentation, and a price for differences between neighbors.
HELPED = ClimbConfig(cutouts=4, augmented=True, variation=5.0)


@dataclass(frozen=True)
class Snapshot:
    """The images at one step, and how well the model that is climbed finds that they fit."""

    step: int
    similarity: Tensor  # (B,) cosines of the whole images
    pixels: Tensor  # (B, 3, H, W) from 0 to 1


def whole_images(pixels: Tensor, size: int) -> Tensor:
    """Return (B, 3, size, size): whole images, averaged to the size that a model reads."""
    return F.adaptive_avg_pool2d(pixels, size)


def similarities(model: CLIP, pixels: Tensor, caption: Tensor) -> Tensor:
    """Return (B,) cosines of (B, 3, H, W) whole images, from 0 to 1, with an (E,) caption, or with B of them.

    Raises:
        ValueError: the captions are another model's, or not as many as the images.
    """
    _require_caption(caption, model, len(pixels))
    features = encode_images(model, whole_images(pixels, model.config.vision.image_size))  # (B, E)
    return F.cosine_similarity(features, caption.cpu(), dim=-1)


def _require_caption(caption: Tensor, model: CLIP, images: int) -> None:
    E = model.config.embed_dim
    if caption.shape[-1:] != (E,) or caption.ndim > 2:
        raise ValueError(
            f"the caption's vector is {tuple(caption.shape)}, and this model's are ({E},): encode the caption with the "
            "model that is climbed"
        )
    if caption.ndim == 2 and len(caption) not in (1, images):
        raise ValueError(f"{len(caption)} captions for {images} images: give one for each, or one for all")


def guidance_loss(
    pixels: Tensor, model: CLIP, caption: Tensor, config: ClimbConfig, generator: torch.Generator | None = None
) -> Tensor:
    """Return a scalar: how far images are from a caption, as far as the model is shown them, and how noisy they are.

    Args:
        pixels: (B, 3, H, W) from 0 to 1.
        caption: (E,), or (B, E) with one for each image.
        generator: where cut-outs and augmentation come from.

    Raises:
        ValueError: the images are smaller than the model reads, the captions are another model's, or not as many.
    """
    _require_caption(caption, model, len(pixels))
    size = model.config.vision.image_size
    shown = cutouts(pixels, config.cutouts, size, config.cut_power, generator) if config.cutouts else None
    views = whole_images(pixels, size) if shown is None else shown  # (V · B, 3, S, S)
    if config.augmented:
        views = augment(views, generator)
    features = model.encode_image(model.config.preprocessing.normalize(views))  # (V · B, E)
    distance = spherical_distance(features.unflatten(0, (-1, len(pixels))), caption).mean()
    return distance + config.variation * total_variation(pixels).mean()


def climb(
    image: nn.Module, model: CLIP, caption: Tensor, config: ClimbConfig = HELPED, look_every: int = 10
) -> list[Snapshot]:
    """Train what an image is made of until it fits a caption; return what it looked like on the way, a film.

    Args:
        image: its ``forward()`` gives (B, 3, H, W) pixels from 0 to 1: `PixelImage`, `FourierImage`, or your own. It is
            changed in place.
        model: stays as it is.
        caption: (E,), or (B, E) with one for each image; of unit length or not.
        look_every: steps from one snapshot to the next; the first and the last step have one in any case.

    Raises:
        ValueError: there is nothing to train in the image, it is smaller than the model reads, or the caption is
            another model's.
    """
    parameters = [one for one in image.parameters() if one.requires_grad]
    if not parameters:
        raise ValueError(f"{type(image).__name__} has no parameter to train: put the pixels into an nn.Parameter")
    optimizer = torch.optim.Adam(parameters, config.lr)
    caption, random = caption.to(device_of(model)), torch.Generator().manual_seed(config.seed)
    film = [_snapshot(0, image, model, caption)]
    for step in range(1, config.steps + 1):
        optimizer.zero_grad()
        guidance_loss(image(), model, caption, config, random).backward(inputs=parameters)
        optimizer.step()
        if step % look_every == 0 or step == config.steps:
            film.append(_snapshot(step, image, model, caption))
    return film


@torch.no_grad()
def _snapshot(step: int, image: nn.Module, model: CLIP, caption: Tensor) -> Snapshot:
    pixels = image()
    return Snapshot(step, similarities(model, pixels, caption), pixels.cpu())
