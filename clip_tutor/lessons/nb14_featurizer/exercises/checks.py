"""Labelled vectors for the checks of notebook 14."""

import torch


def overlapping(
    counts: tuple[int, ...], seed: int, width: int = 5, spread: float = 1.2
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return vectors (N, D) and labels (N,) of Gaussian classes of unequal sizes and unequal distance from zero."""
    centers = torch.randn(len(counts), width, generator=torch.Generator().manual_seed(7))
    centers = centers * torch.linspace(0.6, 2.4, len(counts))[:, None]
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    random = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(labels), generator=random)
    vectors = centers[labels] + spread * torch.randn(len(labels), width, generator=random)
    return vectors[order], labels[order]
