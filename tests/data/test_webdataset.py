"""Shards as CLIP-benchmark and LAION write them, shards that are cut off, and shards on the web."""

import functools
import http.server
import io
import itertools
import json
import tarfile
import threading
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from torch.utils.data import DataLoader

from clip_tutor.data.batches import Photos
from clip_tutor.data.pairs import PairStream
from clip_tutor.data.webdataset import ShardPairs, find_shards, read_shard
from clip_tutor.tokenizers import BPETokenizer
from tests.data.photographs import captions_of, encoded

File = tuple[str, bytes]


def write_shard(path: Path, files: list[File]) -> None:
    with tarfile.open(path, "w") as archive:
        for name, content in files:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def of_laion(number: int, kind: str = "jpg") -> list[File]:
    """What img2dataset writes for one image of the web."""
    key, caption = f"{number:09d}", f"alt text\nof {number}"
    about = {"url": f"https://example.org/{number}", "caption": caption, "key": key, "status": "success"}
    about |= {"error_message": None, "width": 40, "height": 30, "original_width": 400, "exif": "{}"}
    image = encoded(number, {"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}[kind])
    return [
        (f"{key}.{kind}", image),
        (f"{key}.json", json.dumps(about, indent=4).encode()),
        (f"{key}.txt", caption.encode()),
    ]


def of_clip_benchmark(number: int) -> list[File]:
    """What CLIP-benchmark publishes for one image with five captions."""
    key = f"s{number:07d}"
    return [(f"{key}.txt", "\n".join(captions_of(number)).encode()), (f"{key}.webp", encoded(number, "WEBP"))]


def flat(lists: list[list[File]]) -> list[File]:
    return list(itertools.chain.from_iterable(lists))


@pytest.fixture
def laion(tmp_path: Path) -> Path:
    """Five shards of four images, with the tables that lie beside them."""
    for shard in range(5):
        write_shard(tmp_path / f"{shard:05d}.tar", flat([of_laion(4 * shard + n) for n in range(4)]))
        (tmp_path / f"{shard:05d}.parquet").write_bytes(b"not read")
        (tmp_path / f"{shard:05d}_stats.json").write_text("{}")
    return tmp_path


@pytest.fixture
def clip_benchmark(tmp_path: Path) -> Path:
    folder = tmp_path / "test"
    folder.mkdir()
    for shard in range(2):
        write_shard(folder / f"{shard}.tar", flat([of_clip_benchmark(3 * shard + n) for n in range(3)]))
    (folder / "nshards.txt").write_text("2\n")
    return folder


def names(stream: ShardPairs, rank: int = 0, world: int = 1, worker: int = 0, workers: int = 1, epoch: int = 0):
    return [pair.name for pair in stream.pairs(rank, world, worker, workers, epoch)]


def test_laions_shards_give_one_caption_however_many_lines_it_has(laion):
    pairs = list(read_shard(str(laion / "00001.tar")))
    assert [pair.name for pair in pairs] == [f"00001.tar/{n:09d}" for n in range(4, 8)]
    assert pairs[1].image == encoded(5)
    assert pairs[1].captions == ("alt text\nof 5",)
    assert isinstance(ShardPairs(laion), PairStream)


def test_clip_benchmarks_shards_give_a_caption_for_each_line(clip_benchmark):
    (clip_benchmark / "9.tar").write_bytes(b"left over from an earlier download")
    stream = ShardPairs(clip_benchmark)
    assert stream.shards == [f"{clip_benchmark}/{n}.tar" for n in range(2)], "nshards.txt has the last word"
    pairs = sorted(stream.pairs(0, 1, 0, 1, 0))
    assert [pair.captions for pair in pairs] == [captions_of(n) for n in range(6)]
    assert [pair.image for pair in pairs] == [encoded(n, "WEBP") for n in range(6)]


def test_kinds_of_images_may_change_within_a_shard(tmp_path):
    kinds = ["jpg", "png", "webp", "jpg"]
    write_shard(tmp_path / "0.tar", flat([of_laion(n, kind) for n, kind in enumerate(kinds)]))
    pairs = list(read_shard(str(tmp_path / "0.tar")))
    assert [pair.image[:3] for pair in pairs] == [b"\xff\xd8\xff", b"\x89PN", b"RIF", b"\xff\xd8\xff"]


def test_names_are_taken_apart_at_the_first_dot_of_the_file_not_of_the_folder(tmp_path):
    files = [("a.b/1.seg.png", b"not an image"), ("a.b/1.JPG", encoded(1)), ("a.b/1.txt", b"one"), ("README", b"")]
    write_shard(tmp_path / "0.tar", files)
    (pair,) = read_shard(str(tmp_path / "0.tar"))
    assert pair == ("0.tar/a.b/1", encoded(1), ("one",))


def test_a_pair_that_lacks_something_is_passed_on_and_named_later(tmp_path):
    files = [("1.txt", b"no image"), ("2.jpg", encoded(2)), ("3.jpg", encoded(3)), ("3.json", b"{broken")]
    files += [("4.jpg", encoded(4)), ("4.json", b'{"caption": 7}'), ("4.txt", b"\xff four")]
    write_shard(tmp_path / "0.tar", files)
    pairs = list(read_shard(str(tmp_path / "0.tar")))
    assert [(bool(pair.image), len(pair.captions)) for pair in pairs] == [(False, 1), (True, 0), (True, 0), (True, 1)]


@pytest.mark.parametrize("content", ["half", "empty", "no archive"])
def test_a_shard_that_is_cut_off_gives_what_it_has_and_a_warning(laion, content):
    shard = laion / "00002.tar"
    whole = shard.read_bytes()
    # Cut inside the third image.
    shard.write_bytes(
        {"half": whole[: whole.find(encoded(10)) + 100], "empty": b"", "no archive": b"hello" * 300}[content]
    )
    with pytest.warns(UserWarning, match=r"00002.tar is damaged or cut off after \d pairs"):
        pairs = list(read_shard(str(shard)))
    assert len(pairs) == (2 if content == "half" else 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert len(names(ShardPairs(laion))) == 16 + len(pairs), "the other shards are not concerned"


@pytest.mark.parametrize(("world", "workers"), [(1, 1), (2, 1), (2, 2), (1, 5), (4, 2), (3, 4)])
def test_all_workers_together_see_each_pair_once(laion, world, workers):
    stream = ShardPairs(laion)
    seen = Counter()
    for rank, worker in itertools.product(range(world), range(workers)):
        mine = names(stream, rank, world, worker, workers)
        assert mine, "nobody goes away empty"
        seen.update(mine)
    assert len(seen) == 20 and set(seen.values()) == {1}


def test_shards_come_in_another_order_in_each_epoch_and_the_same_again(laion):
    stream = ShardPairs(laion)
    orders = [tuple(names(stream, epoch=epoch)) for epoch in range(4)]
    assert len(set(orders)) > 1
    assert all(sorted(order) == sorted(orders[0]) for order in orders)
    assert [tuple(names(ShardPairs(laion), epoch=epoch)) for epoch in range(4)] == orders
    assert [tuple(names(ShardPairs(laion, seed=1), epoch=epoch)) for epoch in range(4)] != orders


def test_patterns_and_lists_name_shards(laion):
    assert find_shards(f"{laion}/{{00001..00003}}.tar") == [f"{laion}/0000{n}.tar" for n in (1, 2, 3)]
    assert find_shards(str(laion)) == [f"{laion}/{n:05d}.tar" for n in range(5)]
    assert ShardPairs([laion / "00004.tar", laion / "00000.tar"]).shards == [
        f"{laion}/{n}.tar" for n in ("00004", "00000")
    ]
    assert find_shards("https://example.org/{8..11}.tar") == [f"https://example.org/{n}.tar" for n in (8, 9, 10, 11)]


def test_shards_that_are_not_there_are_named(laion, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no shard .*00005\.tar"):
        ShardPairs(f"{laion}/{{00004..00006}}.tar")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=r"holds neither .tar files nor nshards.txt"):
        ShardPairs(tmp_path / "empty")


@pytest.fixture
def address(clip_benchmark: Path) -> Iterator[str]:
    """The same folder behind a web server on this machine."""

    class Silent(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Silent, directory=clip_benchmark)
    ) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_shards_are_read_straight_from_the_web(address, clip_benchmark):
    here, there = ShardPairs(clip_benchmark), ShardPairs(address)
    assert there.shards == [f"{address}/0.tar", f"{address}/1.tar"]
    assert list(there.pairs(0, 1, 0, 1, 0)) == list(here.pairs(0, 1, 0, 1, 0))


def test_training_batches_come_from_shards_in_two_workers(laion):
    words = BPETokenizer.train(["alt text of 1"] * 9, 600, context_length=16)
    stream = Photos(ShardPairs(laion), 16).stream(words, 8, rank=1, world=2)
    batches = list(itertools.islice(DataLoader(stream, batch_size=None, num_workers=2), 4))
    assert all(batch.pixels.shape == (4, 3, 16, 16) and not batch.skipped for batch in batches)
    assert all(name.startswith("0000") for batch in batches for name in batch.names)
