"""Photographs that telephones stored sideways reach the batch the right way up, from wherever they are read."""

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import Dataset, Features, Value
from datasets import Image as HubImage
from PIL import Image

from clip_tutor.data.batches import Photos
from clip_tutor.data.folder import read_folder
from clip_tutor.data.hub import DatasetPairs, DatasetStream, parquet_pairs
from clip_tutor.data.pairs import Pair
from clip_tutor.data.webdataset import ShardPairs
from clip_tutor.images import center_crop, resize
from tests.data.photographs import photograph

SIZE = 16
UPRIGHT = photograph(1, 60, 80)
FEATURES = Features({"image": HubImage(), "caption": Value("string")})


@pytest.fixture(scope="module")
def sideways() -> bytes:
    """A JPEG file, large enough to be decoded at half its size."""
    file, mark = io.BytesIO(), Image.Exif()
    mark[0x0112] = 6
    UPRIGHT.transpose(Image.Transpose.ROTATE_90).save(file, "JPEG", exif=mark, quality=95)
    return file.getvalue()


def hub_rows(data: bytes) -> Dataset:
    return Dataset.from_dict({"image": [{"bytes": data, "path": None}], "caption": ["a"]}, features=FEATURES)


def from_parquet(data: bytes, folder: Path) -> Pair:
    hub_rows(data).to_parquet(str(folder / "train.parquet"))
    return parquet_pairs(folder / "train.parquet")[0]


def from_stream(data: bytes, folder: Path) -> Pair:
    return next(DatasetStream(hub_rows(data).to_iterable_dataset()).pairs(0, 1, 0, 1, 0))


def decoded_by_datasets(data: bytes, folder: Path) -> Pair:
    return Pair("decoded", hub_rows(data)[0]["image"], ("a",))


def from_shard(data: bytes, folder: Path) -> Pair:
    with tarfile.open(folder / "0.tar", "w") as archive:
        for name, content in (("1.jpg", data), ("1.txt", b"a")):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return next(ShardPairs(folder / "0.tar").pairs(0, 1, 0, 1, 0))


def from_folder(data: bytes, folder: Path) -> Pair:
    (folder / "1.jpg").write_bytes(data)
    (folder / "captions.jsonl").write_text(json.dumps({"file_name": "1.jpg", "caption": "a"}))
    return read_folder(folder)[0]


@pytest.mark.parametrize("read", [
    lambda data, folder: DatasetPairs(hub_rows(data))[0],
    from_parquet,
    from_stream,
    decoded_by_datasets,
    from_shard,
    from_folder,
], ids=["set", "parquet", "stream", "decoded", "shard", "folder"])  # fmt: skip
@pytest.mark.parametrize("augment", [True, False])
def test_every_reader_shows_it_upright(sideways, tmp_path, read, augment):
    seen = Photos([], SIZE, augment).pixels(read(sideways, tmp_path).image, 0.5)
    expected = Photos([], SIZE, augment).pixels(UPRIGHT, 0.5)
    assert np.abs(seen.int() - expected.int()).float().mean() < 3


def test_a_thin_image_is_shown_at_once():
    thin = Image.new("RGB", (2, 300_000), "red")
    red = torch.tensor([255, 0, 0], dtype=torch.uint8).view(3, 1, 1)
    for augment in (True, False):
        assert (Photos([], 64, augment).pixels(thin, 0.5) == red).all()


def test_without_augmenting_a_sound_image_is_resized_and_cropped():
    expected = np.asarray(center_crop(resize(UPRIGHT, SIZE), SIZE))
    assert (Photos([], SIZE, augment=False).pixels(UPRIGHT, 0).permute(1, 2, 0).numpy() == expected).all()
