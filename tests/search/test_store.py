"""The index on the disk: a batch counts whole or not at all, and damage is named."""

import errno
import json
import os

import numpy as np
import pytest

from clip_tutor.search.store import FILE_FACTS, Store
from tests.search.conftest import unit


@pytest.fixture
def store(tmp_path) -> Store:
    store = Store.create(tmp_path / "index", "model", 16)
    store.append(
        unit(5), [f"é {n}" for n in range(5)], np.array([(n, n + 1, n + 2, n + 3) for n in range(5)], FILE_FACTS)
    )
    return store


def contents(store: Store) -> tuple[object, ...]:
    return store.vectors.tobytes(), store.names(), store.files.tolist(), store.alive.tolist()


def test_what_was_appended_is_there_when_it_is_opened(store):
    store.append(unit(2, seed=1), ["", "b"])
    store.remove([1, 6])
    again = Store.open(store.path)
    assert contents(again) == contents(store)
    assert again.name(4) == "é 4" and again.name(5) == "" and again.alive.tolist() == [True, False, *[True] * 4, False]
    np.testing.assert_array_equal(again.vectors[5:], unit(2, seed=1).astype(np.float16))


def test_the_vectors_are_mapped_and_the_file_stays_as_it_is(store):
    assert not store.vectors.flags.owndata
    before = (store.path / "vectors").read_bytes()
    store.vectors[:] = 0
    assert (store.path / "vectors").read_bytes() == before


def test_a_batch_that_was_cut_off_does_not_count_and_is_written_over(store):
    before = contents(store)
    for name in ("vectors", "names", "name_ends", "files", "removed"):  # killed before the manifest was written
        with (store.path / name).open("ab") as file:
            file.write(b"half a batch")
    assert contents(Store.open(store.path)) == before
    again = Store.open(store.path)
    again.append(unit(1, seed=2), ["new"])
    assert Store.open(store.path).names() == [*(f"é {n}" for n in range(5)), "new"]


@pytest.mark.parametrize("fails", range(5))
def test_a_disk_that_fills_leaves_the_index_as_it_was(store, monkeypatch, fails):
    """Each of the files that a batch is written to, and the manifest at last, may be the one without room."""
    before, calls, fsync = contents(store), [], os.fsync

    def full(file: int) -> None:
        calls.append(file)
        if len(calls) - 1 == fails:
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(file)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        OSError, match=r"No space left on device.*make room on its disk, and run the same again"
    ) as error:
        store.append(unit(3, seed=1), ["a", "b", "c"])
    assert error.value.errno == errno.ENOSPC
    monkeypatch.undo()
    assert contents(store) == before == contents(Store.open(store.path))
    assert not list(store.path.glob(".*")), "no draft is left behind"
    store.append(unit(3, seed=1), ["a", "b", "c"])
    assert Store.open(store.path).names()[5:] == ["a", "b", "c"]


@pytest.mark.parametrize("name", ["vectors", "names", "name_ends", "files"])
def test_a_truncated_or_missing_file_is_named(store, name):
    content = (store.path / name).read_bytes()
    (store.path / name).write_bytes(content[:-1])
    with pytest.raises(ValueError, match=f"is cut off: its file {name} has .* bytes of .*make it anew from the images"):
        Store.open(store.path)
    (store.path / name).unlink()
    with pytest.raises(ValueError, match=f"is cut off: its file {name} is missing"):
        Store.open(store.path)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": 1}', '"x"', "\0"], ids=repr)
def test_a_damaged_manifest_is_refused(store, text):
    (store.path / "manifest.json").write_text(text)
    with pytest.raises(ValueError, match=r"manifest\.json cannot be read .*: the index is damaged; make it anew"):
        Store.open(store.path)


def test_names_that_do_not_fit_and_rows_that_never_were_are_refused(store):
    store.manifest["name_bytes"] -= 1
    store.write_manifest()
    with pytest.raises(ValueError, match="is damaged: its names do not fit its vectors"):
        Store.open(store.path)
    store.manifest["name_bytes"] += 1
    (store.path / "removed").write_bytes(np.int64(99).tobytes())
    store.manifest["removed"] = 1
    store.write_manifest()
    with pytest.raises(ValueError, match="is damaged"):
        Store.open(store.path)


def test_what_is_no_index_is_said_to_be_none(store, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing is not there: .*python -m clip_tutor.search index"):
        Store.open(tmp_path / "nothing")
    with pytest.raises(ValueError, match="is not an image index"):
        Store.open(tmp_path)
    store.manifest["format"] = 2
    store.write_manifest()
    with pytest.raises(ValueError, match=r"is of format 2, and this version of clip_tutor reads 1"):
        Store.open(store.path)
    with pytest.raises(FileExistsError, match=r"there is something at .* already"):
        Store.create(store.path, "model", 16)


def test_the_manifest_is_small_and_can_be_read_by_people(store):
    assert json.loads((store.path / "manifest.json").read_text())["rows"] == 5
