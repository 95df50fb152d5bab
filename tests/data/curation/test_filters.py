"""Filters at their published thresholds, on both sides of each; and what they report."""

import io
import json
from functools import partial

import numpy as np
import pytest
from PIL import Image

from clip_tutor.data.curation.filter_report import FilterReport, name_of, settings_of
from clip_tutor.data.curation.filters import (
    ALIGN,
    CONCEPTUAL_12M,
    aspect_ratio,
    caption_length,
    captions_of_image,
    captions_per_image,
    common_words,
    images_per_caption,
    keep,
    min_side,
    no_boilerplate,
    repeated_words,
    shared_caption,
    unseen_image,
)
from clip_tutor.data.curation.steps import FilterStep
from clip_tutor.data.curation.web_pair import WebPair
from tests.data.photographs import encoded


def sized(width: int, height: int) -> WebPair:
    return WebPair("a", "a red car", known_size=(width, height))


def said(caption: str) -> WebPair:
    return WebPair("a", caption, known_size=(640, 480), known_hash=0)


def test_the_shorter_side_is_longer_than_200_pixels():
    assert [min_side(sized(*size)) for size in [(201, 900), (900, 201), (200, 900), (900, 200)]] == [1, 1, 0, 0]
    assert [min_side(sized(*size), pixels=400) for size in [(401, 401), (400, 900)]] == [True, False]


def test_the_longer_side_is_at_most_three_times_the_shorter_one():
    assert [aspect_ratio(sized(*size)) for size in [(300, 900), (900, 300), (300, 901), (901, 300)]] == [1, 1, 0, 0]
    assert [aspect_ratio(sized(*size), most=2.5) for size in [(400, 1000), (400, 1001)]] == [True, False]


def test_sizes_come_from_the_image_where_they_are_not_known():
    assert WebPair("a", "x", encoded(1, width=300, height=200)).size == (300, 200)
    sideways = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (300, 200)).save(sideways, "JPEG", exif=exif)
    assert not min_side(WebPair("a", "x", sideways.getvalue())), "upright or not, it has the same two sides"
    with pytest.raises(ValueError, match="asks for the size of a, and there is no image: give shards that hold images"):
        min_side(WebPair("a", "x"))


def test_a_caption_has_3_to_20_words():
    captions = ["red car", "a red car", "word " * 20, "word " * 21, "one, two: ...", "", "a-b c"]
    assert [caption_length(said(caption)) for caption in captions] == [False, True, True, False, False, False, False]


def test_a_caption_without_a_rare_word():
    known = frozenset({"a", "red", "car"})
    assert [common_words(said(caption), known) for caption in ["A red car!", "a red mggqpuweqdpd"]] == [True, False]


def test_a_caption_of_ten_images_stays_and_of_eleven_does_not():
    pairs = [WebPair(f"{n}", caption, known_hash=n) for caption, n in [("ten", n) for n in range(10)]]
    pairs += [WebPair(f"{n}", "eleven", known_hash=n) for n in range(11)]
    pairs += [WebPair(f"{n}", "one image, often", known_hash=5) for n in range(50)]
    counts = images_per_caption(pairs)
    assert counts == {"ten": 10, "eleven": 11, "one image, often": 1}
    kept = [pair.caption for pair in pairs if shared_caption(pair, images=counts)]
    assert set(kept) == {"ten", "one image, often"}


def test_an_image_with_a_thousand_captions_stays_and_with_one_more_does_not():
    pairs = [WebPair(f"{n}", f"caption {n % 1000}", known_hash=1) for n in range(1500)]
    pairs += [WebPair(f"{n}", f"caption {n}", known_hash=2) for n in range(1001)]
    counts = captions_per_image(pairs)
    assert counts == {1: 1000, 2: 1001}
    assert {pair.image_hash for pair in pairs if captions_of_image(pair, captions=counts)} == {1}


@pytest.mark.parametrize("seed", range(5))
def test_counts_are_what_sets_of_each_would_hold(seed):
    random = np.random.default_rng(seed)
    pairs = [WebPair("", f"c{random.integers(9)}", known_hash=int(random.integers(9))) for _ in range(200)]
    for caption, count in images_per_caption(pairs).items():
        assert count == len({pair.image_hash for pair in pairs if pair.caption == caption})
    for image, count in captions_per_image(pairs).items():
        assert count == len({pair.caption for pair in pairs if pair.image_hash == image})


def test_test_images_are_known_by_their_hashes_in_whatever_file():
    test_images = {WebPair("t", "", encoded(3, "PNG", 320, 240)).image_hash}
    assert not unseen_image(WebPair("a", "x", encoded(3, "BMP", 320, 240)), seen=test_images)
    assert unseen_image(WebPair("a", "x", encoded(9, "PNG", 320, 240)), seen=test_images)


def test_repeated_words_are_counted_from_their_second_time_on():
    captions = ["a b c d d", "a b c d d d", "sale sale sale", "no word twice", ""]
    assert [repeated_words(said(caption)) for caption in captions] == [True, False, False, True, True]


def test_boilerplate_is_known_at_both_ends_and_only_as_whole_words():
    captions = [
        "Stock photo: a cat",
        "a cat - stock photo.",
        "a stock photo of a cat",
        "stock photograph",
        "stock photo",
    ]
    assert [no_boilerplate(said(caption)) for caption in captions] == [False, False, True, True, False]
    assert not no_boilerplate(said("image of a cat"), phrases=("image of",))


# ---- all together ----------------------------------------------------------------------------------------------------


def test_the_first_filter_that_drops_a_pair_counts_it_and_five_are_shown():
    pairs = [sized(100, 100)] * 7 + [said("car")] + [said("a red car")] * 2 + [WebPair("b", "a red car", b"no image")]
    pairs.append(WebPair("c", ""))
    report = FilterReport()
    assert list(keep(pairs, ALIGN, report)) == [said("a red car")] * 2
    assert (report.pairs, report.kept) == (12, 2)
    assert report.dropped == {
        "min_side": 7,
        "caption_length": 1,
        "with an image that cannot be read": 1,
        "without a caption": 1,
    }
    assert report.examples["min_side"] == ["a: a red car"] * 5
    assert str(report).startswith("2 of 12 pairs kept\n  7 dropped: min_side\n      a: a red car\n")


def test_reports_add_up_to_that_of_all():
    pairs = [said("word " * n) for n in range(30)]
    whole, parts = FilterReport(), FilterReport()
    list(keep(pairs, ALIGN, whole))
    for start in range(0, 30, 7):
        part = FilterReport()
        list(keep(pairs[start : start + 7], ALIGN, part))
        parts.add(part)
    assert parts == whole


def test_cheap_filters_spare_the_others_the_work():
    def decodes(pair: WebPair) -> bool:
        raise AssertionError("it was asked")

    assert list(keep([said("car")], [caption_length, decodes], FilterReport())) == []


def test_settings_are_defaults_and_what_was_given():
    assert settings_of(min_side) == {"pixels": 200}
    assert settings_of(partial(min_side, pixels=400)) == {"pixels": 400}
    assert name_of(partial(partial(min_side, pixels=3), pixels=400)) == "min_side"
    counts = {f"caption {n}": n for n in range(1200)}
    told = settings_of(partial(shared_caption, images=counts))
    assert told["most"] == 10 and told["images"].startswith("1,200 entries, ")
    assert settings_of(partial(shared_caption, images=dict(reversed(counts.items())))) == told, "in any order"
    assert settings_of(partial(shared_caption, images=counts | {"caption 3": 4})) != told
    assert [FilterStep(ALIGN).settings, "conceptual"] == json.loads(
        json.dumps([FilterStep(ALIGN).settings, "conceptual"])
    )
    assert FilterStep(CONCEPTUAL_12M).settings["aspect_ratio"] == {"most": 2.5}


def test_filters_that_a_card_could_not_tell_apart_are_refused():
    for filters in ([lambda pair: True], [min_side, partial(min_side, pixels=400)]):
        with pytest.raises(ValueError, match="give each a name of its own"):
            FilterStep(filters)
