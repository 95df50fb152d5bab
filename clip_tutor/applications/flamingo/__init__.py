"""Flamingo: a language model is shown images, and answers about the last one as it saw it done before.

Two models that are trained already stay as they are, an image tower and a language model. What learns stands between.

Read `attention`, `resampler`, `gated`, `masks`, `model`, `loss` in this order.
"""

from clip_tutor.applications.flamingo.gated import GatedCrossAttention
from clip_tutor.applications.flamingo.loss import flamingo_loss
from clip_tutor.applications.flamingo.masks import image_mask, images_seen
from clip_tutor.applications.flamingo.model import Flamingo, FlamingoConfig
from clip_tutor.applications.flamingo.resampler import PerceiverResampler, ResamplerConfig

__all__ = [
    "Flamingo",
    "FlamingoConfig",
    "GatedCrossAttention",
    "PerceiverResampler",
    "ResamplerConfig",
    "flamingo_loss",
    "image_mask",
    "images_seen",
]
