"""CLIP: two towers and a temperature.

    pictures ─ image tower ─▶ (B, E) ─ unit length ─┐
                                                    ├─ dot products × exp(log temperature) ─▶ (B, B) logits
    captions ─ text tower ──▶ (B, E) ─ unit length ─┘

Source: Radford et al. 2021, figure 3; openai/CLIP ``clip/model.py``.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clip_tutor.towers import TextConfig, TextTower, VisionTransformer, ViTConfig

LARGEST_LOGIT_SCALE = 100.0


@dataclass(frozen=True)
class CLIPConfig:
    """The shape of a whole model."""

    embed_dim: int  # E
    vision: ViTConfig
    text: TextConfig


class CLIPOutput(NamedTuple):
    """What a forward pass gives: everything the loss needs."""

    image_features: Tensor  # (B, E), unit length
    text_features: Tensor  # (B, E), unit length
    logit_scale: Tensor  # scalar, 1 / temperature


class CLIP(nn.Module):
    """Two towers that learn to point the same way for a picture and its caption."""

    def __init__(self, config: CLIPConfig) -> None:
        super().__init__()
        self.config = config
        self.image_tower = VisionTransformer(config.vision, config.embed_dim)
        self.text_tower = TextTower(config.text, config.embed_dim)
        # Kept as a logarithm, so that a step of the optimizer multiplies it and it can never turn negative.
        # exp gives 1 / 0.07 = 14.3 at the start: Radford et al. 2021, section 2.5.
        self.log_logit_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    def encode_image(self, pixels: Tensor, normalize: bool = False) -> Tensor:
        """Return (B, E) picture vectors from (B, 3, H, W) normalized pixels; of unit length if asked."""
        features = self.image_tower(pixels)
        return F.normalize(features, dim=-1) if normalize else features

    def encode_text(self, ids: Tensor, normalize: bool = False) -> Tensor:
        """Return (B, E) caption vectors from (B, T) ids; of unit length if asked."""
        features = self.text_tower(ids)
        return F.normalize(features, dim=-1) if normalize else features

    def forward(self, pixels: Tensor, ids: Tensor) -> CLIPOutput:
        """Return unit vectors of B pictures and B captions, and the factor their dot products are to be scaled by."""
        image_features = self.encode_image(pixels, normalize=True)
        text_features = self.encode_text(ids, normalize=True)
        return CLIPOutput(image_features, text_features, self.log_logit_scale.exp())

    @torch.no_grad()
    def clamp_logit_scale(self) -> None:
        """Hold the scale between 1 and 100; call it AFTER each optimizer step.

        Clamping inside the forward pass instead would make the gradient exactly zero beyond 100, and the scale
        could never come back: ``test_clamped_scale_can_come_back``. Source: Radford et al. 2021, section 2.5.
        """
        self.log_logit_scale.clamp_(0, math.log(LARGEST_LOGIT_SCALE))
