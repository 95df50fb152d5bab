"""A labelled set becomes vectors; broken files are named and move nobody."""

import io
import threading

import pytest
import torch
from PIL import Image

from clip_tutor.data.labelled import LabelledImages
from clip_tutor.embedding import encode_images
from clip_tutor.evaluation import encoding
from clip_tutor.evaluation.encoding import encode_labelled, encode_pieces, joined
from clip_tutor.weights import load

NAMES = ("red", "green", "blue")


def colored(n: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (70 + n, 66), [(200, n, 0), (0, 200, n), (n, 0, 200)][n % 3]).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def model():
    return load("emoji").model


def labelled(count: int, broken: tuple[int, ...] = ()) -> LabelledImages:
    images = [b"no image" if n in broken else colored(n) for n in range(count)]
    return LabelledImages(NAMES, [n % 3 for n in range(count)], images)


def test_broken_files_are_named_and_shift_no_other(model):
    whole = encode_labelled(model, labelled(20))
    holes = encode_labelled(model, labelled(20, broken=(0, 7, 19)))
    kept = torch.tensor([n for n in range(20) if n not in (0, 7, 19)])
    assert torch.equal(holes.rows, kept) and torch.equal(holes.labels, kept % 3)
    torch.testing.assert_close(holes.features, whole.features[kept])
    assert list(holes.problems) == ["row 0", "row 7", "row 19"] and "not an image" in holes.problems["row 7"]


def test_many_batches_equal_one_by_one(model, monkeypatch):
    monkeypatch.setattr(encoding, "CPU_BATCH", 4)
    some = labelled(18)
    pixels = [model.config.preprocessing.pixels(some.open(n), 64) for n in range(18)]
    expected = encode_images(model, torch.stack(pixels))
    torch.testing.assert_close(encode_labelled(model, some, workers=3).features, expected, atol=1e-5, rtol=0)
    ends, pieces = zip(*encode_pieces(model, some, start=13), strict=True)
    later = joined(list(pieces))
    assert ends == (17, 18)
    assert later.rows.tolist() == list(range(13, 18))
    torch.testing.assert_close(later.features, expected[13:], atol=1e-5, rtol=0)


def test_a_whole_batch_may_be_broken_but_not_the_whole_set(model, monkeypatch):
    monkeypatch.setattr(encoding, "CPU_BATCH", 4)
    assert encode_labelled(model, labelled(9, broken=(4, 5, 6, 7))).rows.tolist() == [0, 1, 2, 3, 8]
    with pytest.raises(ValueError, match="none of 3 images can be used, the first is row 0"):
        encode_labelled(model, labelled(3, broken=(0, 1, 2)))


def test_a_vector_of_nan_is_a_problem_of_its_image(model):
    def encode(pixels: torch.Tensor) -> torch.Tensor:
        features = pixels.float().mean(dim=(2, 3))
        features[2] = float("nan")
        return features

    encoded = encode_labelled(model, labelled(5), encode=encode)
    assert encoded.rows.tolist() == [0, 1, 3, 4] and "NaN" in encoded.problems["row 2"]


def test_other_features_may_be_asked_for(model):
    encoded = encode_labelled(model, labelled(5), encode=lambda pixels: pixels.float().mean(dim=(2, 3)))
    assert encoded.features.shape == (5, 3) and encoded.features[0].argmax() == 0


def test_who_stops_listening_leaves_no_thread_behind(model, monkeypatch):
    monkeypatch.setattr(encoding, "CPU_BATCH", 2)
    before = threading.active_count()
    pieces = encode_pieces(model, labelled(40))
    next(pieces)
    pieces.close()
    assert threading.active_count() <= before
