"""The references of notebook 10 are the library's: exact search, lists, recall, chance."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from clip_tutor.evaluation.retrieval import retrieval
from clip_tutor.lessons.nb10_image_search.exercises import language
from clip_tutor.lessons.nb10_image_search.exercises.captions import caption_recall
from clip_tutor.lessons.nb10_image_search.exercises.exact import exact_search
from clip_tutor.lessons.nb10_image_search.exercises.fitting import fits
from clip_tutor.lessons.nb10_image_search.exercises.lists import InvertedLists, unit_kmeans
from clip_tutor.search import ImageIndex
from clip_tutor.search import exact_search as library_search
from clip_tutor.search.chance import FITS_WORDS, random_captions


def unit(count: int, E: int = 16, seed: int = 0) -> torch.Tensor:
    return F.normalize(torch.randn(count, E, generator=torch.Generator().manual_seed(seed)), dim=-1)


def test_exact_search_is_the_librarys():
    vectors, queries = unit(3000), unit(3, seed=1)
    for allowed in (None, torch.arange(3000) % 7 == 0, torch.arange(3000) < 4):
        scores, rows = exact_search(vectors, queries, 10, allowed)
        mask = None if allowed is None else allowed.numpy()
        library_scores, library_rows = library_search(vectors.numpy(), queries.numpy(), 10, mask)
        assert rows.tolist() == library_rows.tolist()
        assert np.allclose(scores, library_scores, atol=1e-5)


def test_all_lists_are_exact_search_and_few_are_a_part_of_it():
    vectors, queries = unit(2000), unit(20, seed=1)
    lists = InvertedLists(vectors, unit_kmeans(vectors, vectors[:20], 8))
    assert sum(map(len, lists.lists)) == len(vectors)
    found = []
    for query in queries:
        best = exact_search(vectors, query[None], 10)[1][0].tolist()
        assert lists.search(query, 10, 20)[1].tolist() == best
        found.append(len(set(best) & set(lists.search(query, 10, 5)[1].tolist())) / 10)
    assert 0.4 < np.mean(found) < 1


def test_k_means_brings_vectors_nearer_to_their_centers():
    vectors = F.normalize(unit(400) + 2 * unit(8, seed=3).repeat_interleave(50, dim=0), dim=-1)
    near = [(vectors @ unit_kmeans(vectors, vectors[:8], rounds).T).amax(dim=1).mean() for rounds in (0, 1, 6)]
    assert near[0] < near[1] < near[2]


@pytest.mark.parametrize("each", [1, 5])
def test_recall_with_several_captions_is_the_librarys(each: int):
    images, image_of = unit(40), torch.arange(40).repeat_interleave(each)[torch.randperm(40 * each)]
    texts = F.normalize(images[image_of] + 1.2 * unit(40 * each, seed=2), dim=-1)
    library = retrieval(images, texts, image_of)
    for k in (1, 5, 10):
        to_image, to_text = caption_recall(texts @ images.T, image_of, k)
        assert to_image == pytest.approx(getattr(library.text_to_image, f"recall_at_{k}"))
        assert to_text == pytest.approx(getattr(library.image_to_text, f"recall_at_{k}"))


def test_what_fits_is_what_the_library_says(model, tokenizer, scenes):
    index = ImageIndex(model, tokenizer)
    index.add_pixels(scenes.batch(range(30)).pixels, [str(n) for n in range(30)])
    random_scores = torch.from_numpy(index._random()) @ index.features.T
    assert len(random_scores) == len(random_captions(tokenizer))
    for words in ("a cat", "two dogs on red", "zq"):
        hits = index.search(words, k=30)
        scores = torch.tensor([hit.score for hit in hits])
        assert fits(scores, random_scores[:, [hit.row for hit in hits]], FITS_WORDS).tolist() == [
            hit.fits for hit in hits
        ]


def test_what_was_learned_reads_names_in_any_alphabet():
    names, features, _, _ = language._world()
    with torch.random.fork_rng():
        torch.manual_seed(1)
        encode = language.learn_names(names, features, 0)
    vectors = encode([*names, "never read", "🦔"])
    assert vectors.shape == (len(names) + 2, features.shape[1]) and vectors.isfinite().all()
    assert len({tuple(row) for row in vectors.tolist()}) == len(names) + 2, "no two texts are one to it"
