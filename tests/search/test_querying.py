"""Queries: minus words, weights, filters, copies, and whether anything fits at all."""

import numpy as np
import pytest
import torch

from clip_tutor.data.emoji import load_emoji
from clip_tutor.data.pairs import Pair
from clip_tutor.data.scenes import Batch, Scenes
from clip_tutor.search import ImageIndex
from clip_tutor.search.chance import random_captions
from clip_tutor.search.grouping import SAME
from clip_tutor.weights import load
from tests.search.conftest import as_image

MANY = 1500


@pytest.fixture(scope="module")
def trained():
    """The model that comes with the kit, and its tokenizer."""
    return load("emoji")[:2]


@pytest.fixture(scope="module")
def shown() -> Batch:
    return Scenes(load_emoji(), "test").batch(range(MANY))


@pytest.fixture(scope="module")
def index(trained, shown) -> ImageIndex:
    index = ImageIndex(*trained)
    index.add_pixels(shown.pixels, shown.captions)
    return index


@pytest.mark.slow
def test_without_works_as_a_subtraction_and_not_as_text(index, shown):
    queries = [(number, color) for number in ("two", "three", "four") for color in ("red", "blue", "green", "black")]

    def share(answers: list) -> float:
        """How many of the hits show the color that was not wanted."""
        shares = [
            np.mean([shown.scenes[hit.row].background == color for hit in answer])
            for answer, (_, color) in zip(answers, queries, strict=True)
        ]
        return float(np.mean(shares))

    as_text = share([index.search(f"{n} cats without a {color} background") for n, color in queries])
    answers = [index.search(f"{n} cats", without=f"a {color} background") for n, color in queries]
    subtracted = share(answers)
    plain = share([index.search(f"{n} cats") for n, _ in queries])
    assert as_text > 2 * plain, "the text tower hears the color, and not the 'without'"
    assert subtracted < plain / 2
    wanted = {"two": 2, "three": 3, "four": 4}
    kept = [
        shown.scenes[hit.row].count == wanted[n]
        for answer, (n, _) in zip(answers, queries, strict=True)
        for hit in answer
    ]
    assert np.mean(kept) > 0.75, "and what was wanted stays"


@pytest.mark.slow
def test_captions_of_what_is_there_fit_and_random_words_do_not(index, shown):
    whole = [index.search(caption, k=1).fits for caption in shown.captions[:60]]
    random = [index.search(words, k=1).fits for words in random_captions(index.tokenizer, 60, seed=9)]
    assert np.mean(whole) > 0.9 and np.mean(random) < 0.45


def test_an_answer_says_what_is_high_for_this_model(index):
    answer = index.search("two cats on a red background")
    assert f"The best score is {answer[0].score:.2f}" in answer.explanation
    assert "random captions have" in answer.explanation and "0.25 to 0.35" in answer.explanation
    assert answer[0].z == pytest.approx(index.chance().z(answer[0].score, with_image=False))
    nothing = index.search(random_captions(index.tokenizer, 1, seed=4)[0])
    assert ("Nothing here fits" in nothing.explanation) == (not nothing[0].fits)


def test_an_index_of_one_image_knows_nothing_of_pairs(trained, shown):
    index = ImageIndex(*trained)
    index.add_pixels(shown.pixels[:1], shown.captions[:1])
    assert "an index of so few cannot say" in index.search(image=0).explanation


def test_chance_is_measured_again_when_the_index_has_grown(trained, shown):
    index = ImageIndex(*trained)
    index.add_pixels(shown.pixels[:10], shown.captions[:10])
    few = index.chance()
    index.add_pixels(shown.pixels[10:400], shown.captions[10:400])
    assert index.chance().best_mean > few.best_mean, "the best of more is better"
    assert index.chance().rows == 400


def test_weights_move_the_query_from_words_to_image(index, shown):
    image = as_image(shown.pixels[7])
    words_alone, image_alone = index.search("a cat", k=20), index.search(image=image, k=20)
    all_words, all_image = (index.search("a cat", image, k=20, weights=w) for w in ((1, 0), (0, 1)))
    assert [hit.row for hit in all_words] == [hit.row for hit in words_alone]
    assert [hit.row for hit in all_image] == [hit.row for hit in image_alone]
    rank = [[hit.row for hit in index.search("a cat", image, k=MANY, weights=(1, w))].index(7) for w in (0, 0.3, 1, 3)]
    assert rank == sorted(rank, reverse=True) and rank[-1] == 0
    with pytest.raises(ValueError, match="nothing is left of this query"):
        index.search("a cat", weights=(0, 1))


def test_the_image_that_was_searched_with_is_marked_and_a_row_can_be_searched_with(index, shown):
    by_image, by_row = index.search(image=as_image(shown.pixels[7])), index.search(image=7)
    assert [hit.row for hit in by_image] == [hit.row for hit in by_row]
    assert [hit.is_query for hit in by_row] == [True] + [False] * 9 and by_row[0].row == 7
    assert "(the query itself)" in str(by_row)
    with pytest.raises(ValueError, match=f"there is no row {MANY}"):
        index.search(image=MANY)


def test_words_longer_than_the_context_are_said_to_be_cut(index):
    answer = index.search("a cat and " * 30)
    (note,) = answer.notes
    assert "tokens, and this model reads 30" in note and "was not read" in note
    assert index.search("a cat").notes == ()


def test_each_image_is_recognized_where_vectors_are_rounded_to_half_precision(index, trained, tmp_path):
    """On the disk one vector in twenty is a little shorter than 1 by rounding."""
    index.save(tmp_path / "index")
    stored = ImageIndex.open(tmp_path / "index", *trained)
    lengths = np.linalg.norm(stored.rows.vectors.astype(np.float32), axis=1)
    shortest = lengths.argsort()[:20].tolist()
    assert lengths[shortest[0]] ** 2 < SAME, "else this proves nothing"
    found = [stored.search(image=row, k=1)[0] for row in shortest]
    assert [row for row, hit in zip(shortest, found, strict=True) if not hit.is_query] == []


def test_likenesses_are_grouped_where_that_is_asked_for(index):
    plain = index.search("a cat", k=10)
    vectors = index.features[[hit.row for hit in plain]]
    threshold = (vectors @ vectors.T - 2 * torch.eye(10)).max().item() - 1e-3  # the two most alike are grouped
    grouped = index.search("a cat", k=10, group_from=threshold)
    assert all(hit.copies == () for hit in plain) and any(hit.copies for hit in grouped) and len(grouped) == 10
    vectors = index.features[[hit.row for hit in grouped]]
    assert (vectors @ vectors.T - 2 * torch.eye(10)).max() < threshold, "no two that are shown are alike"


# ---- filters ---------------------------------------------------------------------------------------------------------


def test_a_filter_changes_no_score_and_promotes_nothing_that_does_not_fit(index, shown):
    counts = np.array([scene.count for scene in shown.scenes])
    index.set_column("count", counts)
    everything = {hit.row: hit for hit in index.search("three cats", k=MANY)}
    answer = index.search("three cats", k=30, where={"count": 3})
    assert len(answer) and all(counts[hit.row] == 3 for hit in answer)
    assert all(hit.score == pytest.approx(everything[hit.row].score, abs=1e-6) for hit in answer)
    assert [hit.row for hit in answer] == [row for row in everything if counts[row] == 3][: len(answer)]
    assert all(hit.fits for hit in answer)
    none = index.search("three cats on a red background", where={"count": 1})
    assert all(hit.fits for hit in none), "an image of one thing is not what was asked for, filter or not"
    assert any("left out" in note for note in none.notes)


def test_a_filter_works_with_an_image_and_with_a_function(index, shown):
    counts = np.array([scene.count for scene in shown.scenes])
    index.set_column("count", counts)
    answer = index.search(image=7, where={"count": lambda count: count > 1})
    assert len(answer) and all(counts[hit.row] > 1 and (hit.fits or hit.is_query) for hit in answer)
    assert index.search("a cat", where={"count": 99}).notes == ("no image passes the filter",)


def test_a_filter_that_makes_no_sense_is_refused(index):
    for where, error, words in (
        ({"size": 3}, KeyError, "has no column 'size' to filter by: it has folder, date"),
        ("red", TypeError, "a filter is a dictionary"),
        ({}, TypeError, "a filter is a dictionary"),
        ({"date": "July"}, ValueError, 'a date is "2023", "2023-07" or "2023-07-14"'),
        ({"date": 2023}, ValueError, "a date is .*, not 2023"),
        ({"folder": 3}, TypeError, "a folder is given by its name"),
        ({"date": lambda days: 3}, ValueError, "must return True or False for each"),
    ):
        with pytest.raises(error, match=words):
            index.search("a cat", where=where)
    with pytest.raises(ValueError, match="2 values for 1500 rows"):
        index.set_column("rating", [1, 2])
    with pytest.raises(ValueError, match="a column cannot be called 'date'"):
        index.set_column("date", np.zeros(MANY))


def test_files_are_filtered_by_folder_and_by_the_day_they_were_taken(model, tokenizer, tmp_path, scenes, monkeypatch):
    from PIL import Image

    from clip_tutor.search import chance

    monkeypatch.setattr(chance, "FITS_WORDS", -100.0)  # of this untrained model nothing fits
    days = {
        "2023/Italy/a.jpg": "2023:07:01 10:00:00",
        "2023/Italien/b.jpg": "2023:12:31 23:59:59",
        "c.jpg": "2024:01:01 00:00:00",
    }
    for name, day in days.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        exif = Image.Exif()
        exif[0x0132] = day
        as_image(scenes.batch([len(name)]).pixels[0]).save(tmp_path / name, exif=exif)
    index = ImageIndex(model, tokenizer)
    assert index.add_files([tmp_path / name for name in days]) == {}

    def names(**where: object) -> list[str]:
        return sorted(hit.name[-5:] for hit in index.search("a cat", where=where))

    assert names(folder="2023/Italy") == ["a.jpg"] and names(folder="2023") == ["a.jpg", "b.jpg"]
    assert names(folder=str(tmp_path)) == ["a.jpg", "b.jpg", "c.jpg"] and names(folder="Ital") == []
    assert names(date="2023") == ["a.jpg", "b.jpg"] and names(date="2023-07-01") == ["a.jpg"]
    assert names(date=("2023-12", "2024")) == ["b.jpg", "c.jpg"] and names(date=("2023-07", "2023-12-31")) == [
        "a.jpg",
        "b.jpg",
    ]
    assert names(folder="2023", date="2023-12") == ["b.jpg"]


def test_columns_are_kept_with_the_index(model, tokenizer, tmp_path, scenes):
    index = ImageIndex(model, tokenizer)
    index.add_pixels(scenes.batch(range(3)).pixels, ["a", "b", "c"])
    index.set_column("rating", [1, 5, 3])
    index.save(tmp_path / "index")
    again = ImageIndex.open(tmp_path / "index", model, tokenizer)
    assert again.columns["rating"].tolist() == [1, 5, 3] and list(again.columns) == ["folder", "date", "rating"]
    again.add_pixels(scenes.batch([3]).pixels, ["d"])
    with pytest.raises(ValueError, match="column rating has 3 values, and the index 4 rows: set it anew"):
        again.search("a cat", where={"rating": 5})


def test_a_data_set_is_indexed_under_its_names_and_bad_images_are_named(model, tokenizer, scenes):
    images = [as_image(pixels) for pixels in scenes.batch(range(3)).pixels]
    pairs = [Pair(str(n), image, ("a cat",)) for n, image in enumerate(images)]
    pairs.insert(1, Pair("bad", b"no image", ("a dog",)))
    index = ImageIndex(model, tokenizer)
    assert list(index.add_pairs(pairs)) == ["bad"]
    assert index.names == ["0", "1", "2"] and index.search(image=images[1], k=1)[0].name == "1"
