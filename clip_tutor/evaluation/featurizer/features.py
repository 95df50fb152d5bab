"""The vectors that a probe reads, with their labels.

    Vision Transformer with a class token   the token after the last LayerNorm, (B, D), BEFORE the projection to E
    SigLIP's, and all convolutional towers  the image vector itself, (B, E), AFTER whatever ends the tower

The projection keeps what captions speak of. Before it a vector still holds what no caption ever told, such as where a
thing lies, and a probe may want just that.

Source: Radford et al. 2021, section 3.2 and appendix A.3. The example in OpenAI's README takes the vectors after
the projection, which is not what the paper describes (github.com/openai/CLIP/issues/353).
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from clip_tutor.embedding import BATCH, device_of, looking_only
from clip_tutor.model import CLIP
from clip_tutor.towers import VisionTransformer

Place = Literal["before the projection", "after the projection"]


class Labelled(NamedTuple):
    """The vectors of N images, and the class of each."""

    features: Tensor  # (N, D)
    labels: Tensor  # (N,) int64, from 0 to M − 1


def read_from(model: CLIP) -> Place:
    """Return where `probe_features` reads this model's vectors."""
    return "before the projection" if _projected(model) is not None else "after the projection"


def probe_features(model: CLIP, pixels: Tensor) -> Tensor:
    """Return (B, D) vectors for a probe, float32 on the CPU, of any length.

    Args:
        pixels: (B, 3, H, W) uint8, or float from 0 to 1, of the size that the model reads.
    """
    normalize, tower = model.config.preprocessing.normalize, model.image_tower
    first, read = next(tower.parameters()), tower.pooled if isinstance(tower, VisionTransformer) else tower
    with looking_only(model):
        pieces = (normalize(part.to(device_of(model))).to(first.dtype) for part in pixels.split(BATCH))
        return torch.cat([read(piece).float().cpu() for piece in pieces])


@torch.no_grad()
def joint_features(model: CLIP, features: Tensor) -> Tensor:
    """Return (N, E) unit vectors of the joint space, float32 on the CPU, from what `probe_features` returned.

    One pass through the tower then serves the probe and the zero-shot classifier. ``test_one_pass_serves_both``.
    """
    projection = _projected(model)
    joint = features if projection is None else features @ projection.float().cpu()
    return F.normalize(joint, dim=-1)


def _projected(model: CLIP) -> Tensor | None:
    """Return (D, E), the projection of an image tower that ends in a matrix, None for the others."""
    tower = model.image_tower
    return tower.projection if isinstance(tower, VisionTransformer) and tower.config.pool == "class" else None


def require_labelled(what: str, given: Labelled, classes: int | None = None) -> None:
    """Check vectors and labels before anything is fitted to them.

    Args:
        what: "the training split" or the like, for the errors.
        classes: how many classes there are, if that is known by now.

    Raises:
        ValueError: there is no image, not one label for each, a vector is not finite, or a label out of range.
    """
    features, labels = given
    if features.ndim != 2 or labels.shape != features.shape[:1]:
        raise ValueError(
            f"{what} needs vectors (N, D) and N labels: got {tuple(features.shape)} and {tuple(labels.shape)}"
        )
    if not len(labels):
        raise ValueError(f"{what} holds no image: give at least one of each class")
    if labels.is_floating_point() or labels.min() < 0:
        raise ValueError(
            f"{what}: labels are whole numbers from 0, and the smallest is {labels.min().item()} ({labels.dtype})"
        )
    if not features.isfinite().all():
        rows = (~features.isfinite().all(dim=1)).nonzero().flatten().tolist()
        raise ValueError(f"{what}: vectors are not finite in rows {rows[:10]}: the model that made them has diverged")
    if classes is not None and labels.max() >= classes:
        raise ValueError(
            f"{what} has label {labels.max().item()}, and there are {classes} classes, 0 to {classes - 1}: "
            "number the classes of all splits alike"
        )
