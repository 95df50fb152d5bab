"""Data sets of the kit are indexed from a shell, go on after an interruption, and never hide each other's images."""

import csv
from pathlib import Path

import pyarrow as pa
import pytest
import torch
from pyarrow import parquet

from clip_tutor.data.labelled import emoji_scenes
from clip_tutor.search import ImageIndex, encode
from clip_tutor.search import __main__ as shell
from clip_tutor.search.data_sets import index_data_set, names_data_set, open_images
from tests.search.conftest import as_image, found, png, run


@pytest.fixture
def sets(tmp_path, scenes) -> Path:
    """The same eight scenes as a Parquet file, a folder with captions, a folder for each class, and COCO's layout."""
    batch = scenes.batch(range(8))
    rows = [{"bytes": png(pixels), "path": f"{n}.png"} for n, pixels in enumerate(batch.pixels)]
    parquet.write_table(pa.table({"image": rows, "caption": batch.captions}), tmp_path / "pairs.parquet")
    for folder in ("captioned", "classes/cat", "classes/dog"):
        (tmp_path / folder).mkdir(parents=True)
    for n, pixels in enumerate(batch.pixels):
        as_image(pixels).save(tmp_path / "captioned" / f"{n}.png")
        as_image(pixels).save(tmp_path / "classes" / ("dog" if n % 2 else "cat") / f"{n}.png")
    with open(tmp_path / "captioned" / "captions.csv", "w", newline="") as file:
        csv.writer(file).writerows(
            [("image", "caption"), *((f"{n}.png", text) for n, text in enumerate(batch.captions))]
        )
    return tmp_path


def test_data_sets_and_folders_are_told_apart(monkeypatch, tmp_path):
    names = ["scenes", "scenes:all", "parquet:a.parquet", "hub:owner/name", "webdataset:a.tar", "cifar10:x", "folder:x"]
    assert all(map(names_data_set, names))
    assert not any(map(names_data_set, ["photos", "~/Pictures", "C:\\photos", "http://a/b", "a:b", "./scenes", ""]))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scenes").mkdir()
    assert not shell.is_data_set(shell.parse(["index", "scenes"])), "a folder that is called so comes first"


@pytest.mark.parametrize(
    "data",
    ["parquet:{}/pairs.parquet", "folder:{}/captioned", "folder:{}/classes"],
)
def test_a_data_set_is_indexed_and_queried_by_its_names(sets, capsys, data):
    data, place = data.format(sets), sets / "index"
    assert "8 added" in run(capsys, "index", data, "--index", place)
    assert "0 added" in (again := run(capsys, "index", data, "--index", place)) and "8 unchanged" in again
    lines = run(capsys, "query", place, "--image", sets / "captioned" / "5.png", "-k", 2).splitlines()
    assert any("5.png" in line and "(the query itself)" in line for line in lines)


def test_scenes_are_indexed_at_the_models_size(sets, capsys, monkeypatch):
    monkeypatch.setattr(emoji_scenes, "COUNT", 40)
    assert "40 added" in run(capsys, "index", "scenes", "--index", sets / "index")
    assert "test scene" in run(capsys, "query", sets / "index", "a cat")


def test_a_class_is_the_caption_of_its_images(sets):
    pairs = open_images(f"folder:{sets}/classes", None, 32)
    assert [pairs[n].captions for n in range(len(pairs))] == [("cat",)] * 4 + [("dog",)] * 4


def test_an_interruption_loses_at_most_a_batch_and_the_same_call_goes_on(sets, open_index, monkeypatch):
    monkeypatch.setattr(encode, "FILES_AT_ONCE", 3)
    embed, sizes, data = encode.encode_images, [], f"parquet:{sets}/pairs.parquet"

    def interrupted(model: object, pixels: torch.Tensor) -> torch.Tensor:
        sizes.append(len(pixels))
        if len(sizes) == 2:
            raise KeyboardInterrupt
        return embed(model, pixels)

    monkeypatch.setattr(encode, "encode_images", interrupted)
    with pytest.raises(KeyboardInterrupt):
        index_data_set(open_index(), data)
    assert len(open_index()) == 3
    update = index_data_set(open_index(), data)
    assert (update.added, update.unchanged, sizes) == (5, 3, [3, 3, 3, 2])
    assert found(open_index()) == [f"{n}.png" for n in range(8)]


def test_what_has_come_to_a_set_is_added_and_bad_images_are_tried_again(sets, open_index):
    table = parquet.read_table(sets / "pairs.parquet")
    broken = pa.table({"image": [{"bytes": b"broken", "path": "bad.png"}], "caption": ["nothing"]}, table.schema)
    parquet.write_table(pa.concat_tables([broken, table.slice(0, 4)]), sets / "grows.parquet")
    first = index_data_set(open_index(), f"parquet:{sets}/grows.parquet")
    assert (first.added, list(first.problems)) == (4, ["bad.png"])
    parquet.write_table(table, sets / "grows.parquet")
    assert index_data_set(open_index(), f"parquet:{sets}/grows.parquet").added == 4
    assert found(open_index()) == [f"{n}.png" for n in range(8)]


def test_names_that_stand_in_a_set_twice_are_kept_twice(open_index, scenes):
    from clip_tutor.data.pairs import Pair
    from clip_tutor.search.data_sets import add_new_pairs

    pairs = [Pair("same", as_image(pixels), ("a cat",)) for pixels in scenes.batch(range(3)).pixels]
    index = open_index()
    assert add_new_pairs(index, pairs[:2]).added == 2
    assert add_new_pairs(index, pairs, held=index.names).added == 1 and len(index) == 3


def test_captions_of_the_set_are_what_search_is_tuned_on(sets, open_index, monkeypatch):
    told = []
    monkeypatch.setattr(ImageIndex, "finish", lambda index, captions=(): told.append(list(captions)))
    index_data_set(open_index(), f"parquet:{sets}/pairs.parquet")
    index_data_set(open_index(), f"parquet:{sets}/pairs.parquet")
    captions = parquet.read_table(sets / "pairs.parquet").column("caption").to_pylist()
    assert told == [captions, captions], "those of images that the index holds already among them"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["index", "parquet:{}/pairs.parquet"], "has no folder of its own: say with --index where it goes"),
        (["index", "parquet:{}/none.parquet", "--index", "{}/new"], "there is no Parquet file"),
        (["index", "folder:{}/captioned", "--index", "{}/index"], "is the index of the data set parquet:"),
        (["index", "parquet:{}/pairs.parquet", "--index", "{}/captioned/.clip_tutor_index"], "index of a folder of im"),
    ],
)
def test_a_mistake_ends_in_one_sentence(sets, capsys, arguments, words):
    run(capsys, "index", f"parquet:{sets}/pairs.parquet", "--index", sets / "index")
    run(capsys, "index", sets / "captioned")
    with pytest.raises(SystemExit, match=words):
        shell.run_from_shell(lambda: shell.main([argument.format(sets) for argument in arguments]))
