"""Guidance: an image is changed until a CLIP finds that it fits a caption; nothing generates it but the gradient.

An automaton is a rule that grows one, and is trained by the same gradient: see `automaton`.

    from clip_tutor.applications.guidance import HELPED, FourierImage, climb
    film = climb(FourierImage(side=96), model, caption, HELPED)
    film[-1].pixels

Read `spherical`, `cutouts`, `variation`, `images`, `climb` in this order.
"""

from clip_tutor.applications.guidance.climb import (
    HELPED,
    ClimbConfig,
    Snapshot,
    climb,
    guidance_loss,
    similarities,
    whole_images,
)
from clip_tutor.applications.guidance.cutouts import augment, cutouts, random_cutout
from clip_tutor.applications.guidance.images import FourierImage, PixelImage, frequency_scale
from clip_tutor.applications.guidance.spherical import spherical_distance
from clip_tutor.applications.guidance.variation import total_variation

__all__ = [
    "HELPED",
    "ClimbConfig",
    "FourierImage",
    "PixelImage",
    "Snapshot",
    "augment",
    "climb",
    "cutouts",
    "frequency_scale",
    "guidance_loss",
    "random_cutout",
    "similarities",
    "spherical_distance",
    "total_variation",
    "whole_images",
]
