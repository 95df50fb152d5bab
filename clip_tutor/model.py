"""CLIP: two towers and a temperature.

    images ── image tower ──▶ (B, E) ─ unit length ─┐
                                                    ├─ dot products × exp(log temperature) ─▶ (B, B) logits
    captions ─ text tower ──▶ (B, E) ─ unit length ─┘

Source: Radford et al. 2021, figure 3; openai/CLIP ``clip/model.py``.
"""

import copy
import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clip_tutor.images import CLIP_PREPROCESSING, ImageLike, Preprocessing
from clip_tutor.towers import TextTower, TextTowerConfig, VisionConfig, build_tower
from clip_tutor.towers.resolution import resize_tower, with_image_size
from clip_tutor.towers.text import StatesLayer

LARGEST_LOGIT_SCALE = 100.0


@dataclass(frozen=True)
class CLIPConfig:
    """The shape of a whole model, and how images are prepared for it."""

    embed_dim: int  # E
    vision: VisionConfig
    text: TextTowerConfig
    preprocessing: Preprocessing = CLIP_PREPROCESSING
    logit_scale: float = 1 / 0.07  # at the start: Radford et al. 2021, section 2.5
    logit_bias: float | None = None  # at the start; only the sigmoid loss wants one


class CLIPOutput(NamedTuple):
    """What a forward pass gives: everything a loss needs.

    The softmax loss takes the first three, ``contrastive_loss(*output[:3])``, the sigmoid loss all four.
    """

    image_features: Tensor  # (B, E), unit length
    text_features: Tensor  # (B, E), unit length
    logit_scale: Tensor  # scalar, 1 / temperature
    logit_bias: Tensor | None  # scalar, the parameter itself; None where the model has none


class CLIP(nn.Module):
    """Two towers that learn to point the same way for an image and its caption."""

    def __init__(self, config: CLIPConfig) -> None:
        super().__init__()
        self.config = config
        self.image_tower = build_tower(config.vision, config.embed_dim)
        self.text_tower = build_tower(config.text, config.embed_dim)
        # Kept as a logarithm, so that a step of the optimizer multiplies it and it can never turn negative.
        self.log_logit_scale = nn.Parameter(torch.tensor(math.log(config.logit_scale)))
        self.logit_bias = None if config.logit_bias is None else nn.Parameter(torch.tensor(config.logit_bias))

    def preprocess(self, image: ImageLike, convert: bool = False) -> Tensor:
        """Return (3, H, W) normalized pixels of an image or file, as the image tower reads them.

        Args:
            convert: turn an image of another kind than RGB into RGB, instead of raising.

        Raises:
            FileNotFoundError, TypeError, ValueError: see `clip_tutor.images.load_image`.
        """
        return self.config.preprocessing(image, self.config.vision.image_size, convert)

    def encode_image(self, pixels: Tensor, normalize: bool = False) -> Tensor:
        """Return (B, E) image vectors from (B, 3, H, W) normalized pixels; of unit length if asked."""
        features = self.image_tower(pixels)
        return F.normalize(features, dim=-1) if normalize else features

    def encode_text(self, ids: Tensor, normalize: bool = False) -> Tensor:
        """Return (B, E) caption vectors from (B, T) ids; of unit length if asked."""
        features = self.text_tower(ids)
        return F.normalize(features, dim=-1) if normalize else features

    def encode_text_states(self, ids: Tensor, layer: StatesLayer = -1) -> Tensor:
        """Return (B, T, D), the state of each token, from (B, T) ids: what Stable Diffusion's images are made from.

        Args:
            ids: whole rows; the padding counts. ``clip_tutor.applications.diffusion.prompt_ids`` makes them.
            layer: -1 for version 1 (ViT-L/14), -2 for version 2 (ViT-H-14); see `TextTower.encode_text_states`.

        Raises:
            ValueError: another layer, rows that do not fit, or a text tower that is no `TextTower`.
        """
        if not isinstance(self.text_tower, TextTower):
            raise ValueError(
                f"the text tower is a {type(self.text_tower).__name__}, which has no final LayerNorm behind its "
                "blocks, and no version of Stable Diffusion reads it: take a CLIP, for instance ViT-L/14"
            )
        return self.text_tower.encode_text_states(ids, layer)

    def forward(self, pixels: Tensor, ids: Tensor) -> CLIPOutput:
        """Return unit vectors of B images and B captions, and the scale and bias that make logits of their products.

        Args:
            pixels: (B, 3, H, W), normalized.
            ids: (B, T).
        """
        image_features = self.encode_image(pixels, normalize=True)
        text_features = self.encode_text(ids, normalize=True)
        return CLIPOutput(image_features, text_features, self.log_logit_scale.exp(), self.logit_bias)

    def logits(self, image_features: Tensor, text_features: Tensor) -> Tensor:
        """Return (B, M): how well each of B images fits each of M captions, from (B, E) and (M, E) unit vectors.

        A softmax over a row shares out 100 % among the captions. Where the model has a bias (SigLIP), a sigmoid of
        each number says by itself how likely the two belong together.
        """
        logits = self.log_logit_scale.exp() * image_features @ text_features.T
        return logits if self.logit_bias is None else logits + self.logit_bias

    def at_image_size(self, image_size: int) -> "CLIP":
        """Return a copy of this model that reads images of another size.

        Where the image tower has positions, they are interpolated; all other weights are the same. It runs at once, and
        is good after a short training at that size. See `clip_tutor.towers.resolution`.

        Args:
            image_size: H = W, in pixels.

        Raises:
            ValueError: the image tower cannot read images of this size; the message names the nearest that it can.
        """
        model = copy.deepcopy(self)
        resize_tower(model.image_tower, image_size)
        preprocessing = self.config.preprocessing
        if preprocessing.resize_to is not None:  # the crop is to show the same part of an image
            resize_to = round(preprocessing.resize_to * image_size / self.config.vision.image_size)
            preprocessing = replace(preprocessing, resize_to=resize_to)
        vision = with_image_size(self.config.vision, image_size)
        model.config = replace(self.config, vision=vision, preprocessing=preprocessing)
        return model

    @torch.no_grad()
    def clamp_logit_scale(self) -> None:
        """Hold the scale between 1 and 100; call it AFTER each optimizer step.

        Clamping inside the forward pass instead would make the gradient exactly zero beyond 100, and the scale
        could never come back: ``test_clamped_scale_can_come_back``. Source: Radford et al. 2021, section 2.5.
        """
        self.log_logit_scale.clamp_(0, math.log(LARGEST_LOGIT_SCALE))
