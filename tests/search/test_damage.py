"""What happens to indexes: full disks, cut and overwritten files, kills, two at once. Nothing is lost, all is said."""

import errno
import json
import re
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from clip_tutor.search import ImageIndex, Store, encode, vector_index
from clip_tutor.search.data_sets import index_data_set
from tests.search.conftest import as_image, found, png, unit

# What a person can do about it: one of these stands in every message.
ADVICE = re.compile(
    r"make it anew|copy the index again|set the column anew|bring the kit up to date|open it with the model|"
    r"embed the images again|give the folder of|has no column|"
    r"delete lists\.faiss|make room|is its disk connected|open the index again",
    re.IGNORECASE,
)
DAMAGE = ["cut", "cut by one", "empty", "gone", "overwritten"]


@pytest.fixture
def index(photos, open_index) -> ImageIndex:
    """An index of a folder, with a row that was removed and a column."""
    index = open_index()
    index.update(photos)
    (photos / "6.png").unlink()
    index.update(photos)
    index.set_column("rating", list(range(8)))
    return open_index()


def answers(index: ImageIndex) -> list[tuple[str, float]]:
    """What the index finds: for words, for an image, with each kind of filter."""
    answers = [index.search("a cat", k=8), index.search(image=0, k=8)]
    answers += [index.search("a cat", where={key: value}) for key, value in (("folder", "below"), ("rating", 3))]
    answers.append(index.search("a cat", where={"date": str(index.columns["date"][0])}))
    return [(hit.name, round(hit.score, 5)) for answer in answers for hit in answer]


@pytest.mark.parametrize(
    "name", ["vectors", "names", "name_ends", "files", "removed", "manifest.json", "column_rating.npy"]
)
@pytest.mark.parametrize("damage", DAMAGE)
def test_an_index_with_a_damaged_file_answers_as_before_or_says_what_to_do(index, open_index, name, damage):
    path = index.rows.path / name
    before, content = answers(index), path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        half = content[: len(content) // 2]
        changed = {"cut": half, "cut by one": content[:-1], "empty": b"", "overwritten": half + b"\xff" * len(half)}
        path.write_bytes(changed[damage])
    try:
        after = answers(open_index())
    except (ValueError, OSError, KeyError) as error:
        assert ADVICE.search(str(error)) or name in str(error), f"{type(error).__name__}: {error}"
    else:
        where = (name, damage)
        assert where in {
            ("vectors", "overwritten"),
            ("files", "overwritten"),
            ("column_rating.npy", "overwritten"),
        } or (after == before), "numbers among numbers are not noticed; everything else is"


def test_a_manifest_that_was_meddled_with_is_refused_or_does_no_harm(index, open_index):
    path, before = index.rows.path / "manifest.json", answers(index)
    manifest = json.loads(path.read_text())
    assert {"format", "model", "embed_dim", "rows", "name_bytes", "removed", "chance"} <= manifest.keys()
    for key in manifest:
        for value in ("gone", None, -1, 10**12, 1.5, "x", [], {}, {"rows": "x"}, True):
            changed = manifest | {key: value}
            if value == "gone":
                del changed[key]
            path.write_text(json.dumps(changed))
            try:
                after = answers(open_index())
            except (ValueError, OSError) as error:
                assert ADVICE.search(str(error)), f"{key} = {value!r}: {error}"
            else:
                assert after == before, f"{key} = {value!r}"


def test_names_that_end_before_they_begin_are_noticed(index, open_index):
    ends = np.fromfile(index.rows.path / "name_ends", "<i8")
    ends[2] = 10**6  # a flipped bit: the last end still fits the names
    ends.tofile(index.rows.path / "name_ends")
    with pytest.raises(ValueError, match="is damaged: its names do not fit its vectors; make it anew"):
        open_index()


# ---- a disk that fills -----------------------------------------------------------------------------------------------


@pytest.fixture
def limited(monkeypatch) -> Callable[[int], None]:
    """A function after whose call no file can grow beyond so many bytes, as on a disk that is full; 0: no limit."""
    import resource  # Windows has none

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda most: resource.setrlimit(resource.RLIMIT_FSIZE, (most or soft, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def many_photos(folder: Path, scenes, count: int) -> Path:
    folder.mkdir()
    for n, pixels in enumerate(scenes.batch(range(count)).pixels):
        as_image(pixels).save(folder / f"{n:02d}.png")
    return folder


@pytest.mark.posix
def test_a_real_write_that_stops_half_way_loses_only_its_batch(tmp_path, open_index, scenes, limited, monkeypatch):
    monkeypatch.setattr(encode, "FILES_AT_ONCE", 4)
    photos = many_photos(tmp_path / "many", scenes, 40)
    index = open_index()
    limited(1001)  # not the end of a name, nor of a vector
    with pytest.raises(OSError, match=r"photos\.index could not be written \(File too large\): make room on its disk"):
        index.update(photos)
    limited(0)
    kept = len(open_index())
    assert 0 < kept < 40 and kept % 4 == 0
    assert found(open_index()) == [f"{n:02d}.png" for n in range(kept)]
    update = open_index().update(photos)
    assert (update.added, update.unchanged) == (40 - kept, kept)
    assert found(open_index()) == [f"{n:02d}.png" for n in range(40)]


def test_there_is_no_room_for_a_new_index(tmp_path, monkeypatch):
    def full(path: Path, *_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "touch", full)
    with pytest.raises(OSError, match=r"new could not be written \(No space left on device\): make room on its disk"):
        Store.create(tmp_path / "new", "model", 16)
    monkeypatch.undo()
    assert len(Store.create(tmp_path / "new", "model", 16)) == 0, "what was begun is no obstacle"


def test_inverted_lists_for_which_there_is_no_room_leave_an_index_that_searches_exactly(
    tmp_path, open_index, limited, monkeypatch
):
    monkeypatch.setattr(vector_index, "EXACT_UP_TO", 500)
    index = open_index()
    index.rows.append(unit(800), [str(n) for n in range(800)])
    limited(20_000)
    with pytest.raises(OSError, match=r"lists\.faiss could not be written: make room on its disk"):
        index.finish()
    limited(0)
    again = open_index()
    assert again.tuning is None and len(again.search("a cat")) == 10
    assert not list(again.rows.path.glob(".*")), "no draft is left"
    again.finish()
    assert open_index().tuning is not None


# ---- kills -----------------------------------------------------------------------------------------------------------


def test_an_index_that_was_killed_before_its_lists_were_built_gets_them_the_next_time(photos, open_index, monkeypatch):
    monkeypatch.setattr(vector_index, "EXACT_UP_TO", 5)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(vector_index.InvertedLists, "build", killed)
    with pytest.raises(KeyboardInterrupt):
        open_index().update(photos)
    monkeypatch.undo()
    monkeypatch.setattr(vector_index, "EXACT_UP_TO", 5)
    update = open_index().update(photos)
    assert (update.added, update.unchanged) == (0, 8)
    assert open_index().tuning is not None and "chance" in open_index().rows.manifest


def test_an_index_that_was_killed_while_it_was_made_can_be_made(tmp_path, photos, open_index):
    folder = tmp_path / "photos.index"
    folder.mkdir()
    for name in ("vectors", "names"):
        (folder / name).touch()
    assert open_index().update(photos).added == 8


def test_a_save_that_was_killed_between_old_and_new_leaves_both_and_says_where(index, model, tokenizer, monkeypatch):
    path, rename = index.rows.path.with_name("copy"), Path.rename
    index.save(path)
    index.rows.remove([0])

    def killed(source: Path, target: Path) -> Path:
        if source.name.endswith(".draft"):
            raise KeyboardInterrupt
        return rename(source, target)

    monkeypatch.setattr(Path, "rename", killed)
    monkeypatch.setattr(shutil, "rmtree", lambda _: None)  # killed: nothing is cleaned up
    with pytest.raises(KeyboardInterrupt):
        index.save(path)
    with pytest.raises(
        FileNotFoundError, match=r"a save that was interrupted has left it as (.*): rename that"
    ) as said:
        ImageIndex.open(path, model, tokenizer)
    left = Path(re.search(r"left it as (.*): rename that", str(said.value)).group(1))
    rename(left, path)
    assert len(ImageIndex.open(path, model, tokenizer)) == 7


# ---- two at once -----------------------------------------------------------------------------------------------------


def test_of_two_that_write_to_one_index_the_later_is_refused_and_the_rows_of_the_first_stay(photos, open_index):
    one, two = open_index(), open_index()
    one.update(photos)
    for write in (
        lambda: two.update(photos),
        lambda: two.rows.append(unit(1), ["x"]),
        lambda: two.rows.write_manifest(),
    ):
        with pytest.raises(ValueError, match=r"another process has written to .*: let one at a time do so, and open"):
            write()
    assert found(open_index()) == [f"{n}.png" for n in range(8)]
    rows = open_index().features.numpy()
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-3)
    assert open_index().update(photos).unchanged == 8


def test_many_threads_that_write_at_once_lose_nothing_that_was_said_to_be_written(tmp_path):
    stores = [Store.create(tmp_path / "index", "model", 16), *(Store.open(tmp_path / "index") for _ in range(5))]
    written: list[str] = []

    def write(n: int) -> None:
        try:
            stores[n].append(np.full((4, 16), n), [f"{n}"] * 4)
            written.append(str(n))
        except ValueError:
            pass

    threads = [threading.Thread(target=write, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    there = Store.open(tmp_path / "index")
    assert len(written) == 1 and there.names() == written * 4
    assert (there.vectors == int(written[0])).all()


# ---- folders that change or go ---------------------------------------------------------------------------------------


def while_encoding(monkeypatch, do: Callable[[], object]) -> None:
    """Do something once, while the first batch is encoded."""
    embed, done = encode.encode_images, []

    def meanwhile(model: object, pixels: torch.Tensor) -> torch.Tensor:
        if not done:
            done.append(do())
        return embed(model, pixels)

    monkeypatch.setattr(encode, "encode_images", meanwhile)


def test_a_disk_that_is_taken_out_while_it_is_read_costs_nothing_that_was_there(photos, open_index, monkeypatch):
    open_index().update(photos)
    for n in (20, 21, 22):
        shutil.copy(photos / "0.png", photos / f"{n}.png")
        (photos / f"{n}.png").write_bytes((photos / "0.png").read_bytes() + bytes([n]))
    monkeypatch.setattr(encode, "FILES_AT_ONCE", 1)
    while_encoding(monkeypatch, lambda: photos.rename(photos.with_name("away")))
    first = open_index().update(photos, workers=1)
    assert all("No such file" in why for why in first.problems.values())
    before = found(open_index())
    assert set(before) >= {f"{n}.png" for n in range(8)}
    with pytest.raises(FileNotFoundError, match="is its disk connected"):
        open_index().update(photos)
    photos.mkdir()  # where it was connected, nothing is
    with pytest.raises(ValueError, match="is its disk connected"):
        open_index().update(photos)
    assert found(open_index()) == before


def test_an_index_that_is_deleted_while_it_grows_is_named(photos, open_index, monkeypatch):
    index = open_index()
    while_encoding(monkeypatch, lambda: shutil.rmtree(index.rows.path))
    with pytest.raises(OSError, match=r"photos\.index could not be written .*: is its disk connected, and the folder"):
        index.update(photos)


@pytest.mark.posix
def test_a_file_that_becomes_a_folder_or_a_link_while_it_is_read_is_named_or_read(photos, open_index, monkeypatch):
    def change() -> None:
        for n in (4, 6):
            (photos / f"{n}.png").unlink()
        (photos / "4.png").mkdir()
        (photos / "6.png").symlink_to(photos / "6.png")

    monkeypatch.setattr(encode, "FILES_AT_ONCE", 1)
    while_encoding(monkeypatch, change)
    update = open_index().update(photos, workers=1)
    assert {Path(name).name for name in update.problems} <= {"4.png", "6.png"}
    open_index().update(photos)
    assert not {"4.png", "6.png"} & set(found(open_index()))


def test_a_data_set_whose_file_is_damaged_keeps_what_was_indexed(open_index, tmp_path, scenes):
    import pyarrow as pa
    from pyarrow import parquet

    images = [png(pixels) for pixels in scenes.batch(range(4)).pixels]
    path = tmp_path / "pairs.parquet"
    parquet.write_table(pa.table({"image": images, "caption": ["a"] * 4, "key": list("abcd")}), path)
    index_data_set(open_index(), f"parquet:{path}")
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(ValueError, match="was cut off"):
        index_data_set(open_index(), f"parquet:{path}")
    assert found(open_index()) == list("abcd")
