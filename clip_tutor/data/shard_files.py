"""Which shards a path, an address or a folder stands for, of both kinds, and where what becomes of each one goes.

photos/00000.tar, photos/more.parquet ─ output_places ─▶ vectors/00000.parquet, vectors/more.parquet
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from clip_tutor.data.webdataset import find_shards
from clip_tutor.printable import listed


def output_places(
    shards: str | Path | Sequence[str | Path], folder: Path, name: Callable[[str], str]
) -> dict[str, Path]:
    """Return where the output of each shard goes.

    Args:
        shards: WebDataset archives and Parquet files, one or several; a folder, or ``{00000..00331}`` for a range.
        name: gives the file name of the output.

    Raises:
        FileNotFoundError: a shard is missing.
        ValueError: two shards would have one output.
    """
    given = [shards] if isinstance(shards, str | Path) else shards
    found = list(dict.fromkeys(shard for place in given for shard in shards_at(str(place))))
    places = {shard: folder / name(shard) for shard in found}
    if len(set(places.values())) < len(found):
        first = {place: shard for shard, place in reversed(places.items())}
        twice = [shard for shard, place in places.items() if first[place] != shard]
        raise ValueError(
            f"several shards have one name: {listed(twice)}. Give the shards of each folder an output of their own"
        )
    return places


def shards_at(place: str) -> list[str]:
    """Return the shards that a path, an address, a pattern or a folder stands for; Parquet files of a folder first.

    Raises:
        FileNotFoundError, ValueError, OSError: as `find_shards`.
    """
    if "://" in place:
        return find_shards(place)
    path = Path(place).expanduser().absolute()
    tables = sorted(map(str, path.glob("[!.]*.parquet"))) if path.is_dir() else []
    try:
        return [*tables, *find_shards(str(path))]
    except FileNotFoundError:
        if not tables:
            raise
        return tables


def is_table(shard: str) -> bool:
    """Return whether a shard is a Parquet file, and no archive."""
    return shard.lower().endswith(".parquet")


def stem_of(shard: str) -> str:
    """Return the name of a shard without its folder and its ending.

    >>> stem_of("https://example.org/train/00000.tar.gz")
    '00000'
    """
    name = Path(urlsplit(shard).path if "://" in shard else shard).name
    return re.sub(r"\.(parquet|tar|tar\.\w+|tgz)$", "", name)
