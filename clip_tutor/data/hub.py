"""Caption sets of the Hub, and Parquet files of the same form, read with `datasets`.

    load_dataset("…", split="train")                  ─▶ DatasetPairs    on your disk: any pair by its number
    load_dataset("…", split="train", streaming=True)  ─▶ DatasetStream   fetched while training: nothing is stored
    train.parquet: image (datasets.Image()), captions ─▶ parquet_pairs

Both take the bytes of an image as they are stored. `datasets` would decode them itself, and a single damaged image
would then end the epoch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clip_tutor.data.caption_tables import open_parquet
from clip_tutor.data.pairs import Pair, captions_in, clean_captions, pick_caption_columns, pick_column
from clip_tutor.images import ImageLike

if TYPE_CHECKING:
    from datasets import Dataset, IterableDataset

IMAGE_COLUMNS = ("image", "img", "picture", "photo", "jpg", "jpeg", "png", "webp")
NAME_COLUMNS = ("filename", "file_name", "__key__", "key", "image_id", "img_id", "id")
_AT_ONCE = 16  # rows of a stream that are fetched together


class DatasetPairs:
    """A `datasets.Dataset` as a set of pairs.

    Args:
        dataset: one split, already on disk.
        image, captions: its columns, where their names are not the usual ones.

    Raises:
        TypeError: it is not one split of a data set.
        ValueError: no column is called as images or captions usually are.
    """

    def __init__(self, dataset: Dataset, image: str | None = None, captions: str | None = None) -> None:
        from datasets import Dataset

        if not isinstance(dataset, Dataset):
            raise TypeError(_wrong_kind(dataset, "Dataset", "DatasetStream"))
        self._columns = _Columns(dataset.column_names, image, captions)
        self._rows = undecoded(dataset, self._columns.image)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int, /) -> Pair:
        return self._columns.pair(self._rows[index], index)


class DatasetStream:
    """A `datasets.IterableDataset` as a stream of pairs.

    Shards are dealt out to all loading workers of all ranks with ``split_dataset_by_node``; where they do not come out
    even, each worker reads everything and keeps every so-manieth pair, as `datasets` has it.

    Args:
        dataset: one split, opened with ``streaming=True``.
        image, captions: its columns, where their names are not the usual ones.
        seed: decides the order of shards in each epoch.

    Raises:
        TypeError, ValueError: as `DatasetPairs`.
    """

    def __init__(
        self, dataset: IterableDataset, image: str | None = None, captions: str | None = None, seed: int = 0
    ) -> None:
        from datasets import IterableDataset

        if not isinstance(dataset, IterableDataset):
            raise TypeError(_wrong_kind(dataset, "IterableDataset", "DatasetPairs"))
        names = dataset.column_names or list(next(iter(dataset.take(1)), {}))  # some formats know them only by looking
        self._columns = _Columns(names, image, captions)
        self._rows, self._seed = undecoded(dataset, self._columns.image), seed

    def pairs(self, rank: int, world: int, worker: int, workers: int, epoch: int) -> Iterator[Pair]:
        """Yield one epoch's share of one worker: see `PairStream`."""
        from datasets.distributed import split_dataset_by_node

        # For the order of shards; pairs are shuffled in `clip_tutor.data.batches`. Newer versions of `datasets` would
        # read ten shards at once for their buffer, in threads, and wait five seconds for these at the end.
        newer = "max_buffer_input_shards" in signature(self._rows.shuffle).parameters
        rows = self._rows.shuffle(
            seed=self._seed, buffer_size=_AT_ONCE, **({"max_buffer_input_shards": 1} if newer else {})
        )
        rows = split_dataset_by_node(rows, rank * workers + worker, world * workers)
        rows.set_epoch(epoch)
        place = 0
        # `iter` leaves the split alone. Plain iteration would deal the shards out once more among the workers.
        for batch in rows.iter(batch_size=_AT_ONCE):
            for values in zip(*batch.values(), strict=True):
                yield self._columns.pair(dict(zip(batch, values, strict=True)), place)
                place += 1


def parquet_pairs(files: str | Path | Sequence[str | Path]) -> DatasetPairs:
    """Return the pairs of one or several Parquet files with the images inside, as the Hub stores its sets.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: no column is called as images or captions usually are, or a file is not a Parquet file.
    """
    from datasets import Dataset

    paths = [Path(file) for file in ([files] if isinstance(files, str | Path) else files)]
    for path in paths:
        if not path.is_file():
            raise FileNotFoundError(f"there is no Parquet file {path}")
        open_parquet(path)
    return DatasetPairs(Dataset.from_parquet([str(path) for path in paths]))


class _Columns:
    """Where a row keeps what."""

    def __init__(self, names: Sequence[str], image: str | None, captions: str | None) -> None:
        for given in (image, captions):
            if given is not None and given not in names:
                raise ValueError(f"there is no column {given!r}: this data set has {', '.join(names)}")
        self.image = image or pick_column(names, IMAGE_COLUMNS, "images", "this data set")
        self.captions = [captions] if captions else pick_caption_columns(names, "this data set")
        self.name = next((name for name in NAME_COLUMNS if name in names), None)

    def pair(self, row: Mapping[str, Any], index: int) -> Pair:
        image, path = stored_image(row[self.image])
        name = (row[self.name] if self.name else None) or path
        try:
            captions = clean_captions(captions_in(row, self.captions))
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"row {index} of this data set, column {', '.join(self.captions)}: {error}. Say which column holds "
                "captions, or map it to texts first"
            ) from error
        return Pair(str(name or f"row {index}"), image, captions)


def stored_image(value: Any) -> tuple[ImageLike, str | None]:
    """Return what a column holds as an image, still encoded (nothing is no bytes), and the name it was stored under."""
    if not isinstance(value, dict):
        return value or b"", None
    path = value.get("path")  # {"bytes": …, "path": …}, of which one may be missing
    return (value["bytes"] if value.get("bytes") is not None else path) or b"", path


def undecoded(dataset: Any, image: str) -> Any:
    """Return the data set with its images left as they are stored."""
    from datasets import Image

    if dataset.features is None:
        return dataset
    return dataset.cast_column(image, Image(decode=False)) if isinstance(dataset.features[image], Image) else dataset


def _wrong_kind(dataset: object, wanted: str, other: str) -> str:
    if isinstance(dataset, dict):
        return f"these are several splits ({', '.join(dataset)}): choose one, as in load_dataset(…, split='train')"
    return f"a datasets.{wanted} is wanted, not {type(dataset).__name__}: for the other kind there is {other}"
