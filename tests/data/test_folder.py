"""Folders of pictures with every kind of caption file, and a sentence for every way to get one wrong."""

import csv
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from clip_tutor.data.folder import read_folder
from tests.data.photographs import encoded

SAID = {"one.jpg": ["a dog runs", "two dogs, in fact"], "sub/two.png": ['a "red" cat', "a cat ."]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    (tmp_path / "one.jpg").write_bytes(encoded(1))
    (tmp_path / "sub/two.png").write_bytes(encoded(2, "PNG"))
    return tmp_path


def write_csv(path: Path, heading: list[str], separator: str = ",", encoding: str = "utf-8") -> None:
    with open(path, "w", newline="", encoding=encoding) as file:
        writer = csv.writer(file, delimiter=separator)
        writer.writerow(heading)
        writer.writerows([name, caption] for name, captions in SAID.items() for caption in captions)


def assert_read(folder: Path, **where: str | Path) -> None:
    pairs = read_folder(folder, **where)
    assert {pair.name: list(pair.captions) for pair in pairs} == SAID
    assert all(Path(pair.picture).is_file() for pair in pairs)


@pytest.mark.parametrize("heading", [["file_name", "caption"], ["image", "caption"], ["Filename ", " Text"]])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_a_csv_file_has_a_row_for_each_caption(folder, heading, separator):
    write_csv(folder / "captions.csv", heading, separator)
    assert_read(folder)


def test_captions_may_stand_side_by_side_in_numbered_columns(folder):
    rows = [["file_name", "caption_0", "caption_1"], *([name, *captions] for name, captions in SAID.items())]
    with open(folder / "metadata.csv", "w", newline="") as file:
        csv.writer(file).writerows(rows)
    assert_read(folder)


def test_what_spreadsheets_write_before_the_heading_does_not_count(folder):
    write_csv(folder / "captions.csv", ["file_name", "caption"], encoding="utf-8-sig")
    assert_read(folder)


def test_flickr8k_as_it_is_passed_around(tmp_path):
    (tmp_path / "Images").mkdir()
    (tmp_path / "Images/1000_a.jpg").write_bytes(encoded(1))
    (tmp_path / "captions.txt").write_text(
        'image,caption\n1000_a.jpg,A child in a pink dress .\n1000_a.jpg,"A girl , climbing ."\n'
    )
    (pair,) = read_folder(tmp_path)
    assert pair == ("1000_a.jpg", tmp_path / "Images/1000_a.jpg", ("A child in a pink dress .", "A girl , climbing ."))


def test_flickr30k_as_it_is_passed_around(tmp_path):
    (tmp_path / "flickr30k_images").mkdir()
    (tmp_path / "flickr30k_images/1.jpg").write_bytes(encoded(1))
    rows = "image_name| comment_number| comment\n1.jpg| 0| Two men , outside .\n1.jpg| 1| Two friends .\n"
    (tmp_path / "results.csv").write_text(rows)
    (pair,) = read_folder(tmp_path)
    assert pair.captions == ("Two men , outside .", "Two friends .")


def test_a_space_before_the_quotes_of_a_caption_does_not_count(folder):
    (folder / "captions.csv").write_text('image, caption\none.jpg, "two dogs, in fact"\n')
    assert read_folder(folder)[0].captions == ("two dogs, in fact",)


def test_json_lines_hold_one_caption_or_a_list(folder):
    rows = [{"file_name": "one.jpg", "captions": SAID["one.jpg"]}]
    rows += [{"file_name": "sub/two.png", "caption": caption, "width": 3} for caption in SAID["sub/two.png"]]
    (folder / "captions.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n\n")
    assert_read(folder)


@pytest.mark.parametrize("as_list", [True, False])
def test_a_parquet_table_holds_one_caption_a_row_or_a_list(folder, as_list):
    rows = [(name, captions) for name, captions in SAID.items()]
    if not as_list:
        rows = [(name, caption) for name, captions in rows for caption in captions]
    names, captions = zip(*rows, strict=True)
    parquet.write_table(pa.table({"file_name": names, "caption": captions}), folder / "metadata.parquet")
    assert_read(folder)


def test_a_caption_file_may_lie_anywhere_and_be_called_anything(folder, tmp_path_factory):
    file = tmp_path_factory.mktemp("elsewhere") / "my words.tsv"
    write_csv(file, ["path", "sentence"], "\t")
    assert_read(folder, captions=file)


def test_pictures_without_words_are_kept_and_left_out_later(folder):
    (folder / "captions.csv").write_text("file_name,caption\none.jpg,a dog\nsub/two.png,\n")
    assert [pair.captions for pair in read_folder(folder)] == [("a dog",), ()]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("photo,caption\none.jpg,a dog\n", "no column for the pictures' file names among photo, caption.*'file_name'"),
        ("image,words\none.jpg,a dog\n", "no column for captions among image, words. Call one of them 'captions'"),
        ("", "among none at all"),
        ("image,caption\n", "holds no caption: write one row a caption"),
        ("image,caption\none.jpg,\n", "holds no caption"),
        ("image,caption\none.jpg\n", "row 2 of .* has too few columns"),
        ("image,caption\none.jpg,a dog\none.jpg,a dog, a cat\n", "row 3 of .*more columns.*in quotes"),
    ],
)
def test_a_wrong_csv_file_is_told_what_it_lacks(folder, text, message):
    (folder / "captions.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_folder(folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"file_name": "one.jpg", "caption": "a"}\n{"file_name": ', "line 2 of .* is not JSON"),
        ('["one.jpg", "a dog"]\n', "line 1 of .* is not {.file_name"),
        ('{"file_name": "one.jpg"}\n', "no column for captions among file_name"),
        ('{"file_name": "one.jpg", "caption": 3}\n', "row 1 of .*: captions are a text or a list of texts, not int"),
    ],
)
def test_wrong_json_lines_are_told_what_they_lack(folder, text, message):
    (folder / "captions.jsonl").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_folder(folder)


def test_a_table_with_the_pictures_inside_is_sent_to_the_right_reader(folder):
    table = pa.table({"image": [{"bytes": encoded(1), "path": "1.jpg"}], "caption": ["a"]})
    parquet.write_table(table, folder / "captions.parquet")
    with pytest.raises(ValueError, match=r"holds dict, not file names.*parquet_pairs"):
        read_folder(folder)


def test_what_is_not_there_is_named(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"has no file with captions: write captions.csv with the columns"):
        read_folder(folder)
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*nowhere"):
        read_folder(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"there is no caption file .*words.csv"):
        read_folder(folder, folder / "words.csv")
    with pytest.raises(ValueError, match=r"ends in '.xlsx': captions are read from .csv"):
        read_folder(folder, folder / "words.xlsx")
    (folder / "captions.csv").write_text("image,caption\nthree.jpg,a dog\n")
    with pytest.raises(FileNotFoundError, match=r"names 'three.jpg', but there is no .*names are relative"):
        read_folder(folder)
