"""Data sets of the Hub, mapped and streamed, in the forms in which they are stored there."""

import itertools
from collections import Counter
from pathlib import Path

import datasets
import pytest
from datasets import Dataset, Features, Image, List, Value, load_dataset
from torch.utils.data import DataLoader

from clip_tutor.data.batches import Photos
from clip_tutor.data.hub import DatasetPairs, DatasetStream, parquet_pairs
from clip_tutor.data.pairs import PairSet, PairStream
from clip_tutor.tokenizers import BPETokenizer
from tests.data.photographs import captions_of, encoded

FEATURES = Features({"image": Image(), "captions": List(Value("string")), "filename": Value("string")})


@pytest.fixture(autouse=True)
def offline(monkeypatch, tmp_path):
    """No network, and no cache but this test's own."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)


def rows(numbers: range, broken: tuple[int, ...] = ()) -> dict[str, list]:
    images = [encoded(n)[: 200 if n in broken else None] for n in numbers]
    return {
        "image": [{"bytes": image, "path": f"{n}.jpg"} for n, image in zip(numbers, images, strict=True)],
        "captions": [list(captions_of(n)) for n in numbers],
        "filename": [f"photo-{n}.jpg" for n in numbers],
    }


def write(folder: Path, shards: int, size: int = 4, broken: tuple[int, ...] = ()) -> list[str]:
    """Write Parquet shards as the Hub stores them, and return their paths."""
    paths = []
    for shard in range(shards):
        paths.append(str(folder / f"train-{shard:05d}-of-{shards:05d}.parquet"))
        part = Dataset.from_dict(rows(range(shard * size, (shard + 1) * size), broken), features=FEATURES)
        part.to_parquet(paths[-1])
    return paths


def streamed(paths: list[str]) -> datasets.IterableDataset:
    return load_dataset("parquet", data_files={"train": paths}, split="train", streaming=True)


def test_a_parquet_file_with_images_is_a_set(tmp_path):
    (path,) = write(tmp_path, 1)
    for pairs in (parquet_pairs(path), parquet_pairs([path]), DatasetPairs(Dataset.from_parquet(path))):
        assert isinstance(pairs, PairSet) and not isinstance(pairs, PairStream)
        assert len(pairs) == 4
        assert pairs[2] == ("photo-2.jpg", encoded(2), captions_of(2)), "as it is stored, not decoded and encoded again"


def test_several_parquet_files_are_one_set(tmp_path):
    pairs = parquet_pairs(write(tmp_path, 3))
    assert [pairs[n].name for n in range(len(pairs))] == [f"photo-{n}.jpg" for n in range(12)]


def test_columns_go_by_many_names(tmp_path):
    plain = {"img": [{"bytes": encoded(1), "path": None}], "sentence": ["a dog"]}
    pair = DatasetPairs(Dataset.from_dict(plain, features=Features({"img": Image(), "sentence": Value("string")})))[0]
    assert pair == ("row 0", encoded(1), ("a dog",))
    of_coco = {"image": [encoded(1)], "sentences": [[{"raw": "A dog .", "imgid": 1}, {"raw": "Two .", "imgid": 1}]]}
    assert DatasetPairs(Dataset.from_dict(of_coco))[0].captions == ("A dog .", "Two .")
    of_flickr8k = {"image": [encoded(1)], "caption_0": ["A dog ."], "caption_1": ["Two ."], "split": ["train"]}
    assert DatasetPairs(Dataset.from_dict(of_flickr8k))[0].captions == ("A dog .", "Two .")
    (tmp_path / "1.jpg").write_bytes(encoded(1))
    by_path = {"image": [str(tmp_path / "1.jpg")], "text": ["a"], "alt": ["b"]}
    dataset = Dataset.from_dict(
        by_path, features=Features({"image": Image(), "text": Value("string"), "alt": Value("string")})
    )
    pair = DatasetPairs(dataset, captions="alt")[0]
    assert (pair.image, pair.name, pair.captions) == (str(tmp_path / "1.jpg"),) * 2 + (("b",),)


def test_a_damaged_image_of_the_hub_is_skipped(tmp_path):
    words = BPETokenizer.train(captions_of(1), 600, context_length=16)
    for pairs in (
        parquet_pairs(write(tmp_path, 3, broken=(5,))),
        DatasetStream(streamed(write(tmp_path, 3, broken=(5,)))),
    ):
        stream = iter(Photos(pairs, 16).stream(words, 4))
        seen = [next(stream) for _ in range(3)]
        skipped = [reason for batch in seen for reason in batch.skipped]
        assert len(skipped) >= 1 and all(reason.startswith("photo-5.jpg: ") for reason in skipped)
        assert all(len(batch.names) == 4 for batch in seen)


@pytest.mark.parametrize(("world", "workers"), [(1, 1), (2, 1), (2, 2), (1, 3), (3, 2), (2, 6)])
def test_all_workers_together_see_each_pair_of_a_stream_once(tmp_path, world, workers):
    stream = DatasetStream(streamed(write(tmp_path, 6)))
    assert isinstance(stream, PairStream)
    seen: Counter[str] = Counter()
    for rank, worker in itertools.product(range(world), range(workers)):
        mine = [pair.name for pair in stream.pairs(rank, world, worker, workers, epoch=0)]
        assert mine, "nobody goes away empty"
        seen.update(mine)
    assert len(seen) == 24 and set(seen.values()) == {1}


def test_in_real_worker_processes_a_stream_is_split_once_and_not_twice(tmp_path):
    words = BPETokenizer.train(captions_of(1), 600, context_length=16)
    seen: list[str] = []
    for rank in range(2):
        stream = Photos(DatasetStream(streamed(write(tmp_path, 8))), 16).stream(words, 8, rank=rank, world=2)
        for batch in itertools.islice(DataLoader(stream, batch_size=None, num_workers=2), 4):
            seen += batch.names
    assert len(seen) == len(set(seen)) == 32, "two ranks of two workers have seen all of one epoch"


def test_a_stream_gives_what_the_set_gives(tmp_path):
    paths = write(tmp_path, 3)
    pairs = parquet_pairs(paths)
    assert sorted(DatasetStream(streamed(paths)).pairs(0, 1, 0, 1, 0)) == [
        pairs[n] for n in sorted(range(12), key=lambda n: pairs[n].name)
    ]


def test_shards_come_in_another_order_in_each_epoch_and_the_same_again(tmp_path):
    paths = write(tmp_path, 6)

    def orders(seed: int) -> list[list[str]]:
        stream = DatasetStream(streamed(paths), seed=seed)
        return [[pair.name for pair in stream.pairs(0, 1, 0, 1, epoch)] for epoch in range(3)]

    assert orders(0)[0] != orders(0)[1] and sorted(orders(0)[0]) == sorted(orders(0)[1])
    assert orders(0) == orders(0) != orders(1)


def test_what_is_no_single_split_is_refused_with_the_way_out(tmp_path):
    paths = write(tmp_path, 1)
    whole = load_dataset("parquet", data_files={"train": paths, "test": paths})
    with pytest.raises(TypeError, match=r"several splits \(train, test\): choose one, as in load_dataset"):
        DatasetPairs(whole)
    with pytest.raises(TypeError, match="not IterableDataset: for the other kind there is DatasetStream"):
        DatasetPairs(streamed(paths))
    with pytest.raises(TypeError, match="not Dataset: for the other kind there is DatasetPairs"):
        DatasetStream(whole["train"])


def test_missing_columns_and_files_are_named(tmp_path):
    dataset = Dataset.from_dict({"image": [b""], "label": [3]})
    with pytest.raises(ValueError, match="this data set has no column for captions among image, label"):
        DatasetPairs(dataset)
    with pytest.raises(ValueError, match="there is no column 'words': this data set has image, label"):
        DatasetPairs(dataset, captions="words")
    with pytest.raises(ValueError, match="no column for images among captions, filename"):
        DatasetPairs(Dataset.from_dict({"captions": ["a"], "filename": ["b"]}))
    with pytest.raises(FileNotFoundError, match=r"there is no Parquet file .*train.parquet"):
        parquet_pairs(tmp_path / "train.parquet")


def test_a_parquet_file_that_was_cut_off_is_named(tmp_path):
    (path,) = write(tmp_path, 1)
    Path(path).write_bytes(Path(path).read_bytes()[:-20])
    with pytest.raises(ValueError, match=rf"{path} is not a Parquet file, or was cut off"):
        parquet_pairs(path)


def test_what_is_no_caption_is_named_with_its_row_and_column():
    dataset = Dataset.from_dict({"image": [b"", b""], "caption": [3, 4]})
    with pytest.raises(ValueError, match=r"row 1 of this data set, column caption: captions are a text .* not int: 4"):
        DatasetPairs(dataset)[1]


def test_two_columns_of_one_name_lose_nothing():
    two = Dataset.from_dict({"image": [b""], " Caption": ["a"], "caption": ["b"]})
    assert DatasetPairs(two)[0].captions == ("a", "b")
    with pytest.raises(ValueError, match=r"this data set has 2 columns for images, \['image', 'Image '\]"):
        DatasetPairs(Dataset.from_dict({"image": [b""], "Image ": [b""], "caption": ["b"]}))
