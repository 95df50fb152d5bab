"""The benchmark of photographs: which images it learns from, and which it is asked about."""

import csv
import importlib
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest
from datasets import Dataset, Features, Image, List, Value

from clip_tutor.data.pairs import Pair
from tests.data.photographs import captions_of, encoded, make_pairs

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def photos(monkeypatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("photos")


def write_parquet(path: Path, numbers: range) -> None:
    rows = {
        "image": [{"bytes": encoded(n), "path": f"photo-{n}.jpg"} for n in numbers],
        "captions": [list(captions_of(n)) for n in numbers],
    }
    features = Features({"image": Image(), "captions": List(Value("string"))})
    Dataset.from_dict(rows, features=features).to_parquet(str(path))


def write_folder(folder: Path, numbers: range) -> None:
    folder.mkdir(exist_ok=True)
    with open(folder / "captions.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file_name", "caption"])
        for n in numbers:
            (folder / f"photo-{n}.jpg").write_bytes(encoded(n))
            writer.writerows([f"photo-{n}.jpg", caption] for caption in captions_of(n))


def names(pairs: list[Pair]) -> set[str]:
    return {pair.name for pair in pairs}


def named(numbers: range) -> set[str]:
    return {f"photo-{n}.jpg" for n in numbers}


@pytest.mark.parametrize("pattern", ["{}.parquet", "data/{}-00000-of-00001.parquet"])
def test_a_folder_of_parquet_files_has_its_own_test_split(photos, tmp_path, pattern):
    (tmp_path / "data").mkdir()
    for split, numbers in (("train", range(20)), ("test", range(20, 25)), ("validation", range(25, 30))):
        write_parquet(tmp_path / pattern.format(split), numbers)
    train, test, where = photos.open_splits(tmp_path, None)
    assert (names(train), names(test), where) == (named(range(20)), named(range(20, 25)), "the test split")
    _, test, where = photos.open_splits(tmp_path, tmp_path / pattern.format("validation"))
    assert names(test) == named(range(25, 30)) and where.endswith(".parquet")


def test_folders_of_images_may_be_splits_too(photos, tmp_path):
    write_folder(tmp_path / "train", range(20))
    write_folder(tmp_path / "test", range(20, 25))
    train, test, where = photos.open_splits(tmp_path, None)
    assert (names(train), names(test), where) == (named(range(20)), named(range(20, 25)), "the test split")


def test_without_a_test_split_a_tenth_of_the_images_is_held_out(photos, tmp_path):
    write_folder(tmp_path / "all", range(30))
    write_parquet(tmp_path / "all.parquet", range(30))
    for data in (tmp_path / "all", tmp_path / "all.parquet"):
        train, test, where = photos.open_splits(data, None)
        assert len(test) == 3 and names(train).isdisjoint(names(test))
        assert names(train) | names(test) == named(range(30))
        assert "a tenth of the images, held out" in where


def test_images_in_memory_are_small_and_damaged_ones_stay_for_training_to_name(photos):
    large = [Pair("large", encoded(1, width=400, height=200), ("a",)), Pair("small", encoded(1), ("a",))]
    broken = make_pairs(3, broken=(1,))
    kept = photos.in_memory(large + broken, 96)
    assert [pair.image.size for pair in kept[:2]] == [(192, 96), (40, 30)]
    assert kept[3] == broken[1] and kept[2].image.mode == "RGB"


@pytest.mark.slow
def test_the_last_line_counts_every_caption_of_the_test_split(photos, tmp_path, monkeypatch, capsys):
    write_parquet(tmp_path / "train.parquet", range(140))
    write_parquet(tmp_path / "test.parquet", range(140, 160))
    arguments = ["photos.py", "--data", str(tmp_path), "--seconds", "9", "--device", "cpu"]
    monkeypatch.setattr(sys, "argv", arguments)
    photos.main()
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (figures["test_images"], figures["test_captions"], figures["chance_at_10"]) == (20, 100, 0.5)
    recalls = [figures[f"{way}_recall_at_{k}"] for way in ("text_to_image", "image_to_text") for k in (1, 5, 10)]
    assert all(0 <= value <= 1 for value in recalls)
    assert recalls[0] <= recalls[1] <= recalls[2] and recalls[3] <= recalls[4] <= recalls[5]
    low, high = (figures[f"text_to_image_recall_at_10_{end}"] for end in ("low", "high"))
    assert low <= recalls[2] <= high
    assert figures["steps"] >= 1 and figures["train_seconds"] < 30
    monkeypatch.setattr(sys, "argv", [*arguments[:3], "--seconds", "0.01"])
    with pytest.raises(SystemExit, match="preparation alone took"):
        photos.main()
