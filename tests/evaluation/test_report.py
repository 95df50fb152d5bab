"""Photographs are measured as far as they can be, a batch at a time; what is left out is named."""

import json

import pytest
import torch
from PIL import Image

from clip_tutor.data.batches import Photos
from clip_tutor.data.folder import read_folder
from clip_tutor.data.pairs import Pair
from clip_tutor.embedding import encode_images, encode_texts
from clip_tutor.evaluation import pair_vectors, report, usable
from clip_tutor.evaluation.report import photo_report
from clip_tutor.evaluation.retrieval import retrieval


def photo(n, *captions):
    return Pair(f"{n}.png", Image.effect_noise((40, 50), n + 1).convert("RGB"), captions or (f"a cat and {n} dogs",))


PAIRS = [photo(n) for n in range(6)]
BROKEN = Pair("broken.jpg", b"\xff\xd8\xff half a file", ("a cat",))


def test_the_figures_are_those_of_all_pixels_at_once(model, tokenizer, monkeypatch):
    pixels = torch.stack([Photos(PAIRS, 32, augment=False).pixels(pair.image, 0) for pair in PAIRS])
    captions = [caption for pair in PAIRS for caption in pair.captions]
    texts = encode_texts(model, tokenizer, captions)
    expected = retrieval(encode_images(model, pixels), texts, torch.arange(6)).recalls()
    monkeypatch.setattr(pair_vectors, "BATCH", 4)
    sizes = []
    monkeypatch.setattr(pair_vectors, "encode_images", lambda m, p: sizes.append(len(p)) or encode_images(m, p))
    figures = photo_report(model, tokenizer, PAIRS)
    assert {name: figures[name] for name in expected} == pytest.approx(expected)
    assert sizes == [4, 2], "never all pixels at once"
    assert (figures["test_images"], figures["test_captions"], figures["chance_at_10"]) == (6, 6, 1.0)


def test_a_set_and_a_generator_are_measured_as_a_list_is(model, tokenizer, tmp_path):
    for n, pair in enumerate(PAIRS):
        pair.image.save(tmp_path / f"{n}.png")
    rows = [json.dumps({"file_name": f"{n}.png", "captions": pair.captions}) for n, pair in enumerate(PAIRS)]
    (tmp_path / "captions.jsonl").write_text("\n".join(rows))
    expected = photo_report(model, tokenizer, PAIRS)
    assert photo_report(model, tokenizer, iter(PAIRS)) == expected
    assert photo_report(model, tokenizer, read_folder(tmp_path)) == expected


def test_what_cannot_be_measured_is_left_out_and_named(model, tokenizer, tmp_path):
    odd = [
        photo(6, "&nbsp;", "two dogs"),
        photo(7, "&nbsp;"),
        photo(8)._replace(captions=()),
        BROKEN,
        photo(9)._replace(image=tmp_path / "gone.png"),
        photo(10)._replace(image=tmp_path),
    ]
    with pytest.warns(UserWarning, match="left out of the test") as caught:
        figures = photo_report(model, tokenizer, [*PAIRS, *odd])
    said = str(caught[0].message).splitlines()[1:]
    assert [line.split(": ")[0].strip() for line in said] == [
        "6.png",
        "7.png",
        "8.png",
        "broken.jpg",
        "9.png",
        "10.png",
    ]
    assert "its caption '&nbsp;' has no words" in said[0]
    assert (figures["test_images"], figures["test_captions"]) == (7, 7)


def test_a_warning_does_not_name_thousands(model, tokenizer, monkeypatch):
    monkeypatch.setattr(report, "NAMED", 2)
    with pytest.warns(UserWarning, match=r"broken.jpg: .*\n.*broken.jpg: .*\n  and 3 more$"):
        assert photo_report(model, tokenizer, [*PAIRS, *[BROKEN] * 5])["test_images"] == 6


def test_nothing_to_measure_on(model, tokenizer):
    with pytest.raises(ValueError, match="nothing to measure on: the test set holds no pair"):
        photo_report(model, tokenizer, [])
    with (
        pytest.warns(UserWarning, match="left out"),
        pytest.raises(ValueError, match=r"none of the 2 pairs can be measured, the first because of broken\.jpg: "),
    ):
        photo_report(model, tokenizer, [BROKEN, BROKEN])


@pytest.mark.parametrize(
    ("pairs", "advice"),
    [
        ("photos", "not 'photos': clip_tutor.data.folder.read_folder makes one"),
        ({"a.png": "a cat"}, "a test set is a list of Pair"),
        (3, "a test set is a list of Pair"),
        (["photos/a.png"], r"a pair is Pair\(name, image, captions\)"),
        ([PAIRS[0]._replace(captions="a cat")], r"its captions are a tuple, such as \('a cat',\)"),
    ],
)
def test_a_text_is_no_test_set(model, tokenizer, pairs, advice):
    with pytest.raises(TypeError, match=advice):
        photo_report(model, tokenizer, pairs)


def test_a_test_set_is_looked_at_no_further_than_needed(monkeypatch):
    def pairs(broken):
        yield from [BROKEN] * broken
        yield PAIRS[0]
        pytest.fail("one is enough")

    usable.require_usable(pairs(3), "test")
    monkeypatch.setattr(usable, "LOOK_AT", 3)
    with pytest.raises(ValueError, match=r"^test: none of the first 3 pairs can be measured, .*\n  broken.jpg: "):
        usable.require_usable(pairs(3), "test")
    with pytest.raises(ValueError, match="test holds no pair"):
        usable.require_usable([], "test")
