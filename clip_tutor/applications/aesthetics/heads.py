"""A head that says how much an image is liked: one number from its vector.

    LAION's V1    E ──▶ 1
    LAION's V2    E ──▶ 1024 ──▶ 128 ──▶ 64 ──▶ 16 ──▶ 1      dropout between them, and no activation

Without an activation, layer after layer is one affine map: W₂ (W₁ x + b₁) + b₂ = (W₂ W₁) x + (W₂ b₁ + b₂). What V2
knows after training is E weights and a bias, as V1 (``test_five_layers_are_one``): a taste is one direction.

Sources: LAION-AI/aesthetic-predictor, README (V1); christophschuhmann/improved-aesthetic-predictor,
``train_predictor.py`` (V2).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clip_tutor.embedding import looking_only

HIDDEN = (1024, 128, 64, 16)  # widths between V2's layers
DROPOUT = (0.2, 0.2, 0.1, 0.0)  # behind each of them


class AestheticHead(nn.Module):
    """What both heads have in common: they read vectors (N, E), and score them at unit length."""

    embed_dim: int

    def score(self, features: Tensor) -> Tensor:
        """Return (N,) scores of (N, E) image vectors of any length, in evaluation mode and without a gradient.

        The vectors are brought to unit length first: both heads were trained on such. CLIP's encoders give vectors of
        another length, and a head would score those far outside of its scale
        (``test_the_length_of_a_vector_does_not_count``).

        Raises:
            ValueError: these are not vectors of the length that the head reads.
        """
        if features.ndim != 2 or features.shape[1] != self.embed_dim:
            raise ValueError(
                f"this head reads vectors (N, {self.embed_dim}), not {tuple(features.shape)}: a head belongs to the "
                "CLIP that it was trained on, so encode the images with that one"
            )
        with looking_only(self):
            scores: Tensor = self(F.normalize(features.float(), dim=1))  # (N,)
        return scores


class LinearHead(AestheticHead):
    """LAION's V1: a weight for each of the E numbers, and a bias."""

    def __init__(self, embed_dim: int) -> None:
        super().__init__()
        self.embed_dim = embed_dim
        self.linear = nn.Linear(embed_dim, 1)

    @classmethod
    def of(cls, weight: Tensor, bias: Tensor | float = 0.0) -> LinearHead:
        """Return the head with these (E,) weights and this bias, in float32 and in evaluation mode."""
        head = cls(len(weight))
        with torch.no_grad():
            head.linear.weight.copy_(weight[None])
            head.linear.bias.fill_(float(bias))
        return head.eval()

    @property
    def weight(self) -> Tensor:
        """The (E,) weights."""
        return self.linear.weight[0].detach()

    @property
    def bias(self) -> float:
        """The score of a vector that is at right angles to the weights."""
        return self.linear.bias.item()

    @property
    def direction(self) -> Tensor:
        """The weights at unit length, (E,): where the score grows fastest."""
        return F.normalize(self.weight, dim=0)

    def forward(self, features: Tensor) -> Tensor:
        """Return (N,) from (N, E), whatever the length of the vectors."""
        scores: Tensor = self.linear(features)[:, 0]
        return scores


class FiveLayerHead(AestheticHead):
    """LAION's V2: five linear layers with dropout between them."""

    def __init__(self, embed_dim: int = 768) -> None:
        super().__init__()
        self.embed_dim = embed_dim
        parts: list[nn.Module] = []
        for before, after, share in zip((embed_dim, *HIDDEN), HIDDEN, DROPOUT, strict=False):
            parts += [nn.Linear(before, after), *([nn.Dropout(share)] if share else [])]
        self.layers = nn.Sequential(*parts, nn.Linear(HIDDEN[-1], 1))

    def forward(self, features: Tensor) -> Tensor:
        """Return (N,) from (N, E), whatever the length of the vectors."""
        scores: Tensor = self.layers(features)[:, 0]
        return scores


def collapse(head: FiveLayerHead) -> LinearHead:
    """Return the one affine map that the five layers are in evaluation mode, multiplied out in float64."""
    weight = torch.eye(head.embed_dim, dtype=torch.float64)  # (E, E), becomes (1, E)
    bias = torch.zeros(head.embed_dim, dtype=torch.float64)  # (E,), becomes (1,)
    for layer in head.layers:
        if isinstance(layer, nn.Linear):
            step = layer.weight.detach().double()  # (after, before)
            weight, bias = step @ weight, step @ bias + layer.bias.detach().double()
    return LinearHead.of(weight[0], bias[0])
