"""What the contrastive loss asks of vectors on a sphere: pairs together (alignment), all others apart (uniformity)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from clip_tutor.evaluation.results import Result

SHARPNESS = 2.0  # t of the source: how fast the push fades with the squared distance


@dataclass(frozen=True)
class Uniformity(Result):
    """Alignment and uniformity of N pairs; the lower, the better."""

    pairs: int
    alignment: float  # mean squared distance of an image and its caption: 0 to 4
    image_uniformity: float  # 0: all at one place; −4: at right angles
    text_uniformity: float

    def rows(self) -> list[tuple[str, str]]:
        """Return the lines of the table."""
        return [
            ("pairs", f"{self.pairs:,}"),
            ("alignment", f"{self.alignment:.3f}"),
            ("uniformity of images", f"{self.image_uniformity:.3f}"),
            ("uniformity of captions", f"{self.text_uniformity:.3f}"),
        ]


def uniformity(features: Tensor) -> float:
    """Return the logarithm of the mean Gaussian of the distances among (N, E) unit vectors, each pair once.

    Raises:
        ValueError: there are fewer than two vectors.

    Source: Wang and Isola 2020, with t = 2.
    """
    if len(features) < 2:
        raise ValueError(f"distances among vectors need two of them at least, not {len(features)}")
    return torch.pdist(features).square().mul(-SHARPNESS).exp().mean().log().item()


def alignment_and_uniformity(image_features: Tensor, text_features: Tensor) -> Uniformity:
    """Return the alignment of N pairs of (N, E) unit vectors, and the uniformity of each modality.

    Raises:
        ValueError: there is not one caption for each image, or fewer than two pairs.

    Source: Wang and Isola 2020, with α = 2 and t = 2.
    """
    if image_features.shape != text_features.shape:
        raise ValueError(
            f"one caption for each image: got {tuple(image_features.shape)} and {tuple(text_features.shape)}"
        )
    alignment = (image_features - text_features).square().sum(dim=1).mean().item()
    return Uniformity(len(image_features), alignment, uniformity(image_features), uniformity(text_features))
