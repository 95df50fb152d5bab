"""The image search without a browser: every control, uploads as both ipywidgets hand them over, the history, mishaps.

Nothing here knows which ipywidgets is installed: it passes with 7.7, as Colab has it, and with 8.
"""

import base64
import io
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import ipywidgets
import numpy as np
import pytest
import torch
from PIL import Image

from clip_tutor.data.scenes import Scenes
from clip_tutor.lab import image_search
from clip_tutor.lab.widgets import explore
from clip_tutor.lab.widgets.image_search import ImageSearch, thumbnails
from clip_tutor.lab.widgets.image_search.query import LONGEST_LABEL, Query, find, shortened
from clip_tutor.lab.widgets.image_search.thumbnails import Thumbnail, thumbnail_of
from clip_tutor.lab.widgets.image_search.tiles import tile_html
from clip_tutor.lab.widgets.image_search.uploads import forget_upload, uploaded
from clip_tutor.lab.widgets.screen import ERROR_MARK
from clip_tutor.model import CLIP
from clip_tutor.search import Hit, ImageIndex
from clip_tutor.tokenizers import BPETokenizer

COUNT = 20
TO_TRY = ("three cats", "a car on red")


@pytest.fixture
def index(scenes: Scenes, model: CLIP, tokenizer: BPETokenizer) -> ImageIndex:
    batch = scenes.batch(range(COUNT))
    index = ImageIndex(model, tokenizer)
    index.add_pixels(batch.pixels, batch.captions)
    return index


@pytest.fixture
def demo(index: ImageIndex, scenes: Scenes) -> ImageSearch:
    return image_search(index, scenes.batch(range(COUNT)).pixels, k=5, to_try=TO_TRY)


@pytest.fixture
def photos(tmp_path: Path, scenes: Scenes) -> list[Path]:
    paths = [tmp_path / f"photo {n}.png" for n in range(6)]
    for path, pixels in zip(paths, scenes.batch(range(6)).pixels, strict=True):
        Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(path)
    return paths


@pytest.fixture
def photo_index(photos: list[Path], model: CLIP, tokenizer: BPETokenizer) -> ImageIndex:
    index = ImageIndex(model, tokenizer)
    assert index.add_files(photos) == {}
    return index


@pytest.fixture(autouse=True)
def no_swallowed_error(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """What a click raises is only logged."""
    with caplog.at_level(logging.WARNING):
        yield
    assert caplog.records == []


def names(demo: ImageSearch) -> list[str]:
    """What the tiles show, by their alternative texts."""
    return [match for tile in demo.grid.children for match in re.findall('alt="([^"]*)"', tile.html.value)]


def png(color: str = "red", size: tuple[int, int] = (40, 30)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, color).save(file, "PNG")
    return file.getvalue()


def upload(demo: ImageSearch, name: str, content: bytes) -> None:
    """Do what a browser does after a file was chosen, with whichever ipywidgets is installed."""
    if isinstance(demo.upload.value, dict):
        about = {"name": name, "type": "image/png", "size": len(content), "lastModified": 0}
        state = {"_counter": demo.upload._counter + 1, "metadata": [about], "data": [memoryview(content)]}
    else:
        about = {"name": name, "type": "image/png", "size": len(content), "last_modified": 0}
        state = {"value": [{**about, "content": memoryview(content)}]}
    demo.upload.set_state(state)


# ---- what it shows ---------------------------------------------------------------------------------------------------


def test_it_begins_with_the_first_thing_to_try(demo: ImageSearch, index: ImageIndex):
    assert demo.words.value == TO_TRY[0]
    assert names(demo) == [hit.name for hit in index.search(TO_TRY[0], k=5)]
    assert f"5 of {COUNT} images for “three cats”" in demo.status.value


def test_without_anything_to_try_it_waits(index: ImageIndex, scenes: Scenes):
    demo = image_search(index, scenes.batch(range(COUNT)).pixels)
    assert demo.grid.children == ()
    assert "Type what an image should show" in demo.status.value
    assert demo.history.queries == []


def test_each_tile_says_score_z_and_whether_that_is_chance():
    shown = tile_html(Hit("a <b>.jpg", 0.3127, 3, 4.24), Thumbnail("data:,"))
    assert 'alt="a &lt;b&gt;.jpg"' in shown
    assert "<b>0.313</b>" in shown
    assert "z&nbsp;+4.2" in shown
    assert "no better than chance" not in shown
    shown = tile_html(Hit("b.jpg", 0.1, 4, -1.26, fits=False), Thumbnail("data:,"))
    assert "z&nbsp;−1.3" in shown
    assert "no better than chance" in shown


def test_copies_and_the_query_itself_are_named_in_their_tile():
    hit = Hit("/a/b.jpg", 1.0, 3, 9.0, fits=False, is_query=True, copies=("/a/c.jpg", "/a/d.jpg"))
    shown = tile_html(hit, Thumbnail("data:,"))
    assert "the image you search with" in shown
    assert "2 copies: c.jpg, d.jpg" in shown
    assert "no better than chance" not in shown


def test_what_a_high_score_is_stands_above_the_images(demo: ImageSearch):
    assert "What is a high score here?" in demo.status.value
    assert "random captions have" in demo.status.value


def test_nothing_here_fits_is_said(demo: ImageSearch, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("clip_tutor.search.chance.FITS_WORDS", 1000.0)
    demo.words.value = "a cat"
    assert "Nothing here fits: random words find as much." in demo.status.value
    assert demo.grid.children[0].html.value.count("no better than chance") == 1


def test_notes_of_the_answer_are_shown(demo: ImageSearch):
    demo.words.value = "a cat " * 300
    assert "was not read" in demo.status.value
    assert demo.error is None


# ---- every control ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", ["", "  ", "<script>", "三只猫", "a cat " * 300, "🦄"])
def test_it_takes_whatever_is_typed(demo: ImageSearch, words: str):
    demo.words.value = words
    demo.without.value = words
    assert demo.error is None
    assert "<script>" not in demo.status.value


def test_the_slider_says_how_many(demo: ImageSearch):
    for k in (demo.k.min, 7, demo.k.max):
        demo.k.value = k
        assert len(demo.grid.children) == min(k, COUNT)


def test_words_that_are_not_wanted_change_the_order(demo: ImageSearch, index: ImageIndex):
    demo.without.value = "a red background"
    assert names(demo) == [hit.name for hit in index.search(TO_TRY[0], k=5, without="a red background")]


def test_a_click_on_a_thumbnail_finds_more_like_it(demo: ImageSearch, index: ImageIndex):
    second = demo.grid.children[1]
    row, name = second.hit.row, second.hit.name
    second.more.click()
    assert demo.query.image == row
    assert names(demo) == [hit.name for hit in index.search(image=row, k=5)]
    assert demo.words.value == ""
    assert "the image you search with" in demo.grid.children[0].html.value
    assert shortened(name) in demo.image_shown.value
    assert "Two images of this index have" in demo.status.value


def test_weights_count_where_there_are_words_and_an_image(demo: ImageSearch, index: ImageIndex):
    assert demo.weights_row.layout.display == "none"
    demo.grid.children[1].more.click()
    row = demo.query.image
    demo.words.value = "on a blue background"
    assert demo.weights_row.layout.display is None
    for weights in ((1.0, 0.2), (0.0, 1.0)):
        demo.words_weight.value, demo.image_weight.value = weights
        assert names(demo) == [hit.name for hit in index.search("on a blue background", row, 5, weights=weights)]
        assert demo.error is None


def test_weights_that_leave_nothing_say_so_in_place_and_the_images_stay(demo: ImageSearch):
    demo.grid.children[1].more.click()
    demo.words.value = "on a blue background"
    before = names(demo)
    demo.words_weight.value = 0
    demo.image_weight.value = 0
    assert ERROR_MARK in demo.message.value
    assert "nothing is left of this query" in demo.message.value
    demo.image_weight.value = 1
    assert demo.error is None
    assert demo.message.value == ""
    assert len(names(demo)) == len(before)


def test_a_button_searches_for_its_words_alone(demo: ImageSearch):
    demo.grid.children[0].more.click()
    demo.without.value = "red"
    demo.to_try[1].click()
    assert (demo.words.value, demo.without.value, demo.query.image) == (TO_TRY[1], "", None)
    assert demo.image_row.layout.display == "none"


def test_the_search_button_searches_again(demo: ImageSearch):
    demo.grid.children = ()
    demo.go.click()
    assert len(demo.grid.children) == 5


def test_the_sweep_tries_every_control_with_and_without_an_image(demo: ImageSearch, monkeypatch: pytest.MonkeyPatch):
    tried: list[Query] = []
    monkeypatch.setattr(
        "clip_tutor.lab.widgets.image_search.demo.find", lambda index, query: tried.append(query) or find(index, query)
    )
    demo.sweep()
    assert {query.image for query in tried} == {None, 0}
    assert {query.k for query in tried} >= {demo.k.min, demo.k.max}
    assert {query.weights for query in tried} == {(1.0, 1.0), (0.0, 1.0), (1.0, 0.0)}
    assert "" in {query.words for query in tried}


def test_it_is_swept_while_notebooks_are_tested(index: ImageIndex, scenes: Scenes, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CLIP_TUTOR_SWEEP", "1")
    monkeypatch.setattr(explore, "_swept", [])
    demo = image_search(index, scenes.batch(range(COUNT)).pixels)
    assert explore._swept == [demo]
    monkeypatch.setattr(demo.thumbnails, "of", lambda rows: 1 / 0)  # what a later cell may break
    with pytest.raises(ZeroDivisionError):
        explore.sweep_again()


def test_searching_makes_no_new_widgets(demo: ImageSearch):
    demo.k.value = demo.k.max
    tiles = demo.grid.children
    for words in ("a dog", "a cat", "a bus"):
        demo.words.value = words
    assert demo.grid.children == tiles


# ---- an image of one's own -------------------------------------------------------------------------------------------


def test_an_upload_is_read_from_the_value_of_either_ipywidgets():
    file = {"name": "cat.jpg", "type": "image/jpeg", "size": 3}
    assert uploaded({"cat.jpg": {"metadata": file, "content": b"abc"}}) == ("cat.jpg", b"abc")
    assert uploaded(({**file, "content": memoryview(b"abc")},)) == ("cat.jpg", b"abc")
    assert uploaded({}) is None
    assert uploaded(()) is None


def test_an_uploaded_image_is_searched_with(demo: ImageSearch, index: ImageIndex):
    demo.words.value = ""
    upload(demo, "my red.png", png())
    assert demo.error is None
    assert names(demo) == [hit.name for hit in index.search(image=png(), k=5)]
    assert "Searching with <b>my red.png</b>" in demo.image_shown.value
    assert 'alt="my red.png"' in demo.image_shown.value
    assert demo.image_row.layout.display is None
    demo.no_image.click()
    assert demo.query.image is None
    assert demo.image_row.layout.display == "none"


def test_an_uploaded_image_joins_the_words(demo: ImageSearch, index: ImageIndex):
    upload(demo, "red.png", png())
    assert names(demo) == [hit.name for hit in index.search(TO_TRY[0], png(), 5)]


def test_the_same_image_can_be_uploaded_twice(demo: ImageSearch):
    upload(demo, "red.png", png())
    demo.no_image.click()
    assert uploaded(demo.upload.value) is None
    upload(demo, "red.png", png())
    assert demo.query.image == png()


def test_an_upload_that_is_no_image_says_so_in_place(demo: ImageSearch):
    before = names(demo)
    upload(demo, "notes <i>.txt", b"no image")
    assert "notes &lt;i&gt;.txt is not an image that can be read" in demo.message.value
    assert isinstance(demo.error, ValueError)
    assert names(demo) == before
    assert demo.query.image is None
    assert uploaded(demo.upload.value) is None


def test_an_empty_upload_widget_stays_empty():
    widget = ipywidgets.FileUpload()
    forget_upload(widget)
    assert uploaded(widget.value) is None


# ---- the history -----------------------------------------------------------------------------------------------------


def test_one_can_go_back_in_the_history(demo: ImageSearch):
    first = names(demo)
    assert demo.history.back.disabled
    demo.words.value = "a dog"
    second = names(demo)
    demo.grid.children[2].more.click()
    upload(demo, "red.png", png())
    assert [query.label for query in demo.history.queries][:2] == ["three cats", "a dog"]
    assert demo.history.queries[3].label == "like red.png"
    demo.history.menu.value = 1
    assert (demo.words.value, names(demo)) == ("a dog", second)
    demo.history.back.click()
    assert (demo.words.value, names(demo)) == ("three cats", first)
    assert demo.history.back.disabled
    assert len(demo.history.queries) == 4, "going back is no new search"
    demo.history.menu.value = 3
    assert demo.query.image == png()
    assert "Searching with <b>red.png</b>" in demo.image_shown.value
    assert demo.error is None


def test_there_is_no_way_back_from_the_first_search(demo: ImageSearch):
    demo.history.back.click()
    assert (demo.words.value, demo.error) == (TO_TRY[0], None)


def test_the_latest_search_stands_on_top_of_the_history(demo: ImageSearch):
    demo.words.value = "a dog"
    demo.without.value = "a leash"
    assert [label for label, _ in demo.history.menu.options] == ["3. a dog − a leash", "2. a dog", "1. three cats"]


def test_more_images_and_other_weights_are_no_new_search(demo: ImageSearch):
    demo.k.value = 3
    demo.k.value = 9
    assert [query.k for query in demo.history.queries] == [9]


def test_the_history_ends_somewhere(demo: ImageSearch, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("clip_tutor.lab.widgets.image_search.history.REMEMBERED", 3)
    for n in range(5):
        demo.words.value = f"{n} cats"
    assert [query.words for query in demo.history.queries] == ["2 cats", "3 cats", "4 cats"]
    demo.history.back.click()
    assert demo.words.value == "3 cats"


# ---- for a keyboard and a screen reader ------------------------------------------------------------------------------


def test_every_control_has_a_label_that_is_not_cut(demo: ImageSearch):
    for control in (*demo.controls.values(), demo.history.menu):
        assert control.description
        assert control.style.description_width == "initial"
    for button in (demo.go, demo.upload, demo.no_image, demo.history.back, *demo.to_try):
        assert button.description


def test_the_button_over_a_thumbnail_says_what_it_does(demo: ImageSearch):
    for tile in demo.grid.children:
        assert tile.children[0] is tile.more, "the keyboard reaches it before what it stands for is read"
        assert tile.more.description == f"More like {shortened(tile.hit.name)}"
        assert tile.more.tooltip == tile.hit.name


def test_every_image_has_an_alternative_text(demo: ImageSearch):
    upload(demo, "red.png", png())
    for html in (demo.image_shown.value, *(tile.html.value for tile in demo.grid.children)):
        assert len(re.findall('<img [^>]*alt="[^"]+"', html)) == html.count("<img") == 1


def test_what_is_long_is_cut_in_its_middle():
    assert shortened("a  cat\n") == "a cat"
    cut = shortened("start " * 30 + "end.jpg")
    assert len(cut) <= LONGEST_LABEL
    assert cut.startswith("start")
    assert cut.endswith("end.jpg")


# ---- files -----------------------------------------------------------------------------------------------------------


def test_files_are_shown_by_their_names(photo_index: ImageIndex, photos: list[Path]):
    demo = image_search(photo_index, to_try=("a cat",))
    assert sorted(names(demo)) == [path.name for path in photos]
    assert demo.grid.children[0].more.tooltip == demo.grid.children[0].hit.name


def test_a_file_that_was_deleted_meanwhile_says_so_in_its_tile(photo_index: ImageIndex, photos: list[Path]):
    demo = image_search(photo_index, to_try=("a cat",))
    assert len(names(demo)) == 6
    photos[2].unlink()
    demo.words.value = "a dog"
    assert len(names(demo)) == 5
    (gone,) = [tile for tile in demo.grid.children if tile.hit.name == str(photos[2])]
    assert "is not there any more: it was deleted, moved or renamed" in gone.html.value
    assert demo.error is None
    gone.more.click()
    assert demo.error is None
    assert len(demo.grid.children) == 6


def test_a_file_that_is_no_image_any_more_says_so_in_its_tile(photo_index: ImageIndex, photos: list[Path]):
    photos[1].write_bytes(b"<html>")
    demo = image_search(photo_index, to_try=("a cat",))
    assert sum("a web page, not the image on it" in tile.html.value for tile in demo.grid.children) == 1


def test_thumbnails_are_decoded_when_they_are_shown_and_once(photo_index: ImageIndex, monkeypatch: pytest.MonkeyPatch):
    decoded: list[str] = []
    monkeypatch.setattr(thumbnails, "thumbnail_of", lambda image: decoded.append(image) or Thumbnail("data:,"))
    demo = image_search(photo_index, k=2)
    assert decoded == []
    for words in ("a cat", "a dog", "a cat"):
        demo.words.value = words
    assert len(decoded) == len(set(decoded)) <= 4


def test_only_so_many_thumbnails_are_kept(photo_index: ImageIndex, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(thumbnails, "KEPT", 2)
    kept = thumbnails.Thumbnails(photo_index)
    assert all(one.address for one in kept.of(range(6)))
    assert list(kept._kept) == [4, 5]


def test_a_thumbnail_is_small_square_and_the_right_way_up(tmp_path: Path):
    photo = Image.new("RGB", (1600, 1200), "white")
    photo.paste("red", (0, 0, 800, 1200))  # the left half
    exif = Image.Exif()
    exif[274] = 6  # to be turned by a quarter: the left half comes on top
    photo.save(tmp_path / "photo.jpg", exif=exif)
    address = thumbnail_of(tmp_path / "photo.jpg").address
    assert len(address) < 40_000
    head, _, data = address.partition(",")
    assert head == "data:image/jpeg;base64"
    shown = Image.open(io.BytesIO(base64.b64decode(data)))
    assert shown.size == (thumbnails.SIDE, thumbnails.SIDE)
    red = np.asarray(shown)[..., 1] < 128
    assert red[:140].all()
    assert not red[150:].any()


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((20, 30, 3), np.uint8),
        torch.rand(3, 20, 30),
        Image.new("L", (30, 20)),
        Image.new("RGBA", (30, 20)),
        png(),
    ],
)
def test_images_of_any_kind_have_thumbnails(image: object):
    assert thumbnail_of(image).address.startswith("data:image/png")


def test_names_that_are_no_files_need_images(index: ImageIndex, scenes: Scenes):
    with pytest.raises(ValueError, match=r"no files .* give its images, too.*image_search\(index, images\)"):
        image_search(index)
    with pytest.raises(ValueError, match="an index of 20 images needs these, in its order, and not 19"):
        image_search(index, scenes.batch(range(19)).pixels)


# ---- odd indexes -----------------------------------------------------------------------------------------------------


def test_an_empty_index_says_so(model: CLIP, tokenizer: BPETokenizer):
    demo = image_search(ImageIndex(model, tokenizer), to_try=TO_TRY)
    demo.sweep()
    assert "the index is empty" in demo.status.value
    assert demo.grid.children == ()


def test_an_index_of_one_image(model: CLIP, tokenizer: BPETokenizer, scenes: Scenes):
    index = ImageIndex(model, tokenizer)
    index.add_pixels(scenes.batch([0]).pixels, ["the one"])
    demo = image_search(index, scenes.batch([0]).pixels, to_try=TO_TRY)
    demo.sweep()
    demo.grid.children[0].more.click()
    assert "There is no other image." in demo.status.value
    upload(demo, "red.png", png())
    assert demo.error is None
    assert names(demo) == ["the one"]


def test_vectors_that_are_not_of_numbers_come_last_and_say_so(index: ImageIndex, scenes: Scenes):
    index.rows.vectors[3] = np.nan
    demo = image_search(index, scenes.batch(range(COUNT)).pixels, k=COUNT, to_try=TO_TRY)
    last = demo.grid.children[-1]
    assert last.hit.row == 3
    assert "no score: its vector is not of numbers" in last.html.value
    assert demo.error is None
    last.more.click()
    assert "not of numbers (NaN)" in demo.message.value


def test_a_broken_model_says_so_in_place(demo: ImageSearch, model: CLIP):
    with torch.no_grad():
        next(model.text_tower.parameters()).fill_(float("nan"))
    before = names(demo)
    demo.words.value = "a dog"
    assert "not of numbers (NaN)" in demo.message.value
    assert names(demo) == before
