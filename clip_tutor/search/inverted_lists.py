"""Inverted lists: a query is compared with the vectors of a few lists only, those whose centers lie nearest to it.

    vectors ─ k-means ─▶ centers; each vector goes into the list of its nearest one, as 8 bits a number
    query ─▶ the nearest centers ("probes") ─▶ codes in their lists ─▶ some candidates ─ exact ─▶ the k best
                                                                         vectors in float16, on the disk

Reading half the bytes is what 8 bits are for. They blur a score by a thousandth or so, enough to swap the tenth and the
eleventh: so a few more candidates than asked for are scored again, exactly.

Nearest means the largest dot product, here as in the search: `faiss` would take L2, which is another order where
centers are not of unit length. Source: Sivic and Zisserman 2003; Jégou et al. 2011, section IV; `faiss`, IndexIVF.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clip_tutor.search.exact import Found, Mask, Vectors

PER_CENTER = 40  # vectors that k-means reads for each center
CENTERS = 4  # times the square root of the number of vectors: then centers and codes cost a query about the same
AT_ONCE = 16_384  # vectors that are brought to float32 and sorted into lists together


def _faiss() -> Any:
    """Return `faiss`, imported only where it is used.

    Beside torch it can crash on macOS, where both bring their own OpenMP (faiss issue 3401): one thread avoids that.
    """
    import faiss

    if sys.platform == "darwin":
        faiss.omp_set_num_threads(1)
    return faiss


class InvertedLists:
    """Lists over the first rows of an index. `build` or `open` makes one."""

    def __init__(self, index: Any) -> None:
        self._index = index

    def __len__(self) -> int:
        """Return how many rows are in the lists."""
        return int(self._index.ntotal)

    @property
    def count(self) -> int:
        """How many lists there are: the most that can be probed."""
        return int(self._index.nlist)

    @classmethod
    def build(cls, vectors: Vectors, seed: int = 0) -> InvertedLists:
        """Return lists of all rows of (N, E) vectors. A million of 512 numbers take a few minutes on two cores."""
        faiss = _faiss()
        N, E = vectors.shape
        nlist = max(1, min(round(CENTERS * math.sqrt(N)), N // PER_CENTER))
        quantizer = faiss.IndexFlatIP(E)
        kind = faiss.ScalarQuantizer.QT_8bit
        index = faiss.IndexIVFScalarQuantizer(quantizer, E, nlist, kind, faiss.METRIC_INNER_PRODUCT, False)
        index.cp.seed, index.cp.spherical = seed, True  # centers of unit length
        sample = np.random.default_rng(seed).choice(N, min(N, PER_CENTER * nlist), replace=False)
        index.train(_float32(vectors[np.sort(sample)]))
        for start in range(0, N, AT_ONCE):
            index.add(_float32(vectors[start : start + AT_ONCE]))
        return cls(index)

    def save(self, path: Path) -> None:
        """Write the lists, atomically.

        Raises:
            OSError: they could not be written.
        """
        draft = path.with_name(f".{path.name}.draft")
        try:
            _faiss().write_index(self._index, str(draft))
            draft.replace(path)
        except RuntimeError as error:  # what faiss raises, whatever the trouble is
            raise OSError(f"{path} could not be written: make room on its disk") from error
        finally:
            draft.unlink(missing_ok=True)

    @classmethod
    def open(cls, path: Path) -> InvertedLists:
        """Return lists that `save` wrote; their codes are mapped, not read.

        Raises:
            ValueError: the file is missing, cut off, or something else.
        """
        faiss = _faiss()
        try:
            index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP)
            if not isinstance(index, faiss.IndexIVFScalarQuantizer):
                raise RuntimeError("it holds another kind of index")
        except RuntimeError as error:
            raise ValueError(f"{path} cannot be read ({str(error).splitlines()[0]:.200})") from error
        # For mapped lists faiss would start 32 threads with each query, to read ahead: longer work than the search.
        faiss.downcast_InvertedLists(index.invlists).prefetch_nthread = 0
        return cls(index)

    def search(
        self,
        vectors: Vectors,
        queries: NDArray[np.float32],
        k: int,
        probes: int,
        candidates: int,
        allowed: Mask | None = None,
    ) -> Found:
        """Return for each of Q queries the ``k`` best rows that were found, scored as `exact_search` scores them.

        Args:
            vectors: (N, E) whose first rows the lists hold.
            queries: (Q, E), of unit length.
            probes: lists that are read for a query.
            candidates: rows that are scored again from ``vectors``.
            allowed: (N,) which rows may be found.

        Returns:
            (Q, k) scores and rows; where fewer were found, -inf and -1 fill the rest.
        """
        faiss = _faiss()
        settings = faiss.SearchParametersIVF(nprobe=min(probes, self.count))
        if allowed is not None:
            settings.sel = faiss.IDSelectorBitmap(np.packbits(allowed[: len(self)], bitorder="little"))
        rows = self._index.search(queries, max(k, candidates), params=settings)[1]  # (Q, candidates), -1: none
        scores = np.full(rows.shape, -np.inf, np.float32)
        for n, query in enumerate(queries):
            there = rows[n] >= 0
            scores[n, there] = vectors[rows[n, there]].astype(np.float32) @ query
        scores[~np.isfinite(scores)] = -np.inf
        order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(scores, order, 1), np.take_along_axis(rows, order, 1)


def _float32(vectors: Vectors) -> NDArray[np.float32]:
    return np.ascontiguousarray(vectors, np.float32)
