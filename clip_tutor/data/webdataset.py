"""WebDataset: many pairs in one tar archive, read from front to back, from a disk or straight from the web.

    00000.tar ┬ 000000000.jpg ┐                     LAION, img2dataset: one caption, in the .json, too
              ├ 000000000.json├─ one pair
              ├ 000000000.txt ┘
              ├ 000000001.jpg ─ …
    test/0.tar┬ s0000000.webp ┐                     CLIP-benchmark: several captions, one a line;
              └ s0000000.txt  ┘─ one pair           nshards.txt beside the archives says how many there are

Python's own ``tarfile`` reads them. The reader of `datasets` takes the kinds of files from the first five pairs: it
refuses shards that mix .jpg and .png there, loses a .webp that comes later, and ends the run at
a shard that is cut off.
"""

from __future__ import annotations

import json
import re
import tarfile
import urllib.request
import warnings
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import IO

from clip_tutor.data.batches import shuffled_order
from clip_tutor.data.pairs import Pair, clean_captions

PICTURES = ("jpg", "jpeg", "png", "webp")
_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")


class ShardPairs:
    """WebDataset shards as a stream of pairs.

    Each worker of each rank reads shards of its own. Where there are fewer shards than workers, all read everything,
    and the pairs are dealt out in turn.

    Args:
        shards: archives, as paths or web addresses, one or several; ``{00000..00331}`` stands for a range. Or a folder
            (or its address) as CLIP-benchmark has it, with nshards.txt, or simply with .tar files.
        seed: decides the order of shards in each epoch.

    Raises:
        FileNotFoundError: a file is missing, or a folder holds no shard.
    """

    def __init__(self, shards: str | Path | Sequence[str | Path], seed: int = 0) -> None:
        given = [shards] if isinstance(shards, str | Path) else list(shards)
        self.shards = [shard for place in given for shard in find_shards(str(place))]
        self._seed = seed

    def pairs(self, rank: int, world: int, worker: int, workers: int, epoch: int) -> Iterator[Pair]:
        """Yield one epoch's share of one worker: see `PairStream`."""
        order = [self.shards[n] for n in shuffled_order(len(self.shards), self._seed, epoch)]
        mine, readers = rank * workers + worker, world * workers
        if len(order) >= readers:
            for shard in order[mine::readers]:
                yield from read_shard(shard)
        else:
            everything = (pair for shard in order for pair in read_shard(shard))
            yield from islice(everything, mine, None, readers)


def find_shards(place: str) -> list[str]:
    """Return the archives that a path, an address, a pattern or a folder stands for.

    Raises:
        FileNotFoundError: there are none.
    """
    if part := _RANGE.search(place):
        first, last = part.groups()
        numbers = (f"{n:0{len(first)}}" for n in range(int(first), int(last) + 1))
        return [shard for number in numbers for shard in find_shards(place.replace(part.group(), number))]
    if Path(place).is_dir() or ("://" in place and not place.endswith((".tar", ".tar.gz"))):
        return _shards_of_folder(place.rstrip("/"))
    if "://" not in place and not Path(place).is_file():
        raise FileNotFoundError(f"there is no shard {place}")
    return [place]


def _shards_of_folder(folder: str) -> list[str]:
    counted = f"{folder}/nshards.txt"
    if "://" in folder or Path(counted).is_file():
        with _open(counted) as file:
            return [f"{folder}/{n}.tar" for n in range(int(file.read()))]
    found = sorted(map(str, Path(folder).glob("*.tar")))
    if not found:
        raise FileNotFoundError(
            f"{folder} holds neither .tar files nor nshards.txt: give the folder of one split, such as {folder}/train"
        )
    return found


def read_shard(shard: str) -> Iterator[Pair]:
    """Yield the pairs of one archive; one that is cut off gives those that came before, and a warning."""
    name, count = shard.rsplit("/", 1)[-1], 0
    try:
        with _open(shard) as file, tarfile.open(fileobj=file, mode="r|*") as archive:
            for key, files in _samples(archive):
                yield _pair(f"{name}/{key}", files)
                count += 1
    except (tarfile.ReadError, EOFError) as error:
        warnings.warn(
            f"{shard} is damaged or cut off after {count} pairs ({error}): the rest of it is left out. Download it "
            "again",
            stacklevel=2,
        )


def _open(place: str) -> IO[bytes]:
    return urllib.request.urlopen(place) if "://" in place else open(place, "rb")


def _samples(archive: tarfile.TarFile) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Yield (key, {extension: content}): neighboring files whose names agree up to the first dot."""
    current, files = "", dict[str, bytes]()
    for member in archive:
        folder, _, base = member.name.rpartition("/")
        stem, dot, extension = base.partition(".")
        if not member.isfile() or not stem or not dot:
            continue
        key = f"{folder}/{stem}" if folder else stem
        if files and key != current:
            yield current, files
            files = {}
        content = archive.extractfile(member)
        current, files[extension.lower()] = key, content.read() if content else b""
    if files:
        yield current, files


def _pair(name: str, files: dict[str, bytes]) -> Pair:
    """Return a pair; what it lacks is empty, so that whoever decodes it can say so."""
    picture = next((files[kind] for kind in PICTURES if kind in files), b"")
    try:
        about = json.loads(files.get("json", b"{}"))
        captions = clean_captions(about.get("caption")) if isinstance(about, dict) else ()
    except (ValueError, TypeError):
        captions = ()
    # A caption from the web may go over several lines; its .json says that it is one. Where there is none, lines count.
    return Pair(name, picture, captions or clean_captions(files.get("txt", b"").decode("utf-8", "replace").split("\n")))
