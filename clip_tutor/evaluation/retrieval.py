"""Retrieval: does the right one come first when a caption looks for its picture, and the other way round?"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def ranks(similarity: Tensor) -> Tensor:
    """Return (N,): how many candidates each query prefers to its own, which lies on the diagonal.

    Args:
        similarity: (N, N), one row a query, one column a candidate. Ties count against the query, so a model that
            calls everything equal gets no credit, nor does one that has diverged to NaN.
    """
    if similarity.ndim != 2 or similarity.shape[0] != similarity.shape[1]:
        raise ValueError(
            f"one row a query and one column a candidate, in the same order: got {tuple(similarity.shape)}"
        )
    own = similarity.diagonal()[:, None]
    return (~(similarity < own)).sum(dim=1) - 1  # not ">=", which is false for NaN and would praise it


def recall_at_k(similarity: Tensor, k: int) -> float:
    """Return the share of queries that find their own among the best ``k`` candidates."""
    return (ranks(similarity) < k).float().mean().item()


def retrieval_report(image_features: Tensor, text_features: Tensor) -> dict[str, float]:
    """Return recall@1, 5 and 10, text→image and image→text, from (N, E) unit vectors of N pairs."""
    similarity = text_features @ image_features.T  # (N captions, N pictures)
    report = {f"recall_at_{k}": recall_at_k(similarity, k) for k in (1, 5, 10)}
    return report | {f"image_to_text_recall_at_{k}": recall_at_k(similarity.T, k) for k in (1, 5, 10)}


def bootstrap_interval(hits: Tensor | NDArray[np.bool_], draws: int = 2000, seed: int = 0) -> tuple[float, float]:
    """Return the 95 % interval of a mean of hits and misses, from ``draws`` samples with replacement.

    Source: Efron 1979, the percentile interval.
    """
    values = torch.as_tensor(hits).float()
    generator = torch.Generator().manual_seed(seed)
    samples = torch.randint(len(values), (draws, len(values)), generator=generator)
    low, high = values[samples].mean(dim=1).quantile(torch.tensor([0.025, 0.975])).tolist()
    return low, high
