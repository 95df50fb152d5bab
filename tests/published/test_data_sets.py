"""Data sets that others keep, really downloaded: one of labels by torchvision, one of captions, as a stream."""

from itertools import islice

import pytest
from datasets import load_dataset
from torchvision.datasets import CIFAR10

from clip_tutor.data.hub import DatasetStream
from clip_tutor.data.labelled import open_labelled
from clip_tutor.images import load_image

pytestmark = [pytest.mark.slow, pytest.mark.published]


def test_cifar10_has_ten_thousand_test_images_of_ten_classes(download, tmp_path):
    download(lambda: CIFAR10(tmp_path, train=False, download=True))
    labelled = open_labelled(f"cifar10:{tmp_path}", "test")
    assert (len(labelled.labels), len(labelled.names)) == (10_000, 10)
    assert load_image(labelled.images[0]).size == (32, 32)


def test_flickr8k_streams_images_with_captions(download):
    stream = download(lambda: DatasetStream(load_dataset("jxie/flickr8k", split="train", streaming=True)))
    pairs = list(islice(stream.pairs(0, 1, 0, 1, 0), 3))
    assert len(pairs) == 3
    for pair in pairs:
        assert pair.captions and all(pair.captions)
        assert min(load_image(pair.image, convert=True).size) > 100
