"""From vectors in the joint space to places on a flat map, and layouts that were made beforehand.

PCA is a view from one side: distances on it are never longer than in the space. UMAP and t-SNE keep who is near whom,
and nothing else: the distance between two far groups, and the size of a group, mean little.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from clip_tutor.model import CLIP
from clip_tutor.weights import fingerprint, read_tensors, write_tensors

MOST_POINTS = 2_000  # beyond some 4,000 UMAP compiles another method, for another minute


def pca_layout(features: Any) -> np.ndarray:
    """Return (N, 2): the vectors (N, E) seen along the two directions in which they spread most.

    Raises:
        ValueError: these are no vectors, or some hold NaN.
    """
    values = _vectors(features)
    centered = values - values.mean(axis=0)
    _, directions = np.linalg.eigh(centered.T @ centered)  # (E, E), the widest last
    return centered @ directions[:, [-1, -2]]


def umap_layout(features: Any, seed: int = 0) -> np.ndarray:
    """Return (N, 2): places that keep the nearest neighbors, by cosine, of at most 2,000 vectors (N, E).

    The first call in a kernel compiles for some 15 seconds. Distances between far groups mean little: show
    `pca_layout` beside it. Source: McInnes et al. 2018.

    Raises:
        ValueError: there are fewer than 4 vectors, or more than 2,000; some hold NaN, or all are the same.
    """
    values = _neighbors("UMAP", features)
    import umap  # here and not above: importing it takes seconds, and few notebooks need it

    # From 4 and 5 vectors no two of three directions of the neighborhood graph can be computed to begin with.
    begin = {"init": "random"} if len(values) < 6 else {}
    mapper = umap.UMAP(n_neighbors=min(15, len(values) - 1), metric="cosine", random_state=seed, n_jobs=1, **begin)
    return np.asarray(mapper.fit_transform(values))


def tsne_layout(features: Any, seed: int = 0) -> np.ndarray:
    """Return (N, 2): places by t-SNE, which keeps the nearest neighbors, by cosine, of 4 to 2,000 vectors (N, E).

    Source: van der Maaten and Hinton 2008.

    Raises:
        ValueError: there are fewer than 4 vectors, or more than 2,000; some hold NaN, or all are the same.
    """
    values = _neighbors("t-SNE", features)
    from sklearn.manifold import TSNE  # here and not above: few notebooks need it
    from threadpoolctl import threadpool_limits

    mapper = TSNE(perplexity=min(30.0, (len(values) - 1) / 3), metric="cosine", init="pca", random_state=seed)
    # So little work a step: on a busy machine, threads would wait for each other a hundred times as long.
    with threadpool_limits(1, user_api="openmp"):
        return np.asarray(mapper.fit_transform(values))


def _pca_without_seed(features: Any, seed: int = 0) -> np.ndarray:
    return pca_layout(features)


# What the map's button computes; each takes vectors (N, E) and a seed.
LAYOUTS: Mapping[str, Callable[[Any, int], np.ndarray]] = {
    "UMAP": umap_layout,
    "PCA": _pca_without_seed,
    "t-SNE": tsne_layout,
}


def joint(image_features: Any, text_features: Any) -> np.ndarray:
    """Return (2N, E): N images' vectors, then those of their captions: what a map of both is made of.

    Raises:
        ValueError: these are not as many captions as images, or their vectors have another length.
    """
    images, texts = _array(image_features), _array(text_features)
    if images.ndim != 2 or images.shape != texts.shape:
        raise ValueError(
            f"images and captions need vectors of one shape (N, E), pair by pair, not {images.shape} and {texts.shape}"
        )
    return np.concatenate([images, texts])


def made_of(model: CLIP, captions: Sequence[str]) -> dict[str, str]:
    """Return what a saved layout was made of: a fingerprint of the model, and one of the captions.

    Not of the vectors, which differ in their last bits from one machine to the next.
    """
    return {"model": fingerprint(model), "captions": hashlib.sha256("\n".join(captions).encode()).hexdigest()[:16]}


def save_layouts(path: str | Path, layouts: Mapping[str, np.ndarray], made_of: Mapping[str, str]) -> None:
    """Write layouts by name, each (2N, 2), and what they were `made_of`, as safetensors in half precision."""
    places = {name: torch.from_numpy(_on_unit_square(xy)).half() for name, xy in layouts.items()}
    write_tensors(path, places, dict(made_of))


def open_layouts(path: str | Path, made_of: Mapping[str, str]) -> dict[str, np.ndarray]:
    """Return the layouts of a file by name, each (2N, 2), in the order in which maps offer them.

    Raises:
        ValueError: they were made of another model's vectors, or of other pairs.
    """
    tensors, metadata = read_tensors(path)
    if metadata != dict(made_of):
        raise ValueError(
            f"the layouts in {path} were made of another model's vectors, or of other pairs, and say nothing "
            "about these: compute new ones, for example with lab.layouts.umap_layout, and save_layouts"
        )
    order = [*(name for name in LAYOUTS if name in tensors), *sorted(tensors.keys() - LAYOUTS.keys())]
    return {name: tensors[name].float().numpy() for name in order}


def _on_unit_square(xy: np.ndarray) -> np.ndarray:
    """Return places from 0 to 1, their proportions kept: there, half precision is exact to a two-thousandth."""
    low = xy.min(axis=0)
    return np.asarray((xy - low) / max(float((xy - low).max()), 1e-12), dtype=np.float32)


def _neighbors(method: str, features: Any) -> np.ndarray:
    """Return vectors of which neighbors can be told apart."""
    values = _vectors(features)
    if not 4 <= len(values) <= MOST_POINTS:
        raise ValueError(
            f"a {method} here takes 4 to {MOST_POINTS:,} vectors, not {len(values):,}: draw a sample of them"
        )
    if np.ptp(values, axis=0).max() < 1e-7:
        raise ValueError(
            f"all {len(values)} vectors are the same, so {method} finds no neighbors: has the model collapsed? "
            "A PCA shows them as one point"
        )
    return values


def _vectors(features: Any) -> np.ndarray:
    values = _array(features)
    if values.ndim != 2:
        raise ValueError(f"a layout is made of vectors (N, E), not of an array of shape {values.shape}")
    broken = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if len(broken):
        raise ValueError(
            f"{len(broken)} of {len(values)} vectors hold NaN or infinity, the first in row {broken[0]}: the model "
            "that made them has diverged, or an image is broken; leave these rows out"
        )
    return values


def _array(features: Any) -> np.ndarray:
    return np.asarray(features.detach().cpu() if hasattr(features, "detach") else features, dtype=np.float32)
