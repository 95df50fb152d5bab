"""The head that self-distillation compares outputs of: how much a vector is like each of K learned prototypes.

    (..., D) ─ MLP ─▶ (..., bottleneck) ─ unit length ─▶ cosine with each of K prototypes ─▶ (..., K) in [-1, 1]

Nobody says what a prototype stands for: student and teacher agree upon that. Since vectors and prototypes have unit
length, no logit can grow without bound, and only the temperature of the loss decides how sharp the answer is. The head
is thrown away after training.

Source: Caron et al. 2021 (DINO), section 3.2; facebookresearch/dino ``vision_transformer.py``, class DINOHead, whose
weight-normed last layer with its gains held at 1 is the product with unit vectors here.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class PrototypeConfig:
    """The shape of a head; what is not said is DINO's."""

    prototypes: int = 65_536  # K
    hidden: int = 2048  # of the MLP's two layers
    bottleneck: int = 256


class PrototypeHead(nn.Module):
    """Three layers, unit length, and a cosine with each prototype.

    Args:
        width: D, of what goes in.
    """

    def __init__(self, width: int, config: PrototypeConfig) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(width, config.hidden),
            nn.GELU(),
            nn.Linear(config.hidden, config.hidden),
            nn.GELU(),
            nn.Linear(config.hidden, config.bottleneck),
        )
        self.prototypes = nn.Parameter(torch.randn(config.prototypes, config.bottleneck))
        for layer in self.mlp:
            if isinstance(layer, nn.Linear):
                nn.init.trunc_normal_(layer.weight, std=0.02)
                nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return (..., K) cosines from (..., D)."""
        return F.normalize(self.mlp(x), dim=-1) @ F.normalize(self.prototypes, dim=-1).T
