"""Shards that cannot be read, in part or at all: a warning names each, and everything else is still given."""

import gzip
import io
import itertools
import warnings
from collections import Counter

import pytest
from PIL import Image

from clip_tutor.data import web_files
from clip_tutor.data.batches import Photos
from clip_tutor.data.webdataset import ShardPairs, find_shards, read_shard
from clip_tutor.tokenizers import BPETokenizer
from tests.data.archives import end_of, tar
from tests.data.faulty_server import half, refuse, rest, serving
from tests.data.photographs import encoded


def files(*numbers):
    return [file for n in numbers for file in ((f"{n}.txt", b"a photo"), (f"{n}.jpg", encoded(n)))]


def shards(count=4, of=3):
    """Archives of three pairs each, by their names."""
    return {f"{n}.tar": tar(files(*range(of * n, of * n + of))) for n in range(count)}


@pytest.fixture
def folder(tmp_path):
    for name, archive in shards().items():
        (tmp_path / name).write_bytes(archive)
    return tmp_path


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(web_files, "FIRST_PAUSE", 0.01)


def numbers(pairs):
    return sorted(int(pair.name.rpartition("/")[2]) for pair in pairs)


def test_where_the_cut_goes_between_two_pairs_the_one_before_is_whole(folder):
    archive = (folder / "0.tar").read_bytes()
    (folder / "0.tar").write_bytes(archive[: end_of(archive, encoded(1)) + 700])  # in the header of 2.txt
    with pytest.warns(UserWarning) as said:
        assert numbers(read_shard(str(folder / "0.tar"))) == [0, 1]
    assert len(said) == 1
    assert "0.tar is damaged or cut off after 2 pairs in 4 files (it ends at byte " in str(said[0].message)


def test_what_the_cut_left_of_a_pair_is_neither_given_nor_remarked_on(folder):
    archive = (folder / "0.tar").read_bytes()
    (folder / "0.tar").write_bytes(archive[: end_of(archive, encoded(2)) - 10])  # 2.txt is whole
    with pytest.warns(UserWarning, match="after 2 pairs in 5 files") as said:
        assert numbers(read_shard(str(folder / "0.tar"))) == [0, 1]
    assert len(said) == 1


def test_behind_damage_in_the_middle_reading_goes_on(folder):
    archive = bytearray((folder / "0.tar").read_bytes())
    place = archive.index(encoded(1)) - 512
    archive[place + 5 : place + 9] = b"oops"
    (folder / "0.tar").write_bytes(archive)
    with pytest.warns(UserWarning) as said:
        assert [(pair.name, bool(pair.image)) for pair in read_shard(str(folder / "0.tar"))] == [
            ("0.tar/0", True),
            ("0.tar/1", False),
            ("0.tar/2", True),
        ]
    damage, lack = (str(one.message) for one in said)
    assert f"0.tar is damaged (from byte {place} to" in damage and "3 pairs in 5 files were read" in damage
    assert "0.tar has samples without an image (1: 0.tar/1)" in lack


def test_samples_that_lack_something_are_named_once_for_a_shard(tmp_path):
    (tmp_path / "0.tar").write_bytes(tar(sorted(files(*range(9)), key=lambda file: file[0][::-1])))
    with pytest.warns(UserWarning) as said:
        list(read_shard(str(tmp_path / "0.tar")))
    (message,) = (str(one.message) for one in said)
    assert "without a caption (9: 0.tar/0, 0.tar/1, 0.tar/2, 0.tar/3, 0.tar/4 and 4 more)" in message
    assert message.endswith("stand next to each other: tar --sort=name puts them so")


def test_shards_that_cannot_be_opened_are_named_and_passed_over(folder):
    (folder / "1.tar").unlink()
    (folder / "1.tar").mkdir()
    stream = ShardPairs(folder)
    (folder / "2.tar").unlink()
    with pytest.warns(UserWarning) as said:
        assert numbers(stream.pairs(0, 1, 0, 1, 0)) == [0, 1, 2, 9, 10, 11]
    assert sorted(str(one.message).split(" cannot be read")[0] for one in said) == [
        str(folder / "1.tar"),
        str(folder / "2.tar"),
    ]


@pytest.mark.parametrize(("world", "workers"), [(1, 4), (4, 1), (2, 2), (1, 8)])
def test_a_worker_whose_only_shard_is_damaged_does_not_end_the_run(folder, world, workers):
    (folder / "2.tar").write_bytes(b"<html>")
    stream, seen = ShardPairs(folder), Counter()
    with pytest.warns(UserWarning, match=r"2.tar is damaged or cut off after 0 pairs .*it is no tar archive"):
        for rank, worker in itertools.product(range(world), range(workers)):
            seen.update(numbers(stream.pairs(rank, world, worker, workers, 0)))
    assert seen == Counter({n: 1 for n in range(12) if n // 3 != 2})


def test_training_goes_on_in_a_process_whose_only_shard_is_damaged(folder):
    (folder / "2.tar").write_bytes(b"")
    words = BPETokenizer.train(["a photo"] * 9, 520, context_length=8)
    photos = Photos(ShardPairs(folder), 8)
    with pytest.warns(UserWarning, match="2.tar is damaged or cut off"):
        for rank in range(4):
            for batch in itertools.islice(photos.stream(words, 4, rank=rank, world=4), 8):
                assert len(batch.names) == 1 and not batch.skipped


def test_where_no_shard_gives_a_pair_the_error_names_them(folder):
    for file in folder.iterdir():
        file.write_bytes(b"<html>")
    with (
        pytest.warns(UserWarning, match="it is no tar archive"),
        pytest.raises(OSError, match=r"no shard gives a pair; .* 4 are: .*\.tar is damaged or cut off .* and 1 more"),
    ):
        list(ShardPairs(folder).pairs(0, 1, 0, 1, 0))
    with warnings.catch_warnings(), pytest.raises(OSError, match="no shard gives a pair"):
        warnings.simplefilter("ignore")
        list(ShardPairs(folder).pairs(0, 1, 2, 4, 0))


def test_one_shard_of_the_web_that_fails_costs_only_itself():
    archives = {f"/{name}": archive for name, archive in shards(5).items()}
    acts = {"/1.tar": [refuse(404)], "/2.tar": [half("reset"), refuse(503), refuse(403)]}
    acts["/3.tar"] = [half("reset", ranges=False), half("short"), rest()]
    with serving(archives, acts) as (address, _), pytest.warns(UserWarning) as said:
        seen = numbers(ShardPairs(f"{address}/{{0..4}}.tar").pairs(0, 1, 0, 1, 0))
    assert set(seen) >= {0, 1, 2, 9, 10, 11, 12, 13, 14} and len(set(seen)) == len(seen)
    assert not set(seen) & {3, 4, 5}
    told = sorted(str(one.message) for one in said)
    assert len(told) == 2
    assert f"{address}/1.tar cannot be read beyond 0 pairs in 0 files" in told[0] and "404" in told[0]
    assert f"{address}/2.tar cannot be read beyond" in told[1]


def test_addresses_that_are_no_tar_files_to_look_at(tmp_path):
    archives = {"/0.tar?download=true": tar(files(1)), "/0.tgz": gzip.compress(tar(files(2)))}
    with serving(archives, {"/data/nshards.txt": [refuse(404)], "/page/nshards.txt": []}) as (address, _):
        pairs = [pair.name for name in archives for pair in ShardPairs(address + name).pairs(0, 1, 0, 1, 0)]
        assert pairs == ["0.tar/1", "0.tgz/2"]
        with pytest.raises(FileNotFoundError, match=r"taken for a folder of shards, but has no nshards.txt .*404"):
            find_shards(f"{address}/data")
    with (
        serving({"/nshards.txt": b"<html>nothing"}, {}) as (address, _),
        pytest.raises(ValueError, match=r"nshards.txt should hold the number .* but begins with '<html>nothing'"),
    ):
        find_shards(address)


@pytest.mark.parametrize("place", ["pipe:curl -s https://example.org/0.tar", "s3://b/{0..3}.tar", "gs://b/0.tar"])
def test_addresses_that_only_other_tools_read_are_named(place):
    with pytest.raises(ValueError, match=rf"http and https addresses, not from {place.partition(':')[0]}"):
        ShardPairs(place)


def test_ranges_and_lists_without_a_shard_are_named():
    with pytest.raises(FileNotFoundError, match=r"\{3\.\.0\} of .* stands for no shard"):
        ShardPairs("{3..0}.tar")
    with pytest.raises(FileNotFoundError, match="names no shard"):
        ShardPairs([])


def test_compressed_shards_lie_in_a_folder_like_others(tmp_path):
    (tmp_path / "0.tar.gz").write_bytes(gzip.compress(tar(files(0))))
    (tmp_path / "1.TGZ").write_bytes(gzip.compress(tar(files(1))))
    (tmp_path / "2.tar").write_bytes(gzip.compress(tar(files(2))))
    (tmp_path / "._2.tar").write_bytes(b"what macOS leaves on foreign disks")
    assert numbers(ShardPairs(tmp_path).pairs(0, 1, 0, 1, 0)) == [0, 1, 2]
    assert numbers(ShardPairs(f"file://{tmp_path}/2.tar").pairs(0, 1, 0, 1, 0)) == [2]


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "PPM", "ICO", "TGA", "JPEG2000"])
def test_images_of_other_kinds_are_trained_on(tmp_path, kind):
    image = io.BytesIO()
    Image.new("RGB", (16, 16), "red").save(image, kind)
    extension = {"JPEG2000": "jp2"}.get(kind, kind.lower())
    (tmp_path / "0.tar").write_bytes(tar([(f"1.{extension}", image.getvalue()), ("1.txt", b"red")]))
    (pair,) = read_shard(str(tmp_path / "0.tar"))
    pixels = Photos([pair], 8).pixels(pair.image, 0.5)
    assert pixels[0].min() > 240 and pixels[1:].max() < 15
