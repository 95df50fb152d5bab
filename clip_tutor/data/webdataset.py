"""WebDataset: many pairs in one tar archive, read from front to back, from a disk or straight from the web.

    00000.tar ┬ 000000000.jpg ┐                     LAION, img2dataset: one caption, in the .json, too
              ├ 000000000.json├─ one pair
              ├ 000000000.txt ┘
              ├ 000000001.jpg ─ …
    test/0.tar┬ s0000000.webp ┐                     CLIP-benchmark: several captions, one a line;
              └ s0000000.txt  ┘─ one pair           nshards.txt beside the archives says how many there are

    address or path ─ web_files ─▶ bytes ─ tar_files ─▶ files ─ samples ─▶ pairs

The reader of `datasets` takes the kinds of files from the first five pairs: it refuses shards that mix .jpg and .png
there, loses a .webp that comes later, and ends the run at a shard that is cut off. Here, what cannot be read of a
shard is a warning that names it, and the next shard follows.
"""

from __future__ import annotations

import io
import re
import sys
import warnings
from collections.abc import Generator, Iterator, Sequence
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from clip_tutor.data.batches import shuffled_order
from clip_tutor.data.pairs import Pair
from clip_tutor.data.samples import KINDS, NO_CAPTION, NO_IMAGE, Remarks, pairs_of, samples
from clip_tutor.data.tar_files import TarReader
from clip_tutor.data.web_files import WebFile
from clip_tutor.printable import listed, printable

_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")
_ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")


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
        ValueError: an address is neither http nor https, or nshards.txt holds no number.
        OSError: a server does not give nshards.txt.
    """

    def __init__(self, shards: str | Path | Sequence[str | Path], seed: int = 0) -> None:
        given = [shards] if isinstance(shards, str | Path) else list(shards)
        self.shards = [shard for place in given for shard in find_shards(str(place))]
        if not self.shards:
            raise FileNotFoundError(f"{shards!r} names no shard")
        self._seed = seed

    def pairs(self, rank: int, world: int, worker: int, workers: int, epoch: int) -> Iterator[Pair]:
        """Yield one epoch's share of one worker: see `PairStream`.

        Raises:
            OSError: not one of all shards gives a pair.
        """
        order = [self.shards[n] for n in shuffled_order(len(self.shards), self._seed, epoch)]
        mine, readers = rank * workers + worker, world * workers
        if len(order) >= readers:
            yield from self._read(order[mine::readers])
        else:
            yield from islice(self._read(order), mine, None, readers)

    def _read(self, shards: list[str]) -> Iterator[Pair]:
        faults: list[str] = []
        given = 0
        for shard in shards:
            count, fault = yield from read_shard(shard)
            faults.append(fault)
            given += count
        if not given and not any(_has_pairs(shard) for shard in self.shards if shard not in shards):
            raise OSError(f"no shard gives a pair; the first of {len(self.shards)} are: {listed(faults, 3)}")


def _has_pairs(shard: str) -> bool:
    return any(True for _ in read_shard(shard))


def find_shards(place: str) -> list[str]:
    """Return the archives that a path, an address, a pattern or a folder stands for.

    Raises:
        FileNotFoundError: there are none.
        ValueError: an address is neither http nor https, or nshards.txt holds no number.
        OSError: a server does not give nshards.txt.
    """
    if part := _RANGE.search(place):
        first, last = part.groups()
        numbers = [f"{n:0{len(first)}}" for n in range(int(first), int(last) + 1)]
        if not numbers:
            raise FileNotFoundError(f"{part.group()} of {place} stands for no shard: write the smaller number first")
        return [shard for number in numbers for shard in find_shards(place.replace(part.group(), number))]
    scheme = place.partition(":")[0] if place.startswith("pipe:") else urlsplit(place).scheme if "://" in place else ""
    if scheme == "file":
        return find_shards(url2pathname(urlsplit(place).path))
    if scheme not in ("", "http", "https"):
        raise ValueError(
            f"shards are read from files and from http and https addresses, not from {scheme} ({place}): give the "
            "address from which a browser downloads them, or download them first"
        )
    if Path(place).is_dir() or (scheme and not urlsplit(place).path.lower().endswith(_ARCHIVES)):
        return _shards_of_folder(place.rstrip("/"))
    if not scheme and not Path(place).is_file():
        raise FileNotFoundError(f"there is no shard {place}")
    return [place]


def _shards_of_folder(folder: str) -> list[str]:
    counted = f"{folder}/nshards.txt"
    if "://" in folder or Path(counted).is_file():
        try:
            with open_shard(counted) as file:
                number = file.read(100).decode("utf-8", "replace").strip()
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f"{folder} is taken for a folder of shards, but has no nshards.txt ({error}): give that folder, or "
                f"addresses that end in .tar, such as {folder}/{{00000..00099}}.tar"
            ) from error
        if not number.isdecimal():
            raise ValueError(f"{counted} should hold the number of shards and nothing else, but begins with {number!r}")
        return [f"{folder}/{n}.tar" for n in range(int(number))]
    found = [file for file in Path(folder).iterdir() if file.name.lower().endswith(_ARCHIVES)]
    shards = sorted(str(file) for file in found if not file.name.startswith("."))
    if not shards:
        raise FileNotFoundError(
            f"{folder} holds neither .tar files nor nshards.txt: give the folder of one split, such as {folder}/train"
        )
    return shards


def read_shard(shard: str) -> Generator[Pair, None, tuple[int, str]]:
    """Yield the pairs of one archive, and warn of what cannot be read; one that is cut off gives what came before.

    Returns:
        How many pairs there were, and what is wrong with the archive, as a sentence; empty where nothing is.
    """
    name, count, fault, remarks = _name(shard), 0, "", Remarks()
    try:
        with open_shard(shard) as file:
            archive = TarReader(file, KINDS)
            for key, files in samples(archive):
                # The last sample of an archive that is cut off lacks what the cut took: that has its own warning.
                for pair in pairs_of(f"{name}/{key}", files, Remarks() if archive.cut else remarks):
                    if not archive.cut or (pair.image and pair.captions):
                        count += 1
                        yield pair
        fault = _fault(shard, archive, count)
    except OSError as error:
        fault = f"{shard} cannot be read ({error}): it is left out"
    for said in filter(None, (fault, _summary(shard, remarks))):
        warnings.warn(printable(said, sys.stderr), stacklevel=2)
    return count, fault


def _fault(shard: str, archive: TarReader, count: int) -> str:
    read = f"{count} pairs in {archive.count} files"
    if archive.failure:
        return f"{shard} cannot be read beyond {read} ({archive.fault}): the rest of it is left out"
    if archive.cut:
        return f"{shard} is damaged or cut off after {read} ({archive.fault}): download it again"
    if archive.fault:
        return f"{shard} is damaged ({archive.fault}): {read} were read. Download it again"
    return "" if count else f"{shard} holds no image with a caption among its {archive.count} files"


def _summary(shard: str, remarks: Remarks) -> str:
    """Return one sentence on everything that samples of a shard lack."""
    said = "; ".join(f"{what} ({len(keys)}: {listed(keys)})" for what, keys in remarks.items())
    no_image = {key for what, keys in remarks.items() if what.startswith(NO_IMAGE) for key in keys}
    if no_image & set(remarks.get(NO_CAPTION, ())):
        said += ". Files of one pair must stand next to each other: tar --sort=name puts them so"
    return said and f"{shard} has samples {said}"


def _name(place: str) -> str:
    return Path(urlsplit(place).path if "://" in place else place).name


def open_shard(place: str) -> io.BufferedReader:
    """Open a file by its path or its web address.

    Raises:
        OSError: it is not there, or cannot be read.
    """
    return io.BufferedReader(WebFile(place), 1 << 16) if "://" in place else open(place, "rb")
