"""COCO and Flickr30k in their authors' own files, written small."""

import json
import sys
from pathlib import Path

import pytest
import torchvision

from clip_tutor.data.torchvision_sets import coco_pairs, flickr30k_pairs, pairs_of_coco, pairs_of_flickr30k
from tests.data.photographs import captions_of, encoded

NUMBERS = [9, 25, 30]


@pytest.fixture
def coco(tmp_path: Path) -> tuple[Path, Path]:
    """The folder and the captions of three images, the captions in no order."""
    folder = tmp_path / "train2017"
    folder.mkdir()
    for n in NUMBERS:
        (folder / f"{n:012d}.jpg").write_bytes(encoded(n))
    images = [{"id": n, "file_name": f"{n:012d}.jpg", "height": 30, "width": 40, "license": 3} for n in NUMBERS]
    said = [(n, caption) for k in range(5) for n in NUMBERS for caption in [captions_of(n)[k] + "\n"]]
    annotations = [{"image_id": n, "id": k, "caption": caption} for k, (n, caption) in enumerate(said)]
    file = tmp_path / "captions_train2017.json"
    file.write_text(json.dumps({"info": {}, "licenses": [], "images": images, "annotations": annotations}))
    return folder, file


@pytest.fixture
def flickr30k(tmp_path: Path) -> tuple[Path, Path]:
    images = tmp_path / "flickr30k-images"
    images.mkdir()
    for n in NUMBERS:
        (images / f"{n}.jpg").write_bytes(encoded(n))
    file = tmp_path / "results_20130124.token"
    lines = [f"{n}.jpg#{k}\t{caption}" for n in NUMBERS for k, caption in enumerate(captions_of(n))]
    file.write_text("\n".join(lines) + "\n")
    return images, file


def assert_all_there(pairs: list, names: list[str]) -> None:
    assert [pair.name for pair in pairs] == names
    assert [pair.captions for pair in pairs] == [captions_of(n) for n in NUMBERS]
    assert [Path(pair.image).read_bytes() for pair in pairs] == [encoded(n) for n in NUMBERS]


def test_coco_is_read_as_torchvision_reads_it(coco):
    pairs = coco_pairs(*coco)
    assert_all_there(pairs, [f"{n:012d}.jpg" for n in NUMBERS])
    theirs = torchvision.datasets.CocoCaptions(coco[0], str(coco[1]))
    assert [[caption.strip() for caption in captions] for _, captions in theirs] == [list(p.captions) for p in pairs]
    assert pairs_of_coco(theirs) == pairs


def test_flickr30k_is_read_as_torchvision_reads_it(flickr30k):
    pairs = flickr30k_pairs(*flickr30k)
    theirs = torchvision.datasets.Flickr30k(str(flickr30k[0]), str(flickr30k[1]))
    assert pairs == pairs_of_flickr30k(theirs)
    assert sorted((Path(pair.name).stem, pair.captions) for pair in pairs) == sorted(
        (str(n), captions_of(n)) for n in NUMBERS
    )
    assert [tuple(captions) for _, captions in theirs] == [pair.captions for pair in pairs]
    assert_all_there(sorted(pairs, key=lambda pair: int(Path(pair.name).stem)), [f"{n}.jpg" for n in NUMBERS])


def test_an_image_that_is_missing_is_no_matter_until_it_is_opened(coco):
    (coco[0] / "000000000025.jpg").unlink()
    assert len(coco_pairs(*coco)) == 3


def test_without_pycocotools_the_error_says_how_to_get_it(coco, monkeypatch):
    monkeypatch.setitem(sys.modules, "pycocotools.coco", None)
    with pytest.raises(ModuleNotFoundError, match=r"reads COCO's captions with pycocotools.*pip install pycocotools"):
        coco_pairs(*coco)


def test_cocos_file_of_boxes_is_not_its_file_of_captions(coco):
    boxes = json.loads(coco[1].read_text())
    boxes["annotations"] = [{"image_id": 9, "id": 1, "bbox": [0, 0, 4, 4], "category_id": 1}]
    coco[1].write_text(json.dumps(boxes))
    with pytest.raises(ValueError, match="has image_id, id, bbox, category_id, but no caption: take captions_"):
        coco_pairs(*coco)


def test_a_csv_file_is_not_flickrs_own(flickr30k):
    flickr30k[1].write_text("image,caption\n9.jpg,a dog\n")
    with pytest.raises(ValueError, match=r"is not a list of lines like 1000092795.jpg#0, a tab.*read_folder"):
        flickr30k_pairs(*flickr30k)


@pytest.mark.parametrize("read", [coco_pairs, flickr30k_pairs])
def test_missing_files_are_named_with_their_usual_names(tmp_path, read):
    with pytest.raises(FileNotFoundError, match=r"there is no folder of images .*nowhere"):
        read(tmp_path / "nowhere", tmp_path / "captions")
    with pytest.raises(FileNotFoundError, match=r"the captions usually come as (annotations/captions|results_)"):
        read(tmp_path, tmp_path / "captions")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_marks_before_the_first_letter_do_not_count(coco, flickr30k, encoding):
    for read, (images, file) in ((coco_pairs, coco), (flickr30k_pairs, flickr30k)):
        before = read(images, file)
        file.write_bytes(file.read_text("utf-8").encode(encoding))
        assert read(images, file) == before


@pytest.mark.parametrize("which", ["coco", "flickr30k"])
def test_text_that_is_not_utf8_is_named(which, request):
    images, file = request.getfixturevalue(which)
    text = file.read_text("utf-8").replace(captions_of(25)[0], "un café")
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=rf"line \d+ of {file} is not UTF-8 text: byte \d+ is 0xe9.*un café"):
        (coco_pairs if which == "coco" else flickr30k_pairs)(images, file)


def test_a_coco_file_that_was_cut_off_is_named(coco):
    coco[1].write_text(coco[1].read_text()[:-9])
    with pytest.raises(ValueError, match=r"captions_train2017.json is not JSON .*cut off"):
        coco_pairs(*coco)


def test_a_line_that_is_not_as_the_others_loses_nothing_but_itself(flickr30k):
    before = flickr30k_pairs(*flickr30k)
    flickr30k[1].write_text("\n9.jpg#7 a dog\n" + flickr30k[1].read_text() + "\n")
    with pytest.warns(UserWarning, match=r"left out 1 lines of .*results_20130124.token.*line 2 is '9.jpg#7 a dog'"):
        assert flickr30k_pairs(*flickr30k) == before
