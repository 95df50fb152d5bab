"""Images lie in one cone of the joint space and captions in another: how far apart, and what if one of them is moved?

    gap vector = mean of the images − mean of the captions          (Liang et al. 2022)
    moved caption = caption + amount · gap vector, brought back to unit length

At amount 1 the two means lie on each other before the lengths are brought back, and almost so afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from clip_tutor.evaluation.results import Result
from clip_tutor.evaluation.retrieval import recall_at_k
from clip_tutor.losses import contrastive_loss

AMOUNTS = tuple(np.linspace(-1, 2, 25).tolist())  # of the gap vector


@dataclass(frozen=True)
class ModalityGap(Result):
    """Where images and captions lie in the space."""

    pairs: int
    gap: float  # length of the gap vector, 0 to 2
    image_cone: float  # mean cosine of two different images: 1 is one direction, 0 all around
    text_cone: float  # of two different captions
    own_cosine: float  # mean cosine of an image and its caption
    other_cosine: float  # of an image and another's caption
    told_apart: float  # share of images and captions on their own side of the middle between both means

    def rows(self) -> list[tuple[str, str]]:
        """Return the lines of the table."""
        return [
            ("pairs", f"{self.pairs:,}"),
            ("gap", f"{self.gap:.3f}"),
            ("cosine of two images", f"{self.image_cone:.3f}"),
            ("cosine of two captions", f"{self.text_cone:.3f}"),
            ("cosine of a pair", f"{self.own_cosine:.3f}"),
            ("cosine of an image and another's caption", f"{self.other_cosine:.3f}"),
            ("told apart by the gap alone", f"{self.told_apart:.1%}"),
        ]


@dataclass(frozen=True)
class GapCurve(Result):
    """What moving all captions along the gap vector does; a value for each amount."""

    amounts: tuple[float, ...]
    gaps: tuple[float, ...]  # length of the gap vector that is left
    text_to_image: tuple[float, ...]  # recall@1
    image_to_text: tuple[float, ...]  # recall@1
    losses: tuple[float, ...]  # contrastive loss over all pairs, in nats

    def rows(self) -> list[tuple[str, str]]:
        """Return the lines of the table."""
        columns = zip(self.amounts, self.gaps, self.text_to_image, self.image_to_text, self.losses, strict=True)
        return [
            (f"moved by {amount:+.2f}", f"gap {gap:.3f}, recall@1 {words:.3f} and {images:.3f}, loss {loss:.3f}")
            for amount, gap, words, images, loss in columns
        ]


def gap_vector(image_features: Tensor, text_features: Tensor) -> Tensor:
    """Return (E,): from the mean of the captions' unit vectors (N, E) to the mean of the images'."""
    return image_features.mean(dim=0) - text_features.mean(dim=0)


def move_texts(text_features: Tensor, vector: Tensor, amount: float) -> Tensor:
    """Return (N, E) unit vectors: each caption moved by ``amount`` times a vector (E,).

    One that would land on the origin, where there is no direction, stays where it is.
    """
    moved = text_features + amount * vector
    return F.normalize(torch.where(moved.norm(dim=-1, keepdim=True) > 1e-6, moved, text_features), dim=-1)


def modality_gap(image_features: Tensor, text_features: Tensor) -> ModalityGap:
    """Return how images and captions lie, from (N, E) unit vectors of N pairs.

    Raises:
        ValueError: there are fewer than two pairs, not as many captions as images, or a vector is not of numbers.

    Source: Liang et al. 2022.
    """
    check_pairs(image_features, text_features)
    N = len(image_features)
    own = (image_features * text_features).sum(dim=1).mean().item()
    between = (image_features.mean(dim=0) @ text_features.mean(dim=0)).item()  # the mean over all N · N
    vector = gap_vector(image_features, text_features)
    middle = (image_features.mean(dim=0) + text_features.mean(dim=0)) / 2
    right = ((image_features - middle) @ vector > 0).sum() + ((text_features - middle) @ vector < 0).sum()
    return ModalityGap(
        pairs=N,
        gap=vector.norm().item(),
        image_cone=_cone(image_features),
        text_cone=_cone(text_features),
        own_cosine=own,
        other_cosine=(between * N - own) / (N - 1),
        told_apart=right.item() / (2 * N),
    )


def along_the_gap(
    image_features: Tensor, text_features: Tensor, logit_scale: float, amounts: Sequence[float] = AMOUNTS
) -> GapCurve:
    """Return recall@1 both ways and the loss of N pairs, all captions moved along their gap vector.

    Args:
        image_features, text_features: (N, E) unit vectors.
        logit_scale: 1 / temperature, for the loss.
        amounts: of the gap vector; 0 leaves the captions where they are.

    Raises:
        ValueError: as `modality_gap`.

    Source: Liang et al. 2022, who move both modalities by half of it each.
    """
    check_pairs(image_features, text_features)
    vector = gap_vector(image_features, text_features)
    gaps, words, images, losses = [], [], [], []
    for amount in amounts:
        moved = move_texts(text_features, vector, amount)
        similarity = moved @ image_features.T  # (N captions, N images)
        gaps.append(gap_vector(image_features, moved).norm().item())
        words.append(recall_at_k(similarity, 1))
        images.append(recall_at_k(similarity.T, 1))
        losses.append(contrastive_loss(image_features, moved, logit_scale).item())
    return GapCurve(tuple(map(float, amounts)), tuple(gaps), tuple(words), tuple(images), tuple(losses))


def check_pairs(image_features: Tensor, text_features: Tensor) -> None:
    """Check that there are two pairs at least, all of numbers.

    Raises:
        ValueError: there are not.
    """
    if image_features.ndim != 2 or image_features.shape != text_features.shape or len(image_features) < 2:
        raise ValueError(
            f"a gap is measured on two pairs or more, (N, E) images and as many captions, not on "
            f"{tuple(image_features.shape)} and {tuple(text_features.shape)}"
        )
    for what, features in (("images", image_features), ("captions", text_features)):
        broken = (~features.isfinite().all(dim=1)).nonzero().flatten().tolist()
        if broken:
            raise ValueError(
                f"{len(broken)} of {len(features)} vectors of {what} hold NaN or infinity, the first in row "
                f"{broken[0]}: leave these pairs out, or look for where the model diverged"
            )


def _cone(features: Tensor) -> float:
    """Return the mean cosine of two different rows of (N, E) unit vectors."""
    N = len(features)
    # |sum|² holds every pair of rows, and each row with itself.
    return ((features.sum(dim=0).square().sum() - features.square().sum()) / (N * (N - 1))).item()
