"""Inverted lists find what exact search finds, say how often, and are tuned on text queries."""

import numpy as np
import pytest

from clip_tutor.search import Store, VectorIndex, exact_search
from clip_tutor.search.inverted_lists import InvertedLists
from clip_tutor.search.tuning import TARGET, Tuning, recall_at_k, tune
from tests.search.conftest import unit

N, E = 4000, 32


def around(centers: np.ndarray, count: int, spread: float, seed: int) -> np.ndarray:
    """Unit vectors around random ones of the centers."""
    random = np.random.default_rng(seed)
    vectors = centers[random.integers(len(centers), size=count)] + spread * unit(count, E, seed + 1)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    return around(unit(60, E), N, 0.7, seed=2).astype(np.float16)


@pytest.fixture(scope="module")
def image_queries() -> np.ndarray:
    return around(unit(60, E), 200, 0.7, seed=4)


@pytest.fixture(scope="module")
def text_queries() -> np.ndarray:
    """As far from all images as captions are: most of each lies in a direction of its own."""
    return around(unit(60, E), 200, 2.0, seed=6)


@pytest.fixture(scope="module")
def lists(vectors) -> InvertedLists:
    return InvertedLists.build(vectors)


def test_with_every_list_read_the_answer_is_the_exact_one(lists, vectors, image_queries):
    scores, rows = lists.search(vectors, image_queries, 10, probes=lists.count, candidates=40)
    exact_scores, exact_rows = exact_search(vectors, image_queries, 10)
    np.testing.assert_allclose(scores, exact_scores, atol=1e-6)
    assert (rows == exact_rows).mean() > 0.99, "all but ties"


def test_a_score_is_exact_however_few_lists_are_read(lists, vectors, image_queries):
    scores, rows = lists.search(vectors, image_queries, 5, probes=1, candidates=20)
    plain = np.einsum("qe,qke->qk", image_queries, vectors[rows].astype(np.float32))
    np.testing.assert_allclose(scores, plain, atol=1e-6)
    assert (np.diff(scores) <= 0).all()


def test_scoring_candidates_again_mends_what_eight_bits_blur(lists, vectors, image_queries):
    tenth = exact_search(vectors, image_queries, 10)[0][:, -1]
    recalls = [
        recall_at_k(vectors, image_queries, lists.search(vectors, image_queries, 10, lists.count, c)[1], tenth)
        for c in (10, 40)
    ]
    assert recalls[0] < recalls[1] == 1


def test_text_queries_need_more_probes_than_image_queries(lists, vectors, text_queries, image_queries):
    on_images, on_text = (tune(lists, vectors, queries, "") for queries in (image_queries, text_queries))
    assert on_text.probes > on_images.probes

    def recall(queries: np.ndarray, probes: int) -> float:
        rows = lists.search(vectors, queries, 10, probes, 40)[1]
        return recall_at_k(vectors, queries, rows, exact_search(vectors, queries, 10)[0][:, -1])

    assert recall(image_queries, on_images.probes) > 0.98
    assert recall(text_queries, on_images.probes) < 0.95, "good for images, and captions miss one in twenty"
    assert recall(text_queries, on_text.probes) > 0.98


def test_tuning_takes_the_fewest_probes_that_are_enough_on_one_half_and_measures_on_the_other(
    lists, vectors, text_queries
):
    tuning = tune(lists, vectors, text_queries, "captions")
    halves = text_queries[::2], text_queries[1::2]

    def recall(queries: np.ndarray, probes: int) -> float:
        rows = lists.search(vectors, queries, 10, probes, tuning.candidates)[1]
        return recall_at_k(vectors, queries, rows, exact_search(vectors, queries, 10)[0][:, -1])

    assert recall(halves[0], tuning.probes) >= TARGET > recall(halves[0], tuning.probes * 7 // 8)
    assert tuning.recall_at_10 == recall(halves[1], tuning.probes) and tuning.queries == 100
    assert f"recall@10 is {tuning.recall_at_10:.3f} on 100 text queries" in str(tuning)
    with pytest.raises(ValueError, match="1 text queries are too few"):
        tune(lists, vectors, text_queries[:1], "captions")


def test_a_hit_counts_if_its_score_reaches_the_tenths():
    """Of many equal vectors any ten are right."""
    vectors, query = np.tile(unit(1, E), (50, 1)), unit(1, E)
    assert recall_at_k(vectors, query, np.arange(40, 50)[None], np.array([1.0])) == 1
    assert recall_at_k(vectors, query, np.array([[1, 2, -1, -1]]), np.array([1.0])) == 0.5


@pytest.fixture
def index(tmp_path, vectors, text_queries) -> VectorIndex:
    store = Store.create(tmp_path / "index", "model", E)
    store.append(vectors, [str(n) for n in range(N)])
    index = VectorIndex(store)
    index.build_lists(text_queries, "captions")
    return index


def test_an_index_knows_how_good_it_is_when_it_is_opened(index):
    again = VectorIndex(Store.open(index.rows.path))
    assert again.tuning == index.tuning == Tuning(**index.rows.manifest["tuning"])
    assert again.tuning.recall_at_10 > 0.98
    assert (again.search(unit(1, E), 10)[1] == index.search(unit(1, E), 10)[1]).all()


def test_no_query_starts_threads_to_read_ahead(index):
    """faiss would start 32 for each, and a search of a million vectors would take twice as long."""
    import faiss

    again = VectorIndex(Store.open(index.rows.path))
    assert faiss.downcast_InvertedLists(again.lists._index.invlists).prefetch_nthread == 0


def test_rows_that_were_added_later_are_found_and_removed_ones_are_not(index, image_queries):
    late = image_queries[:3]
    index.rows.append(late, ["a", "b", "c"])
    assert [index.search(query[None], 1)[1][0, 0] for query in late] == [N, N + 1, N + 2]
    best = index.search(image_queries[5:6], 20)[1][0]
    index.rows.remove(best[:15].tolist())
    index.rows.remove([N + 1])
    assert index.search(image_queries[5:6], 5)[1][0].tolist() == best[15:].tolist()
    assert index.search(late[1:2], 1)[1][0, 0] != N + 1


def test_a_filter_is_exact(index, vectors, text_queries):
    allowed = np.random.default_rng(0).random(N) < 0.01
    rows = index.search(text_queries[:1], 10, allowed)[1]
    assert (rows == exact_search(vectors, text_queries[:1], 10, allowed)[1]).all() and allowed[rows].all()


@pytest.mark.parametrize("damage", ["cut", "other", "missing"])
def test_damaged_lists_are_named_and_the_remedy_works(index, damage):
    path = index.rows.path / "lists.faiss"
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:5000] if damage == "cut" else b"something else")
    with pytest.raises(ValueError, match=r"the inverted lists of .* are damaged: .*Delete lists\.faiss and the entry"):
        VectorIndex(Store.open(index.rows.path))
    path.unlink(missing_ok=True)
    del index.rows.manifest["tuning"]
    index.rows.write_manifest()
    assert VectorIndex(Store.open(index.rows.path)).lists is None
