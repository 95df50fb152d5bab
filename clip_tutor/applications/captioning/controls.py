"""Is it the image that a captioner speaks of? Four looks at captions that read well.

    collapse           the same caption for all images: fluent, plausible, and about none of them
    shuffled prefix    each image's caption is written from another image: what is right even so, chance and the
                       language model's habits explain
    blind              a language model that never saw an image, trained on the same captions
    nearest caption    no language model at all: the caption of the training image whose vector is nearest

A captioner that has not learned to read its prefix falls back on what captions have in common. Its loss still falls,
for most of a caption can be guessed from its beginning.

Sources: the collapse is reported by users of ClipCap; Devlin et al. 2015, "Exploring nearest neighbor approaches for
image captioning"; Rohrbach et al. 2018, "Object hallucination in image captioning", on the language prior.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class Collapse(NamedTuple):
    """How alike the captions of different images are."""

    distinct: float  # the share of captions that differ: 1 if no two are the same, 1 / N if all are
    most_frequent: float  # the share of images that have the most frequent caption
    caption: str  # that one


def collapse(captions: Sequence[str]) -> Collapse:
    """Return how alike the captions of different images are.

    Raises:
        ValueError: there are no captions.

    >>> collapse(["a man", "a man", "a man", "a dog"])
    Collapse(distinct=0.5, most_frequent=0.75, caption='a man')
    """
    if not captions:
        raise ValueError("there are no captions to compare: give those of several different images")
    ((caption, count),) = Counter(captions).most_common(1)
    return Collapse(len(set(captions)) / len(captions), count / len(captions), caption)


def shuffled(image_features: Tensor, seed: int = 0) -> Tensor:
    """Return (B, E) vectors in another order, in which no image keeps its own.

    Raises:
        ValueError: there is only one.
    """
    B = len(image_features)
    if B < 2:
        raise ValueError(f"{B} image vectors cannot change places: give at least two")
    order = torch.randperm(B, generator=torch.Generator().manual_seed(seed))
    others = torch.empty_like(order)
    others[order] = order.roll(1)  # each goes to the next of a random circle
    return image_features[others]


def nearest_captions(image_features: Tensor, train_features: Tensor, train_captions: Sequence[str]) -> list[str]:
    """Return for each image the caption of the training image whose vector is nearest.

    Args:
        image_features: (B, E) unit vectors.
        train_features: (M, E) unit vectors of the training images, in float16 for instance.
        train_captions: M.

    Raises:
        ValueError: vectors and captions are not as many.
    """
    if len(train_features) != len(train_captions):
        raise ValueError(
            f"{len(train_features)} training vectors and {len(train_captions)} captions: give one caption a vector"
        )
    best = torch.full((len(image_features),), -torch.inf)
    which = torch.zeros(len(image_features), dtype=torch.long)
    for start, part in enumerate(train_features.split(PART)):
        score, place = (image_features @ part.to(image_features).T).max(dim=1)  # (B,)
        nearer = score > best
        best, which = torch.where(nearer, score, best), torch.where(nearer, place + start * PART, which)
    return [train_captions[n] for n in which.tolist()]


PART = 10_000  # training vectors that are compared at once
