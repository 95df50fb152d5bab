"""Retrieval: does the right one come first when a caption looks for its image, and the other way round?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from clip_tutor.evaluation.results import Result


def ranks(similarity: Tensor) -> Tensor:
    """Return (N,): how many candidates each query prefers to its own, which lies on the diagonal.

    Args:
        similarity: (N, N), one row a query, one column a candidate. Ties count against the query, so a model that
            calls everything equal gets no credit, nor does one that has diverged to NaN.

    Raises:
        ValueError: there is no query, or not one candidate for each.
    """
    if similarity.ndim != 2 or similarity.shape[0] != similarity.shape[1]:
        raise ValueError(
            f"one row a query and one column a candidate, in the same order: got {tuple(similarity.shape)}"
        )
    if not len(similarity):
        raise ValueError("there is no query to rank: give at least one pair")
    own = similarity.diagonal()[:, None]
    return (~(similarity < own)).sum(dim=1) - 1  # not ">=", which is false for NaN and would praise it


def recall_at_k(similarity: Tensor, k: int) -> float:
    """Return the share of queries that find their own among the best ``k`` candidates."""
    return (ranks(similarity) < k).float().mean().item()


def retrieval_report(image_features: Tensor, text_features: Tensor) -> dict[str, float]:
    """Return recall@1, 5 and 10, text→image and image→text, from (N, E) unit vectors of N pairs."""
    similarity = text_features @ image_features.T  # (N captions, N images)
    report = {f"recall_at_{k}": recall_at_k(similarity, k) for k in (1, 5, 10)}
    return report | {f"image_to_text_recall_at_{k}": recall_at_k(similarity.T, k) for k in (1, 5, 10)}


def multi_caption_ranks(image_features: Tensor, text_features: Tensor, image_of: Tensor) -> tuple[Tensor, Tensor]:
    """Return (N,) and (M,): how many candidates each caption and each image prefers to the best of its own.

    A caption has one image, an image has several captions: it is content when it finds any of them, and the
    others do not stand in its way. Ties count against the query, as in `ranks`.

    Args:
        image_features: (M, E) unit vectors of images.
        text_features: (N, E) unit vectors of their captions, in any order.
        image_of: (N,) which image a caption belongs to, from 0 to M − 1.

    Raises:
        ValueError: the shapes do not match, or an image has no caption.

    Source: Karpathy and Fei-Fei 2015, section 4.1; Radford et al. 2021, table 13, counts so too.
    """
    images, captions = len(image_features), len(text_features)
    if image_of.shape != (captions,):
        raise ValueError(f"{captions} captions need {captions} images they belong to: got {tuple(image_of.shape)}")
    if not captions or not images:
        raise ValueError(f"there is nothing to rank: {images} images and {captions} captions")
    missing = set(range(images)) - set(image_of.tolist())
    if missing or image_of.max() >= images or image_of.min() < 0:
        raise ValueError(
            f"each of {images} images needs a caption, numbered from 0: {len(missing)} have none, "
            f"and the largest number is {image_of.max()}, the smallest {image_of.min()}"
        )
    similarity = text_features @ image_features.T  # (N, M)
    own = image_of[:, None] == torch.arange(images, device=image_of.device)  # (N, M)
    # NaN is lower than everything when it is one's own, and higher when it is another's: see `ranks`.
    best = similarity.nan_to_num(-torch.inf).masked_fill(~own, -torch.inf)
    of_caption = (~(similarity < best.amax(dim=1, keepdim=True)) & ~own).sum(dim=1)
    of_image = (~(similarity < best.amax(dim=0, keepdim=True)) & ~own).sum(dim=0)
    return of_caption, of_image


@dataclass(frozen=True)
class OneWay:
    """Retrieval in one direction."""

    recall_at_1: float
    recall_at_5: float
    recall_at_10: float
    median_rank: int  # 1: half of the queries find their own first

    @classmethod
    def of(cls, ranked: Tensor) -> OneWay:
        """Return the figures of (N,) ranks that count from 0."""
        one, five, ten = ((ranked < k).float().mean().item() for k in (1, 5, 10))
        return cls(one, five, ten, int(np.median(ranked.cpu().numpy())) + 1)

    def __str__(self) -> str:
        at = ", ".join(f"@{k} {getattr(self, f'recall_at_{k}'):.4f}" for k in (1, 5, 10))
        return f"recall {at}; median rank {self.median_rank}"


@dataclass(frozen=True)
class Retrieval(Result):
    """How often captions find their image, and images one of their captions."""

    images: int
    captions: int
    text_to_image: OneWay  # every caption is a query
    image_to_text: OneWay  # an image is content with any of its captions
    problems: tuple[str, ...] = ()  # pairs and captions that were left out: "name: reason"

    def recalls(self) -> dict[str, float]:
        """Return the six recalls in one flat dictionary: ``text_to_image_recall_at_1`` and so on."""
        return {
            f"{way}_recall_at_{k}": getattr(getattr(self, way), f"recall_at_{k}")
            for way in ("text_to_image", "image_to_text")
            for k in (1, 5, 10)
        }

    def rows(self) -> list[tuple[str, str]]:
        """Return the lines of the table."""
        rows = [
            ("images, captions", f"{self.images:,}, {self.captions:,}"),
            ("text to image", str(self.text_to_image)),
            ("image to text", str(self.image_to_text)),
        ]
        if self.problems:
            rows.append(("left out", f"{len(self.problems)}, the first is {self.problems[0]}"))
        return rows


def retrieval(
    image_features: Tensor, text_features: Tensor, image_of: Tensor, problems: tuple[str, ...] = ()
) -> Retrieval:
    """Return recall and median rank both ways where each image has one caption or several, as Flickr8k and COCO do.

    Arguments and errors: `multi_caption_ranks`; ``problems`` are kept beside the figures.

    Source: Karpathy and Fei-Fei 2015, section 4.1, and their code: the median rank is rounded down, and counts from 1.
    """
    of_caption, of_image = multi_caption_ranks(image_features, text_features, image_of)
    images, captions = len(image_features), len(text_features)
    return Retrieval(images, captions, OneWay.of(of_caption), OneWay.of(of_image), problems)


def bootstrap_interval(hits: Tensor | NDArray[np.bool_], draws: int = 2000, seed: int = 0) -> tuple[float, float]:
    """Return the 95 % interval of a mean of hits and misses, from ``draws`` samples with replacement.

    Raises:
        ValueError: there are none.

    Source: Efron 1979, the percentile interval.
    """
    values = torch.as_tensor(hits).float()
    if not len(values):
        raise ValueError("an interval needs at least one hit or miss, and there are none")
    generator = torch.Generator().manual_seed(seed)
    at_once = max(1, 2**24 // len(values))  # draws, so that a large set does not fill the memory
    means = [
        values[torch.randint(len(values), (min(at_once, draws - done), len(values)), generator=generator)].mean(dim=1)
        for done in range(0, draws, at_once)
    ]
    low, high = torch.cat(means).quantile(torch.tensor([0.025, 0.975])).tolist()
    return low, high
