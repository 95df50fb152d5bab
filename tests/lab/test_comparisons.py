"""Two models on one query, and the retrieval grid, without a browser."""

import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from clip_tutor.lab import compare_search, retrieval_grid
from clip_tutor.lab.widgets.compare_search import side_by_side
from clip_tutor.lab.widgets.retrieval_grid import AS_THEY_COME, IMAGES_TO_WORDS, WORDS_TO_IMAGES, WORST_FIRST
from clip_tutor.search import Answer, Hit, ImageIndex
from clip_tutor.weights import load

N = 20
IMAGES = [np.full((8, 8, 3), 10 * n, np.uint8) for n in range(N)]
CAPTIONS = [f"{n} <cats>" for n in range(N)]
ADDRESSES = {n: f"address-{n}" for n in range(N)}


def answer(*rows: int) -> Answer:
    return Answer(tuple(Hit(CAPTIONS[row], 0.5 - 0.01 * row, row) for row in rows))


def test_what_models_share_and_do_not_is_marked():
    html = side_by_side("a & b", {"one": answer(1, 2, 3), "two": answer(3, 4, 1)}, ADDRESSES, CAPTIONS)
    assert "“a &amp; b”: 2 of 3 images are found by both models" in html
    assert html.count("✓ 0.") == 4
    assert html.count("found only by this model") == 2
    assert html.count('src="address-3"') == 2
    assert 'alt="4 &lt;cats&gt;"' in html
    assert "scores 0.47 to 0.49" in html
    assert html.count('aria-label="') == 2


def test_of_three_models_some_may_share():
    html = side_by_side("cats", {"a": answer(1), "b": answer(1), "c": answer(2)}, ADDRESSES, CAPTIONS)
    assert "0 of 1 images are found by all 3 models" in html
    assert (html.count("found by some"), html.count("found only by this model")) == (2, 1)


@pytest.fixture(scope="module")
def indexes() -> dict[str, ImageIndex]:
    torch.manual_seed(0)
    pixels = torch.rand(N, 3, 64, 64)
    built = {}
    for name in ("emoji", "emoji_plain"):
        model, tokenizer, _ = load(name)
        built[name] = ImageIndex(model, tokenizer)
        built[name].add_pixels(pixels, CAPTIONS)
    return built


def test_a_search_is_made_in_every_index(indexes: dict[str, ImageIndex]):
    board = compare_search(indexes, IMAGES, ["two cats", "a rocket"], k=4)
    html = board.screen.html
    assert html.value.count("<img") == 8
    for name, index in indexes.items():
        assert f"<b>{name}</b>" in html.value
        for hit in index.search("two cats", k=4):
            assert f"{hit.score:.2f}" in html.value
    before = html.value
    board.children[1].children[1].click()
    assert board.controls["words"].value == "a rocket"
    assert html.value != before
    board.controls["words"].value = "  "
    assert "Type a few words" in html.value
    board.sweep()
    assert board.error is None


def test_a_comparison_needs_two_indexes_of_these_images(indexes: dict[str, ImageIndex]):
    with pytest.raises(ValueError, match="two models or more"):
        compare_search({"emoji": indexes["emoji"]}, IMAGES, ["a cat"])
    with pytest.raises(ValueError, match="index of emoji holds 20 images, and 19 are to be shown"):
        compare_search(indexes, IMAGES[:-1], ["a cat"])


def turned(pairs: int = N) -> tuple[torch.Tensor, torch.Tensor]:
    """Return vectors of which caption 0 fits image 1 best and caption 1 image 0, all others their own."""
    images = torch.eye(pairs)
    return images, images[[1, 0, *range(2, pairs)]]


def test_each_query_stands_over_its_best_candidates_and_its_own_is_marked():
    images, texts = torch.eye(N), F.normalize(torch.eye(N) + 0.2 * torch.eye(N)[[*range(1, N), 0]], dim=-1)
    board = retrieval_grid(images, texts, IMAGES, CAPTIONS, k=3)
    html = board.draw(WORDS_TO_IMAGES, AS_THEY_COME, 1)
    first = re.split("<tr", html)[1]
    assert re.findall(r'alt="(\d+) ', first) == ["0", "1", "2"]
    assert first.index("✓ </b>0.98") < first.index("0.20")
    assert "100.0% of 20 queries find their own first" in html
    assert html.count("<tr") == 8


def test_one_that_is_not_among_the_best_follows_with_its_place():
    board = retrieval_grid(*turned(), IMAGES, CAPTIONS, k=1)
    html = board.draw(WORDS_TO_IMAGES, WORST_FIRST, 1)
    first = re.split("<tr", html)[1]
    assert re.findall(r'alt="(\d+) ', first) in (["1", "0"], ["0", "1"])
    assert "place 20" in first, "ties count against it"
    assert "90.0% of 20 queries" in html


def test_both_directions_and_all_pages():
    board = retrieval_grid(*turned(), IMAGES, CAPTIONS)
    assert "images find words" in board.draw(direction=IMAGES_TO_WORDS)
    assert board.controls["page"].max == 3
    assert board.draw(page=3).count("<tr") == 4
    board.sweep()


def test_pairs_that_do_not_fit_or_are_not_numbers_are_refused():
    images, texts = turned()
    with pytest.raises(ValueError, match="19 images, 20 captions"):
        retrieval_grid(images, texts, IMAGES[:-1], CAPTIONS)
    broken = texts.clone()
    broken[4] = torch.nan
    with pytest.raises(ValueError, match="vectors of 1 captions and 0 images hold NaN"):
        retrieval_grid(images, broken, IMAGES, CAPTIONS)


@pytest.mark.parametrize("pairs", [1, 5])
def test_few_pairs_and_identical_vectors(pairs: int):
    same = torch.ones(pairs, 4) / 2
    board = retrieval_grid(same, same, IMAGES[:pairs], CAPTIONS[:pairs])
    board.sweep()
    assert board.error is None
