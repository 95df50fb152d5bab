"""Folders of images with every kind of caption file, and a sentence for every way to get one wrong."""

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
    assert all(Path(pair.image).is_file() for pair in pairs)


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


def test_images_without_words_are_kept_and_left_out_later(folder):
    (folder / "captions.csv").write_text("file_name,caption\none.jpg,a dog\nsub/two.png,\n")
    assert [pair.captions for pair in read_folder(folder)] == [("a dog",), ()]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("photo,caption\none.jpg,a dog\n", "no column for the images' file names among photo, caption.*'file_name'"),
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


def test_a_table_with_the_images_inside_is_sent_to_the_right_reader(folder):
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


def test_a_row_without_its_separator_loses_nothing_but_itself(folder):
    """As the copy of Flickr30k is that is passed around: one of 158,915 rows lacks a bar."""
    rows = "image_name| comment_number| comment\none.jpg| 0| A dog .\none.jpg| 4   It runs .\nsub/two.png| 0| A cat .\n"
    (folder / "results.csv").write_text(rows)
    with pytest.warns(UserWarning, match=r"left out 1 of .*results.csv's rows. row 3 of .*too few.*missing.*It runs"):
        pairs = read_folder(folder)
    assert [pair.captions for pair in pairs] == [("A dog .",), ("A cat .",)]


def test_rows_that_name_no_image_are_named(folder):
    (folder / "captions.csv").write_text("file_name,caption\none.jpg,a dog\n,a cat\n,\n")
    with pytest.warns(UserWarning, match=r"left out 1 of .*row 3 of .* names no image: 'a cat'"):
        assert len(read_folder(folder)) == 1
    rows = [
        '{"file_name": "one.jpg", "caption": "a dog"}',
        '{"file_name": null, "caption": "a cat"}',
        '{"caption": "b"}',
    ]
    (folder / "words.jsonl").write_text("\n".join(rows))
    with pytest.warns(UserWarning, match=r"left out 2 of .*row 2 of .* names no image: 'a cat'; line 3 of .*no column"):
        assert len(read_folder(folder, folder / "words.jsonl")) == 1


def test_a_quote_that_is_never_closed_names_file_and_row(folder):
    text = 'file_name,caption\none.jpg,"a dog\u201d\n' + "sub/two.png,a cat that sits on the mat\n" * 6000
    (folder / "captions.csv").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"the quote that opens in row 2 of .*captions.csv is never closed"):
        read_folder(folder)
    (folder / "captions.csv").write_text('file_name,caption\none.jpg,"a dog\nsub/two.png,a 12"\n')
    with pytest.raises(ValueError, match=r"the quote that opens in row 2 of .*captions.csv is never closed"):
        read_folder(folder)


def test_quotes_of_files_that_do_not_quote_are_kept(folder):
    text = 'file_name\tcaption\none.jpg\t"a dog\none.jpg\t"Stop" it says\nsub/two.png\ta 12" cat\nsub/two.png\ta 12"\n'
    (folder / "words.tsv").write_text(text)
    said = [pair.captions for pair in read_folder(folder, folder / "words.tsv")]
    assert said == [('"a dog', '"Stop" it says'), ('a 12" cat', 'a 12"')]


@pytest.mark.parametrize("heading", ["file_name,caption,caption", "file_name, Caption,caption", "Image,text,text.1"])
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_two_columns_of_one_name_are_two_captions(folder, heading, kind):
    names, cells = heading.split(","), ["one.jpg", "a dog runs", "two dogs, in fact"]
    if kind == "csv":
        with open(folder / "metadata.csv", "w", newline="") as file:
            csv.writer(file).writerows([names, cells])
    else:
        parquet.write_table(pa.table([[cell] for cell in cells], names=names), folder / "metadata.parquet")
    assert read_folder(folder)[0].captions == ("a dog runs", "two dogs, in fact")


def test_numbered_captions_include_the_one_without_a_number_and_may_be_fewer(folder):
    (folder / "metadata.csv").write_text("file_name,caption,caption_2,split\none.jpg,a,b,train\nsub/two.png,c\n")
    assert [pair.captions for pair in read_folder(folder)] == [("a", "b"), ("c",)]


def test_two_columns_of_images_are_refused(folder):
    (folder / "captions.csv").write_text("file_name,File_Name ,caption\none.jpg,two.jpg,a dog\n")
    with pytest.raises(ValueError, match=r"captions.csv has 2 columns for the images' file names.*something else"):
        read_folder(folder)


@pytest.mark.parametrize("name", ["captions.csv", "captions.jsonl", "captions.txt", "words.json", "words.tsv"])
def test_text_of_any_unambiguous_encoding_is_read_and_other_text_named(folder, name):
    text = "file_name,caption\none.jpg,un café\n"
    if "json" in name:
        text = '{"file_name": "one.jpg",\t"caption": "un café"}\n'
    for encoding in ("utf-8-sig", "utf-16"):
        (folder / name).write_bytes(text.encode(encoding))
        assert read_folder(folder, folder / name)[0].captions == ("un café",)
    (folder / name).write_bytes(text.encode("cp1252"))
    with pytest.raises(
        ValueError, match=rf"line \d of .*{name} is not UTF-8 text: byte .*un café.*save the file as UTF"
    ):
        read_folder(folder, folder / name)


def test_trailing_separators_and_quoted_headings_do_not_count(folder):
    (folder / "captions.csv").write_text(
        '"file_name","caption",\r\none.jpg,a dog,\r\nsub/two.png,"a ""red"" cat",,,\r\n'
    )
    assert [pair.captions for pair in read_folder(folder)] == [("a dog",), ('a "red" cat',)]


def test_one_image_under_two_spellings_is_one_pair(folder):
    rows = "sub\\two.png,a\n./sub/two.png,b\nsub/two.png,c\none.jpg,d\n"
    (folder / "captions.csv").write_text("file_name,caption\n" + rows)
    assert read_folder(folder) == [
        ("sub\\two.png", folder / "sub/two.png", ("a", "b", "c")),
        ("one.jpg", folder / "one.jpg", ("d",)),
    ]


def test_images_that_are_not_there_are_counted_and_the_first_is_named(folder):
    (folder / "captions.csv").write_text("file_name,caption\none.jpg,a\nONE.jpg,b\nthree.jpg,c\n")
    said = (
        r"2 of the 3 images that .*captions.csv names are not in .*first is 'ONE.jpg' in row 3: there is 'one.jpg': cap"
    )
    with pytest.warns(UserWarning, match=said):
        pairs = read_folder(folder)
    assert [pair.name for pair in pairs] == ["one.jpg", "ONE.jpg", "three.jpg"]


def test_a_list_of_objects_is_read_from_json(folder):
    rows = [{"file_name": name, "captions": captions} for name, captions in SAID.items()]
    (folder / "words.json").write_text(json.dumps(rows, indent=1))
    assert_read(folder, captions=folder / "words.json")
    (folder / "words.json").write_text(json.dumps(rows, indent=1)[:-20])
    with pytest.raises(ValueError, match=r"words.json is not JSON \(.*line \d+.*cut off"):
        read_folder(folder, folder / "words.json")
    (folder / "words.json").write_text('{"images": [], "annotations": []}')
    with pytest.raises(ValueError, match=r"words.json has COCO's form.*coco_pairs"):
        read_folder(folder, folder / "words.json")


def test_missing_values_of_json_are_no_captions(folder):
    rows = ['{"file_name": "one.jpg", "caption": NaN}', '{"file_name": "sub/two.png", "caption": ["a", null, NaN]}']
    (folder / "captions.jsonl").write_text("\ufeff" + "\r\n".join(rows), encoding="utf-8")
    assert [pair.captions for pair in read_folder(folder)] == [(), ("a",)]


def test_a_name_that_stands_twice_in_an_object_is_refused(folder):
    (folder / "captions.jsonl").write_text('\n{"file_name": "one.jpg", "caption": "a", "caption": "b"}\n')
    with pytest.raises(
        ValueError, match=r"line 2 of .*captions.jsonl .*'caption' stands twice.*several captions are a l"
    ):
        read_folder(folder)


@pytest.mark.parametrize(
    ("names", "captions", "expected"),
    [
        (pa.array(["one.jpg"]).dictionary_encode(), pa.array(["a dog"], pa.large_string()), ("a dog",)),
        (pa.array([b"one.jpg"]), pa.array(["un café".encode()]), ("un café",)),
        (pa.array(["one.jpg"]), pa.array([[{"raw": "a", "id": 1}, {"raw": "b", "id": 2}]]), ("a", "b")),
        (pa.array(["one.jpg", None, "one.jpg"]), pa.array(["a", None, None]), ("a",)),
    ],
)
def test_columns_of_parquet_have_many_types(folder, names, captions, expected):
    parquet.write_table(pa.table({"file_name": names, "caption": captions}), folder / "captions.parquet")
    assert [pair.captions for pair in read_folder(folder)] == [expected]


@pytest.mark.parametrize("keep", [0, 5, -30])
def test_what_is_not_parquet_is_named(folder, keep):
    parquet.write_table(pa.table({"file_name": ["one.jpg"], "caption": ["a"]}), folder / "captions.parquet")
    (folder / "captions.parquet").write_bytes((folder / "captions.parquet").read_bytes()[:keep])
    with pytest.raises(ValueError, match=r"captions.parquet is not a Parquet file, or was cut off"):
        read_folder(folder)


def test_captions_in_an_unknown_encoding_are_named_in_parquet(folder):
    parquet.write_table(pa.table({"file_name": ["one.jpg"], "caption": [b"caf\xe9"]}), folder / "captions.parquet")
    with pytest.raises(ValueError, match=r"row 1 of .*captions.parquet: a caption is bytes that are not UTF-8"):
        read_folder(folder)
