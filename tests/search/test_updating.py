"""A folder of images and its index: whatever happens to either, nothing is lost and all is named."""

import errno
import io
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from PIL import Image

from clip_tutor.search import ImageIndex, encode
from tests.search.conftest import as_image, found

NAMES = [f"{n}.png" for n in range(8)]


def encoded_now(monkeypatch) -> list[int]:
    """Return a list that fills with the number of images that the model sees in each batch."""
    sizes: list[int] = []
    embed = encode.encode_images

    def counting(model: object, pixels: torch.Tensor) -> torch.Tensor:
        sizes.append(len(pixels))
        return embed(model, pixels)

    monkeypatch.setattr(encode, "encode_images", counting)
    return sizes


def test_a_folder_is_indexed_and_the_second_run_has_nothing_to_do(photos, open_index, monkeypatch):
    (photos / "notes.txt").write_text("milk")
    first = open_index().update(photos)
    assert (first.added, first.unchanged, first.others, first.problems) == (8, 0, 1, {})
    assert found(open_index()) == NAMES
    sizes = encoded_now(monkeypatch)
    second = open_index().update(photos)
    assert (second.added, second.unchanged, sizes) == (0, 8, [])
    assert (
        str(second) == "0 added, 0 changed, 0 renamed or moved, 0 removed, 8 unchanged\n1 other files were left alone"
    )


def test_new_changed_renamed_moved_and_deleted_files_are_noticed(photos, open_index, monkeypatch, scenes):
    open_index().update(photos)
    before = {hit.name: hit.score for hit in open_index().search("a cat", k=100)}
    images = scenes.batch(range(20, 22)).pixels
    as_image(images[0]).save(photos / "new.png")
    as_image(images[1]).save(photos / "0.png")
    (photos / "2.png").rename(photos / "renamed.png")
    (photos / "below").rename(photos / "moved")
    (photos / "4.png").unlink()
    sizes = encoded_now(monkeypatch)
    update = open_index().update(photos)
    assert (update.added, update.changed, update.moved, update.removed, update.unchanged) == (1, 1, 5, 1, 1)
    assert sizes == [2], "only what is new or changed is encoded"
    index = open_index()
    assert found(index) == ["0.png", "1.png", "3.png", "5.png", "6.png", "7.png", "new.png", "renamed.png"]
    after = {hit.name: hit.score for hit in index.search("a cat", k=100)}
    assert after[str(photos / "moved" / "3.png")] == pytest.approx(before[str(photos / "below" / "3.png")], abs=1e-3)
    assert after[str(photos / "0.png")] != pytest.approx(before[str(photos / "0.png")], abs=1e-3)
    assert index.search(image=photos / "0.png", k=1)[0].name == str(photos / "0.png")


def test_a_copy_is_not_encoded_again_and_stands_below_the_original(photos, open_index, monkeypatch):
    open_index().update(photos)
    shutil.copy(photos / "0.png", photos / "copy.png")
    sizes = encoded_now(monkeypatch)
    update = open_index().update(photos)
    assert (update.added, update.moved, sizes) == (1, 0, [])
    hits = open_index().search(image=photos / "0.png", k=100)
    assert len(hits) == 8, "the same file is not found twice"
    assert {hits[0].name, *hits[0].copies} == {str(photos / "0.png"), str(photos / "copy.png")}
    assert len(open_index().search(image=photos / "0.png", k=100, group_from=2)) == 9, "unless that is asked for"


def test_a_disk_that_is_not_there_empties_no_index(photos, open_index):
    open_index().update(photos)
    photos.rename(photos.with_name("elsewhere"))
    with pytest.raises(FileNotFoundError, match="is its disk connected"):
        open_index().update(photos)
    photos.mkdir()
    with pytest.raises(ValueError, match="holds no image now, and the index has 8 of it: is its disk connected"):
        open_index().update(photos)
    assert found(open_index()) == NAMES


def test_another_model_is_refused_before_anything_is_done(photos, open_index, make_model, tokenizer, tmp_path):
    open_index().update(photos)
    with pytest.raises(ValueError, match=r"was made by another model: .*open it with the model that made it"):
        ImageIndex.open(tmp_path / "photos.index", make_model(seed=1), tokenizer)


def test_one_index_holds_several_folders(photos, open_index, tmp_path, scenes):
    other = tmp_path / "other"
    other.mkdir()
    as_image(scenes.batch([30]).pixels[0]).save(other / "30.png")
    open_index().update(photos)
    assert open_index().update(other).added == 1
    assert found(open_index()) == sorted([*NAMES, "30.png"])
    assert open_index().update(photos).unchanged == 8


def test_an_index_inside_the_folder_is_not_taken_for_images(photos, model, tokenizer):
    index = ImageIndex.open(photos / ".index", model, tokenizer, create=True)
    assert index.update(photos).added == 8 and index.update(photos).others == 0


# ---- interruptions ---------------------------------------------------------------------------------------------------

PROGRAM = """
import sys, time, torch
from clip_tutor.search import ImageIndex, encode
from clip_tutor.weights import load

encode.FILES_AT_ONCE = 4
embed = encode.encode_images
def slowly(model, pixels):
    time.sleep(0.3)
    return embed(model, pixels)
encode.encode_images = slowly
model, tokenizer, _ = load("emoji")
index = ImageIndex.open(sys.argv[1], model, tokenizer, create=True)
print("ready", flush=True)
index.update(sys.argv[2], workers=2)
"""


@pytest.mark.slow
@pytest.mark.posix
def test_an_index_that_is_killed_loses_at_most_the_current_batch(tmp_path, scenes):
    from clip_tutor.weights import load

    photos = tmp_path / "photos"
    photos.mkdir()
    for n, pixels in enumerate(scenes.batch(range(40)).pixels):
        as_image(pixels).save(photos / f"{n:02d}.png")
    run = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "index"), str(photos)], stdout=subprocess.PIPE, text=True
    )
    assert run.stdout is not None and run.stdout.readline() == "ready\n"
    time.sleep(1.1)
    run.send_signal(signal.SIGKILL)
    run.wait()
    run.stdout.close()
    model, tokenizer, _ = load("emoji")
    index = ImageIndex.open(tmp_path / "index", model, tokenizer)
    kept = len(index)
    assert 0 < kept < 40 and kept % 4 == 0, "whole batches"
    assert found(index) == [f"{n:02d}.png" for n in range(kept)]
    assert index.update(photos).added == 40 - kept
    whole = ImageIndex(model, tokenizer)
    whole.add_files(sorted(photos.iterdir()))
    assert found(index) == found(whole)
    scores = [{hit.name: hit.score for hit in one.search("a cat", k=100)} for one in (index, whole)]
    assert scores[0] == pytest.approx(scores[1], abs=2e-3)


def test_a_row_whose_removal_was_lost_to_a_kill_is_removed_by_the_next_run(photos, open_index, monkeypatch, scenes):
    index = open_index()
    index.update(photos)
    as_image(scenes.batch([20]).pixels[0]).save(photos / "0.png")

    def killed(rows: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(index.rows, "remove", killed)
    with pytest.raises(KeyboardInterrupt):
        index.update(photos)
    assert found(open_index()) == sorted(["0.png", *NAMES])
    open_index().update(photos)
    assert found(open_index()) == NAMES


def test_a_disk_that_fills_keeps_what_was_added_and_the_next_run_goes_on(photos, open_index, monkeypatch):
    monkeypatch.setattr(encode, "FILES_AT_ONCE", 3)
    index, calls, append = open_index(), [], type(open_index().rows).append

    def full(store: object, *batch: object) -> None:
        calls.append(batch)
        if len(calls) == 2:
            monkeypatch.setattr(os, "fsync", lambda file: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left")))
        append(store, *batch)

    monkeypatch.setattr(type(index.rows), "append", full)
    with pytest.raises(OSError, match=r"No space left.*make room on its disk, and run the same again"):
        index.update(photos)
    monkeypatch.undo()
    assert len(open_index()) == 3
    assert open_index().update(photos).added == 5
    assert found(open_index()) == NAMES


# ---- a folder that changes while it is read --------------------------------------------------------------------------


def test_files_that_vanish_grow_or_change_while_the_folder_is_read_are_settled_by_the_next_run(
    photos, open_index, monkeypatch, scenes
):
    index, embed, other = open_index(), encode.encode_images, as_image(scenes.batch([20]).pixels[0])
    monkeypatch.setattr(encode, "FILES_AT_ONCE", 1)

    def meanwhile(model: object, pixels: torch.Tensor) -> torch.Tensor:
        if (photos / "6.png").exists():  # while the first is encoded
            (photos / "6.png").unlink()
            other.save(photos / "0.png")  # was read a moment ago
            as_image(scenes.batch([21]).pixels[0]).save(photos / "late.png")
        return embed(model, pixels)

    monkeypatch.setattr(encode, "encode_images", meanwhile)
    first = index.update(photos, workers=1)
    assert set(first.problems) <= {str(photos / "6.png")} and all(
        "No such file" in why for why in first.problems.values()
    )
    assert "late.png" not in found(open_index())
    open_index().update(photos)
    last = open_index()
    assert found(last) == sorted(["late.png", *(name for name in NAMES if name != "6.png")])
    assert last.search(image=other, k=1)[0].name == str(photos / "0.png")


# ---- what lies in folders --------------------------------------------------------------------------------------------


def encoded(format: str, size: tuple[int, int] = (40, 30), mode: str = "RGB", **options: object) -> bytes:
    file = io.BytesIO()
    Image.effect_noise(size, 90).convert(mode).save(file, format, **options)
    return file.getvalue()


def broken_files() -> dict[str, bytes]:
    """Thirty kinds of files that are called images and hold none that can be read."""
    jpeg, png, gif, webp, tiff, bmp = (encoded(kind) for kind in ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP"))
    return {
        "empty.jpg": b"",
        "one_byte.png": b"\x89",
        "zeros.jpg": bytes(5000),
        "noise.png": bytes(n * 7919 % 251 for n in range(5000)),
        "text.jpg": b"milk, eggs, bread",
        "page.jpg": b"<!doctype html><title>404</title>",
        "drawing.png": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "document.tif": b"%PDF-1.7\n",
        "pointer.png": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
        "archive.jpg": b"PK\x03\x04" + bytes(100),
        "program.png": b"\x7fELF" + bytes(100),
        "film.gif": b"\0\0\0\x18ftypmp42" + bytes(100),
        "telephone.heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
        "modern.avif": b"\0\0\0\x1cftypavif" + bytes(100),
        "xl.jpg": b"\xff\x0a" + bytes(50),
        "cut_head.jpg": jpeg[:20],
        "cut_half.jpg": jpeg[: len(jpeg) // 2],
        "cut_head.png": png[:20],
        "cut_half.png": png[: len(png) // 2],
        "cut.gif": gif[:15],
        "cut.webp": webp[: len(webp) // 2],
        "cut.tif": tiff[: len(tiff) // 2],
        "cut.bmp": bmp[: len(bmp) // 2],
        "checksum.png": png[:60] + bytes([png[60] ^ 255]) + png[61:],
        "no_data.png": png[:33] + png[-12:],
        "marker_only.jpg": b"\xff\xd8\xff\xd9",
        "dot.png": encoded("PNG", (1, 1)),
        "line.png": encoded("PNG", (40, 1)),
        "bomb.png": png[:16] + (60_000).to_bytes(4, "big") * 2 + png[24:],
        "riff.webp": b"RIFF\x10\0\0\0WEBPVP8 ",
        "truncated_name.ppm": b"P6\n40 30\n255\n" + bytes(10),
    }


@pytest.mark.posix
@pytest.mark.filterwarnings("ignore")
def test_thirty_kinds_of_broken_files_are_named_and_no_good_one_is_lost(photos, open_index):
    files = broken_files()
    assert len(files) >= 30
    for name, content in files.items():
        (photos / name).write_bytes(content)
    (photos / "folder.jpg").mkdir()
    os.mkfifo(photos / "pipe.jpg")
    update = open_index().update(photos)
    bad = sorted(Path(name).name for name in update.problems)
    assert bad == sorted([*files, "pipe.jpg"])
    for why in update.problems.values():
        assert why and "Traceback" not in why and "Error" not in why.split(":")[0]
    assert update.added == 8 and found(open_index()) == NAMES
    for n in range(8):  # none stands under another's name
        path = photos / ("below" if n % 2 else ".") / f"{n}.png"
        hit = open_index().search(image=path, k=1)[0]
        assert (os.path.normpath(hit.name), hit.is_query) == (os.path.normpath(path), True)
    assert f"{len(bad)} could not be read:" in str(update) and "and 12 more" in str(update)


def test_an_image_that_lies_on_its_side_is_encoded_upright(tmp_path, open_index, scenes):
    image, exif = as_image(scenes.batch([3]).pixels[0]), Image.Exif()
    image.save(tmp_path / "upright.png")
    exif[0x0112] = 6  # to be turned a quarter clockwise: so it is stored turned the other way
    image.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "sideways.png", exif=exif)
    index = open_index()
    index.update(tmp_path)
    assert {hit.name: hit.is_query for hit in index.search(image=image)} == {
        str(tmp_path / "upright.png"): True,
        str(tmp_path / "sideways.png"): True,
    }


def test_heic_photographs_are_read_where_pillow_heif_is_installed(tmp_path, open_index):
    pillow_heif = pytest.importorskip("pillow_heif")
    pillow_heif.from_pillow(Image.new("RGB", (64, 64), (200, 30, 30))).save(tmp_path / "telephone.heic")
    Image.new("RGB", (64, 64), (200, 30, 30)).save(tmp_path / "same.png")
    index = open_index()
    assert index.update(tmp_path).problems == {}
    assert [hit.is_query for hit in index.search(image=tmp_path / "same.png", group_from=2)] == [True, True]


def test_an_image_that_is_decoded_whole_and_is_large_is_alone_in_memory(photos, open_index, monkeypatch):
    monkeypatch.setattr(encode, "LARGE", 100)
    at_once, most, pixels_of = [0], [0], encode.pixels_of

    def watched(model: object, source: object) -> torch.Tensor:
        at_once[0] += 1
        most[0] = max(most[0], at_once[0])
        time.sleep(0.01)
        try:
            return pixels_of(model, source)
        finally:
            at_once[0] -= 1

    monkeypatch.setattr(encode, "pixels_of", watched)
    assert open_index().update(photos, workers=4).added == 8
    assert most[0] == 1
