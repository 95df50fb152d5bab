"""Labelled image sets: what they hold, and what they refuse."""

import pytest
from PIL import Image

from clip_tutor.data.labelled import LabelledImages


def test_labels_must_match_classes_and_images():
    image = Image.new("RGB", (8, 8))
    with pytest.raises(ValueError, match="holds no image"):
        LabelledImages(("cat",), [], [])
    with pytest.raises(ValueError, match="2 images and 1 labels"):
        LabelledImages(("cat",), [0], [image, image])
    with pytest.raises(ValueError, match=r"1 labels do not match the 2 class names, the first is -1 in row 1"):
        LabelledImages(("cat", "dog"), [0, -1], [image, image])


def test_a_part_keeps_classes_and_titles(tmp_path):
    paths = [tmp_path / f"{n}.png" for n in range(4)]
    for n, path in enumerate(paths):
        Image.new("L", (10 + n, 10)).save(path)
    some = LabelledImages(("cat", "dog"), [0, 1, 0, 1], paths).take([3, 0])
    assert (len(some), some.labels, some.names) == (2, [1, 0], ("cat", "dog"))
    assert some.describe(0) == str(paths[3]) and some.open(0).size == (13, 10) and some.open(0).mode == "RGB"
