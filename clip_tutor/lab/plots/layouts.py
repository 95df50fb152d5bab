"""From vectors in the joint space to places on a flat map."""

from typing import Any

import numpy as np

MOST_POINTS = 2_000  # beyond some 4,000 UMAP compiles another method, for another minute


def pca_layout(features: Any) -> np.ndarray:
    """Return (N, 2): the vectors (N, E) seen along the two directions in which they spread most."""
    values = _vectors(features)
    centered = values - values.mean(axis=0)
    _, directions = np.linalg.eigh(centered.T @ centered)  # (E, E), the widest last
    return centered @ directions[:, [-1, -2]]


def umap_layout(features: Any, seed: int = 0) -> np.ndarray:
    """Return (N, 2): places that keep the nearest neighbors, by cosine, of at most 2,000 vectors (N, E).

    The first call in a kernel compiles for some 15 seconds. Distances between far groups mean little: show
    `pca_layout` beside it. Source: McInnes et al. 2018.

    Raises:
        ValueError: there are fewer than 4 vectors, or more than 2,000.
    """
    values = _vectors(features)
    if not 4 <= len(values) <= MOST_POINTS:
        raise ValueError(f"a UMAP here takes 4 to {MOST_POINTS:,} vectors, not {len(values):,}: draw a sample of them")
    import umap  # here and not above: importing it takes seconds, and few notebooks need it

    mapper = umap.UMAP(n_neighbors=min(15, len(values) - 1), metric="cosine", random_state=seed, n_jobs=1)
    return np.asarray(mapper.fit_transform(values))


def _vectors(features: Any) -> np.ndarray:
    values = np.asarray(features.detach().cpu() if hasattr(features, "detach") else features, dtype=np.float32)
    if values.ndim != 2:
        raise ValueError(f"a layout is made of vectors (N, E), not of an array of shape {values.shape}")
    return values
