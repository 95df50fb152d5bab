"""An answer "none of these": a softmax always chooses, so scores are compared with those of images that fit no class.

    images of NONE of the classes ─▶ best cosine similarity of each ─▶ the null distribution
    a new image's best similarity ─▶ how many of the null's are as high?  few: the answer stands;  many: none of these

The share is a p-value: of images that show none of the classes, at most 5 % pass the test at 0.05, whatever the
distribution looks like, as long as the null's images are of the same kind as they.

Source: Vovk, Gammerman and Shafer 2005, chapter 2 (conformal p-values).
"""

from __future__ import annotations

import torch
from torch import Tensor

from clip_tutor.evaluation.classifier import Classifier

NONE = -1  # the answer


def best_scores(classifier: Classifier, image_features: Tensor) -> Tensor:
    """Return (N,) the largest cosine similarity of each of (N, E) images to a class."""
    return (image_features @ classifier.weights.T).amax(dim=1)


def p_values(scores: Tensor, null: Tensor) -> Tensor:
    """Return (N,): how probable a score at least this high is in the null distribution.

    Args:
        scores: (N,) of the images that are asked about.
        null: (K,) of images that are known to show none of the classes.

    Raises:
        ValueError: the null distribution is empty.
    """
    if not len(null):
        raise ValueError("the null distribution is empty: give the scores of images that show none of the classes")
    lower = torch.searchsorted(null.sort().values, scores.contiguous())  # (N,) null scores below each score
    return (1 + len(null) - lower) / (1 + len(null))


def answers_or_none(classifier: Classifier, image_features: Tensor, null: Tensor, level: float = 0.05) -> Tensor:
    """Return (N,) the class of each image, or `NONE` where the null distribution explains its score.

    Args:
        image_features: (N, E) unit vectors.
        null: (K,) best scores of images that show none of the classes; at least 1 / level − 1 of them are needed for
            any answer to stand.
        level: of images without any of the classes, the share that may be given one all the same.

    Raises:
        ValueError: the null distribution is empty, or too small for this level.
    """
    if (1 + len(null)) * level < 1 and len(null):
        raise ValueError(
            f"{len(null)} images that show none of the classes are too few to test at {level}: no answer could ever "
            f"stand; give at least {round(1 / level) - 1}"
        )
    scores = image_features @ classifier.weights.T  # (N, M)
    return torch.where(p_values(scores.amax(dim=1), null) <= level, scores.argmax(dim=1), NONE)
