"""Vectors in Parquet shards: what many machines write, and what an index, or another program, takes in.

    vectors/00000.parquet   name: string   vector: E × float16, unit length       renamed to this when it is whole
            00001.damaged.parquet          what a damaged shard of images still gave
            .00002.17.draft                half-written: counts for nothing

The end of a Parquet file describes it. Without that end it cannot be opened: so a file that was cut off is never taken
for a whole one. The description also names the shard of images that the vectors come from, and the model.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow
from numpy.typing import NDArray
from pyarrow import parquet

from clip_tutor.data.whole_files import whole_file
from clip_tutor.search.encode import FileBatch
from clip_tutor.search.index import ImageIndex
from clip_tutor.tokenizers.cleaning import replace_surrogates
from clip_tutor.weights import fingerprint

DAMAGED = ".damaged.parquet"
ABOUT = b"clip_tutor"  # the key of what a shard says about itself
AT_ONCE = 16_384  # rows that are read together


@dataclass(frozen=True)
class About:
    """What a shard of vectors says about itself."""

    model: str  # the fingerprint
    size: int  # of the shard of images, in bytes; 0 where it lies in the web
    mtime_ns: int  # and its time of last change


def write_shard(path: Path, about: About, embed_dim: int, batches: Iterable[FileBatch]) -> int:
    """Write the vectors of some batches as they come, and return how many there are. Nothing is there until all is.

    Raises:
        OSError: it could not be written, most often for want of space; no part of it is left.
    """
    vectors = pyarrow.list_(pyarrow.float16(), embed_dim)
    schema = pyarrow.schema([("name", pyarrow.string()), ("vector", vectors)], {ABOUT: json.dumps(asdict(about))})
    count = 0
    with whole_file(path) as file, parquet.ParquetWriter(file, schema) as writer:
        for batch in batches:
            if batch.names:
                flat = pyarrow.array(batch.vectors.astype(np.float16).ravel())
                column = pyarrow.FixedSizeListArray.from_arrays(flat, embed_dim)
                names = [replace_surrogates(name) for name in batch.names]
                writer.write_table(pyarrow.table([names, column], schema=schema))
                count += len(names)
    return count


def about_shard(path: Path) -> About | None:
    """Return what a shard says about itself; None if there is none, if it was cut off, or is another kind of file."""
    try:
        metadata = parquet.read_schema(path).metadata or {}
        return About(**json.loads(metadata[ABOUT]))
    except (OSError, pyarrow.ArrowException, KeyError, TypeError, ValueError):
        return None


def vector_shards(folder: str | Path) -> list[Path]:
    """Return the shards of a folder, in the order of their names.

    Raises:
        FileNotFoundError: there are none.
    """
    found = sorted(file for file in Path(folder).expanduser().glob("*.parquet") if not file.name.startswith("."))
    if not found:
        raise FileNotFoundError(f"{folder} holds no shard of vectors (.parquet): encode_shards writes them")
    return found


def read_shard_of_vectors(path: str | Path) -> Iterator[tuple[NDArray[np.float16], list[str]]]:
    """Yield (B, E) vectors of unit length and their B names, at most 16,384 at a time.

    Raises:
        ValueError: it was cut off or damaged, or is another kind of Parquet file.
    """
    path = Path(path)
    again = f"delete it, and run encode_shards again: that encodes {path.name} anew, and nothing else"
    if about_shard(path) is None:
        raise ValueError(f"{path} is no shard of vectors, or was cut off: {again}")
    try:
        for batch in parquet.ParquetFile(path).iter_batches(AT_ONCE):
            column = batch.column("vector")
            flat = np.asarray(column.flatten().to_numpy(zero_copy_only=False), np.float16)
            yield flat.reshape(len(batch), column.type.list_size), batch.column("name").to_pylist()
    except (pyarrow.ArrowException, OSError) as error:
        raise ValueError(f"{path} is damaged ({error}): {again}") from error


def add_shards(index: ImageIndex, folder: str | Path, captions: Sequence[str] = ()) -> int:
    """Take the vectors of a folder of shards into an index, and return how many came.

    Names that the index held before are left out: after an interruption the same call goes on.

    Args:
        captions: text queries that approximate search is tuned on; without any, everyday phrases.

    Raises:
        FileNotFoundError: there is no shard.
        ValueError: a shard is damaged, or another model made it; the ones before it are in the index.
    """
    held, own, before = set(index.names), fingerprint(index.model), len(index.rows)
    for path in vector_shards(folder):
        about = about_shard(path)
        if about is not None and about.model != own:
            raise ValueError(
                f"{path} was made by another model: its vectors mean nothing to this index; open the index with the "
                "model that made it (in the same precision), or encode the shards again into another folder"
            )
        for vectors, names in read_shard_of_vectors(path):
            new = np.array([name not in held for name in names], bool)  # (B,)
            if new.any():
                index.rows.append(vectors[new], [name for name, is_new in zip(names, new, strict=True) if is_new])
    index.finish(captions)
    return len(index.rows) - before
