"""Random numbers that can be looked up instead of drawn one after the other.

An ordinary generator is a tape: number 1,000 exists only after 999 others were read. A scene that is to be
the same in any order, in any worker process and after any crash needs a dictionary instead: the number for
(seed, scene, draw) is a hash of the three. The hash is SplitMix64 (Steele, Lea and Flood 2014, figure 17).
"""

import numpy as np
from numpy.typing import NDArray

_GOLDEN = 0x9E3779B97F4A7C15


def _mix(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def counter_rng(seed: int, indices: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    """Return (len(indices), count) numbers, uniform in [0, 1): row i depends on the seed and indices[i] alone."""
    with np.errstate(over="ignore"):  # arithmetic modulo 2**64 is the point
        start = _mix(np.array([seed % 2**64], np.uint64) + np.uint64(_GOLDEN))
        rows = _mix(start + indices.astype(np.uint64)[:, None] * np.uint64(_GOLDEN))
        cells = _mix(rows + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(_GOLDEN))
    return (cells >> np.uint64(11)).astype(np.float64) * 2.0**-53


def pick(allowed: NDArray[np.bool_], uniform: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return, for each row of ``allowed`` (B, n), one of its true columns, chosen uniformly by ``uniform`` (B,)."""
    position = (uniform * allowed.sum(axis=1)).astype(np.int64)
    return (allowed.cumsum(axis=1) > position[:, None]).argmax(axis=1)
