"""Shards of images become shards of vectors, in one process or in many; whatever dies, nothing is lost or trusted."""

import builtins
import io
import os
import shutil
import signal
import tarfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from clip_tutor.search import ImageIndex, add_shards, encode_shard, encode_shards, shards
from clip_tutor.search.vector_shards import read_shard_of_vectors, vector_shards
from tests.search.conftest import as_image, found, png

PER_SHARD = 10


def write_tar(path: Path, files: dict[str, bytes]) -> None:
    with tarfile.open(path, "w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


@pytest.fixture
def collection(tmp_path, scenes) -> list[Path]:
    """Two archives and two Parquet files of ten scenes each; in the first, one image more that is damaged."""
    images = [png(pixels) for pixels in scenes.batch(range(4 * PER_SHARD)).pixels]
    folder = tmp_path / "shards"
    folder.mkdir()
    for n in range(2):
        some = images[n * PER_SHARD : (n + 1) * PER_SHARD]
        files = {f"{n}{k}.png": image for k, image in enumerate(some)}
        files |= {f"{n}{k}.txt": b"a scene" for k in range(PER_SHARD)}
        write_tar(
            folder / f"0000{n}.tar",
            dict(sorted((files | ({"bad.png": b"\x89PNG", "bad.txt": b"nothing"} if not n else {})).items())),
        )
    for n in (2, 3):
        some = images[n * PER_SHARD : (n + 1) * PER_SHARD]
        rows = [{"bytes": image, "path": f"{k}.png"} for k, image in enumerate(some)]
        parquet.write_table(pa.table({"image": rows}), folder / f"0000{n}.parquet")
    return sorted(folder.iterdir())


def vectors_of(folder: Path) -> dict[str, np.ndarray]:
    rows: dict[str, np.ndarray] = {}
    for shard in vector_shards(folder):
        for vectors, names in read_shard_of_vectors(shard):
            assert not rows.keys() & set(names)
            rows |= dict(zip(names, vectors, strict=True))
    return rows


@pytest.fixture
def alone(collection, model, tmp_path) -> Path:
    """The collection, encoded in this process."""
    folder = tmp_path / "alone"
    folder.mkdir()
    for shard in collection:
        encode_shard(model, str(shard), folder / f"{shard.stem}.parquet")
    return folder


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
        image = as_image(scenes.batch([25]).pixels[0])
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
    importing = builtins.__import__

    def without(name: str, *rest: object) -> object:
        if name.split(".")[0] == "ray":
            raise ModuleNotFoundError("No module named 'ray'")
        return importing(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
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


# ---- two workers of Ray ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ray():
    """Ray on this machine, with two CPUs."""
    ray = pytest.importorskip("ray", reason='needs Ray: pip install "clip-tutor[ray]"')
    pytest.importorskip("ray.data")
    options = {"log_to_driver": False, "logging_level": "ERROR", "object_store_memory": 100 * 2**20}
    ray.init(num_cpus=2, include_dashboard=False, **options)
    ray.data.DataContext.get_current().enable_progress_bars = False
    yield ray
    ray.shutdown()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_two_workers_one_of_them_killed_give_what_one_process_gives(ray, collection, alone, model, tmp_path):
    output, seen = tmp_path / "many", tmp_path / "seen"
    seen.mkdir()

    def die_once(*_: object) -> None:  # goes to the workers with the model
        (seen / str(os.getpid())).touch()
        if not (seen / "killed").exists() and len(list(seen.iterdir())) > 1:
            (seen / "killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)

    with model.image_tower.register_forward_pre_hook(die_once):
        report = encode_shards(model, collection, output)
    assert (seen / "killed").exists() and len(list(seen.iterdir())) > 3, "two workers, and one in place of the killed"
    assert (report.images, report.encoded, report.unchanged, report.left_out) == (4 * PER_SHARD, 4, 0, 1)
    expected, got = vectors_of(alone), vectors_of(output)
    assert got.keys() == expected.keys()
    for name, vector in expected.items():
        np.testing.assert_allclose(got[name], vector, atol=1e-3)
    assert sorted(file.name for file in output.iterdir()) == [f"0000{n}.parquet" for n in range(4)]

    (output / "00000.parquet").write_bytes((output / "00000.parquet").read_bytes()[:-9])  # half-written
    (output / "00001.parquet").unlink()
    parquet.write_table(pa.table({"image": [b"no image"]}), collection[3])  # changed since
    stamp = (output / "00002.parquet").stat().st_mtime_ns
    again = encode_shards(model, collection, output)
    assert (again.images, again.encoded, again.unchanged, again.left_out) == (2 * PER_SHARD, 3, 1, 2)
    assert (output / "00002.parquet").stat().st_mtime_ns == stamp
    assert len(vectors_of(output)) == 3 * PER_SHARD


@pytest.mark.slow
def test_a_machine_that_is_too_small_is_said_to_be(ray, collection, model, tmp_path):
    with pytest.raises(ValueError, match=r"no machine of this Ray cluster has 64 CPUs and 0 GPUs: ask for fewer"):
        encode_shards(model, collection, tmp_path / "out", cpus=64)
