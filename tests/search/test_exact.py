"""Exact search is a sort of all scores."""

import numpy as np
import pytest

from clip_tutor.search import exact, exact_search
from tests.search.conftest import unit


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_chunks_give_what_sorting_all_scores_gives(monkeypatch, dtype):
    monkeypatch.setattr(exact, "CHUNK", 7)
    vectors, queries = unit(100).astype(dtype), unit(5, seed=1)
    scores, rows = exact_search(vectors, queries, 12)
    plain = queries @ vectors.astype(np.float32).T
    assert (rows == np.argsort(-plain, axis=1, kind="stable")[:, :12]).all()
    np.testing.assert_allclose(scores, np.take_along_axis(plain, rows, 1), atol=1e-6)


def test_only_allowed_rows_are_found_and_fewer_where_there_are_fewer(monkeypatch):
    monkeypatch.setattr(exact, "CHUNK", 7)
    allowed = np.zeros(100, bool)
    allowed[[3, 50, 99]] = True
    scores, rows = exact_search(unit(100), unit(2, seed=1), 10, allowed)
    assert scores.shape == rows.shape == (2, 3) and set(rows[0]) == {3, 50, 99}
    assert exact_search(unit(0), unit(2), 3)[1].shape == (2, 0)


def test_of_equal_scores_the_lower_row_comes_first_and_nan_last(monkeypatch):
    monkeypatch.setattr(exact, "CHUNK", 4)
    vectors = np.tile(np.eye(1, 16, dtype=np.float32), (10, 1))
    vectors[2] = np.nan
    assert exact_search(vectors, vectors[:1], 10)[1][0].tolist() == [0, 1, 3, 4, 5, 6, 7, 8, 9, 2]
