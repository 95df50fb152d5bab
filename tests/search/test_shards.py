"""Shards of images become shards of vectors, in one process, and go into an index; nothing half-written is trusted."""

import importlib
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from clip_tutor.search import ImageIndex, add_shards, encode_shard, encode_shards, read_shard_of_vectors, shards
from tests.search.conftest import PER_SHARD, as_image, found, vectors_of

# ---- one shard, in one process ---------------------------------------------------------------------------------------


def test_a_shard_gives_the_vectors_that_an_index_of_its_images_holds(collection, alone, model, tokenizer, scenes):
    index = ImageIndex(model, tokenizer)
    index.add_pixels(scenes.batch(range(4 * PER_SHARD)).pixels, ["x"] * 4 * PER_SHARD)
    rows = vectors_of(alone)
    names = [f"0000{n}.tar/{n}{k}" for n in range(2) for k in range(PER_SHARD)]
    names += [f"0000{n}.parquet/{k}.png" for n in (2, 3) for k in range(PER_SHARD)]
    assert sorted(rows) == sorted(names)
    np.testing.assert_allclose(np.stack([rows[name] for name in names]), index.features.numpy(), atol=1e-3)


def test_what_cannot_be_read_is_named_and_no_other_takes_its_place(collection, model, tmp_path):
    report = encode_shard(model, str(collection[0]), tmp_path / "0.parquet")
    assert (report.images, report.left_out, list(report.problems)) == (PER_SHARD, 1, ["00000.tar/bad"])
    assert "1 images could not be read" in str(report)


def test_names_come_from_the_column_that_has_them_and_paths_are_meant_from_the_file(tmp_path, model, scenes):
    as_image(scenes.batch([0]).pixels[0]).save(tmp_path / "a.png")
    parquet.write_table(pa.table({"image": ["a.png", "none.png"], "key": ["one", "two"]}), tmp_path / "t.parquet")
    report = encode_shard(model, str(tmp_path / "t.parquet"), tmp_path / "out.parquet")
    assert list(vectors_of_one(tmp_path / "out.parquet")) == ["t.parquet/one"]
    assert "No such file" in report.problems["t.parquet/two"]


def vectors_of_one(path: Path) -> list[str]:
    return [name for _, names in read_shard_of_vectors(path) for name in names]


def test_a_damaged_shard_gives_what_can_be_read_and_is_not_trusted(collection, model, tmp_path):
    collection[1].write_bytes(collection[1].read_bytes()[:6000])
    with pytest.warns(UserWarning, match=r"00001\.tar is damaged or cut off"):
        report = encode_shard(model, str(collection[1]), tmp_path / "out" / "00001.parquet")
    assert 0 < report.images < PER_SHARD
    assert "download it again. It is tried again each time" in report.problems[str(collection[1])]
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["00001.damaged.parquet"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()], ids=repr)
def test_an_interruption_leaves_nothing_behind(collection, model, tmp_path, monkeypatch, error):
    def failing(file: int) -> None:
        raise error

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(type(error)):
        encode_shard(model, str(collection[0]), tmp_path / "out" / "0.parquet")
    assert list((tmp_path / "out").iterdir()) == []


# ---- into an index ---------------------------------------------------------------------------------------------------


def test_vectors_go_into_an_index_in_memory_or_on_the_disk_and_once(alone, open_index, model, tokenizer, scenes):
    for index in (ImageIndex(model, tokenizer), open_index()):
        assert (add_shards(index, alone), add_shards(index, alone)) == (4 * PER_SHARD, 0)
        assert len(found(index)) == 4 * PER_SHARD
        image = as_image(scenes.batch([2 * PER_SHARD + 5]).pixels[0])
        assert index.search(image=image, k=1)[0].name == "00002.parquet/5.png"


def test_taking_them_in_goes_on_after_an_interruption(alone, open_index):
    (alone / "00002.parquet").rename(alone / "00002.parquet.part")  # what is missing when it is begun
    assert add_shards(open_index(), alone) == 3 * PER_SHARD
    (alone / "00002.parquet.part").rename(alone / "00002.parquet")
    index = open_index()
    assert add_shards(index, alone) == PER_SHARD
    assert len(set(index.names)) == len(index) == 4 * PER_SHARD


def test_shards_of_another_model_cut_off_shards_and_none_are_refused(alone, make_model, tokenizer, model, tmp_path):
    other = ImageIndex(make_model(seed=1), tokenizer)
    with pytest.raises(ValueError, match=r"00000\.parquet was made by another model: .* encode the shards again"):
        add_shards(other, alone)
    index = ImageIndex(model, tokenizer)
    content = (alone / "00001.parquet").read_bytes()
    for cut in (content[:-20], content[:100], b"", b"PAR1"):
        (alone / "00001.parquet").write_bytes(cut)
        with pytest.raises(ValueError, match=r"00001\.parquet is no shard of vectors, or was cut off: delete it, and"):
            add_shards(index, alone)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="holds no shard of vectors"):
        add_shards(index, tmp_path / "empty")


# ---- what is to be done, before Ray is asked -------------------------------------------------------------------------


def test_finished_shards_are_not_encoded_again(collection, alone, model, monkeypatch):
    monkeypatch.setattr(shards, "_ray", lambda: pytest.fail("there is nothing to encode"))
    report = encode_shards(model, collection, alone)
    assert (report.unchanged, report.encoded) == (4, 0)
    assert encode_shards(model, [collection[0], collection[0]], alone).unchanged == 1


def test_without_ray_a_sentence_says_how_to_get_it(collection, model, tmp_path, monkeypatch):
    importing = importlib.import_module

    def without(name: str) -> object:
        if name.split(".")[0] == "ray":
            raise ModuleNotFoundError("No module named 'ray'")
        return importing(name)

    monkeypatch.setattr(importlib, "import_module", without)
    with pytest.raises(ImportError, match=r'needs Ray .*: pip install "clip-tutor\[ray\]", on each machine'):
        encode_shards(model, collection, tmp_path / "out")


def test_what_cannot_be_kept_apart_or_is_of_another_model_is_refused(collection, alone, model, make_model, tmp_path):
    (tmp_path / "more").mkdir()
    shutil.copy(collection[0], tmp_path / "more" / "00002.tar")
    with pytest.raises(ValueError, match=r"several shards have one name: .*more/00002\.tar\. Give the shards of each"):
        encode_shards(model, [*collection, tmp_path / "more"], tmp_path / "out")
    with pytest.raises(ValueError, match=r"holds vectors of another model: give another folder"):
        encode_shards(make_model(seed=1), collection, alone)
    with pytest.raises(FileNotFoundError, match=r"there is no shard .*none\.tar"):
        encode_shards(model, tmp_path / "none.tar", tmp_path / "out")


# ---- what comes back from the processes ------------------------------------------------------------------------------


class FakeRay:
    """As much of Ray as is asked, in this process; ``die`` stands for a process that dies over every shard."""

    exceptions = SimpleNamespace(RayActorError=type("RayActorError", (Exception,), {}))

    def __init__(self, die: bool = False) -> None:
        self.die, self.data = die, self
        self.jobs: list[dict[str, str]] = []

    def is_initialized(self) -> bool:
        return True

    def nodes(self) -> list[dict[str, object]]:
        return [{"Alive": True, "Resources": {"CPU": 4.0}}, {"Alive": False, "Resources": {"CPU": 99.0}}]

    def put(self, held: object) -> object:
        return held

    get = put

    def ActorPoolStrategy(self, **settings: object) -> object:  # noqa: N802
        return settings

    def from_items(self, jobs: list[dict[str, str]], override_num_blocks: int) -> "FakeRay":
        assert override_num_blocks == len(jobs), "each shard is dealt out by itself"
        self.jobs = jobs
        return self

    def map_batches(self, kind: type, fn_constructor_args: tuple[object, ...], **settings: object) -> "FakeRay":
        self.settings, self.encoder = settings, kind(*fn_constructor_args)
        return self

    def iter_rows(self):
        for job in self.jobs:
            if self.die:
                output = Path(job["output"])
                output.with_name(f".{output.stem}.damaged.parquet.17.draft").touch()
                raise self.exceptions.RayActorError("the actor is unavailable")
            batch = self.encoder({key: np.array([value]) for key, value in job.items()})
            yield {key: values[0] for key, values in batch.items()}


def test_as_many_processes_are_asked_for_as_the_machines_hold(collection, model, tmp_path, monkeypatch):
    ray = FakeRay()
    monkeypatch.setattr(shards, "_ray", lambda: ray)
    assert encode_shards(model, collection, tmp_path / "out", cpus=2).encoded == 4
    assert (ray.settings["compute"]["size"], ray.settings["num_cpus"], ray.settings["num_gpus"]) == (2, 2, None)
    encode_shards(model, collection[:1], tmp_path / "one", processes=3)
    assert ray.settings["compute"]["size"] == 1, "no more than there are shards"
    with pytest.raises(ValueError, match=r"no machine of this Ray cluster has 1 CPUs and 1 GPUs: ask for fewer"):
        encode_shards(model, collection, tmp_path / "gpu", gpus=1)


def test_shards_that_have_changed_and_outputs_that_were_cut_off_are_encoded_again(
    collection, alone, model, monkeypatch
):
    monkeypatch.setattr(shards, "_ray", FakeRay)
    os.utime(collection[0], ns=(1, 1))
    (alone / "00001.parquet").write_bytes((alone / "00001.parquet").read_bytes()[:-9])
    (alone / "00002.parquet").unlink()
    report = encode_shards(model, collection, alone)
    assert (report.encoded, report.unchanged) == (3, 1)
    assert len(vectors_of(alone)) == 4 * PER_SHARD


def test_a_shard_that_cannot_be_read_keeps_no_other_back(collection, model, tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "_ray", FakeRay)
    collection[2].write_bytes(collection[2].read_bytes()[:-20])
    report = encode_shards(model, collection, tmp_path / "out")
    assert (report.encoded, report.images) == (3, 3 * PER_SHARD)
    assert "was cut off" in report.problems[str(collection[2])] and str(collection[2]) in str(report)


def test_a_disk_that_fills_on_some_machine_is_said_and_finished_shards_stay(collection, model, tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "_ray", FakeRay)
    fsync, calls = os.fsync, []

    def full(file: int) -> None:
        calls.append(file)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        fsync(file)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        OSError, match=r"00001\.parquet could not be written \(No space left.*make room on its disk, and"
    ):
        encode_shards(model, collection, tmp_path / "out")
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["00000.parquet"]
    monkeypatch.undo()
    monkeypatch.setattr(shards, "_ray", FakeRay)
    assert encode_shards(model, collection, tmp_path / "out").unchanged == 1


def test_a_shard_over_which_processes_die_again_and_again_is_named(collection, model, tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "_ray", lambda: FakeRay(die=True))
    with pytest.raises(
        RuntimeError, match=r"a process died 4 times over one of .*00000\.tar: most often for want of mem"
    ):
        encode_shards(model, collection, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_captions_to_tune_on_are_not_letters(alone, model, tokenizer):
    with pytest.raises(TypeError, match="captions are a list of texts, not one text: 'a cat'"):
        add_shards(ImageIndex(model, tokenizer), alone, "a cat")
