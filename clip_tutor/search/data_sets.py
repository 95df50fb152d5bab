"""A data set of the kit is indexed: its images, under the names of its pairs.

    text ─┬─ captioned: parquet:photos.parquet, webdataset:shards, coco:IMAGES,ANNOTATIONS … ─┬─▶ pairs ─▶ index
          └─ labelled:  scenes, cifar10:downloads, imagenet:val …; a class is its caption ────┘
                                                                     what the index holds by name is left out

Run again, it goes on behind an interruption, and adds what has come to the set since.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from clip_tutor.data.labelled import LabelledImages, open_labelled
from clip_tutor.data.labelled.opening import KINDS
from clip_tutor.data.pairs import Pair, PairSet, PairStream
from clip_tutor.data.sources import CAPTIONED, each_pair, open_pairs
from clip_tutor.search.encode import Source, encode_sources
from clip_tutor.search.store import Store
from clip_tutor.search.tuning import MOST_QUERIES
from clip_tutor.search.updating import Update

if TYPE_CHECKING:
    from clip_tutor.search.index import ImageIndex

Pairs = PairSet | PairStream | Iterable[Pair]


def names_data_set(text: str) -> bool:
    """Return whether a text names a data set, and not a folder: ``scenes``, or a kind, a colon and a place."""
    kind, colon, _ = text.partition(":")
    return text == "scenes" or (bool(colon) and kind in {*CAPTIONED, *KINDS})


def open_images(text: str, split: str | None, image_size: int) -> PairSet | PairStream:
    """Return the images of the set that a text names, with captions, or with the names of their classes as such.

    Args:
        split: of the set; not given, the one that is measured on, or all there is.
        image_size: H = W of scenes, in pixels; all others come as they are.

    Raises:
        FileNotFoundError, ValueError: it is not there, or makes no sense.
    """
    kind = text.partition(":")[0]
    if kind not in CAPTIONED:
        return LabelledPairs(open_labelled(text, split, None, image_size))
    try:
        return open_pairs(text, split)
    except (FileNotFoundError, ValueError):
        if kind not in KINDS:
            raise
        try:  # a folder for each class, or a table with labels
            return LabelledPairs(open_labelled(text, split, None, image_size))
        except (OSError, ValueError):
            pass
        raise


@dataclass(frozen=True)
class LabelledPairs:
    """A labelled set as pairs: the caption of an image is the name of its class."""

    labelled: LabelledImages

    def __len__(self) -> int:
        return len(self.labelled)

    def __getitem__(self, index: int, /) -> Pair:
        name = self.labelled.names[self.labelled.labels[index]]
        return Pair(self.labelled.describe(index), self.labelled.images[index], (name,))


def add_new_pairs(
    index: ImageIndex, pairs: Pairs, workers: int | None = None, progress: bool = False, held: Iterable[str] = ()
) -> Update:
    """Add the images of pairs under their names, 64 at a time, and tune the index on their captions.

    Args:
        workers: threads that decode.
        progress: show a bar.
        held: names that are left out, each as often as it stands here.

    Raises:
        OSError: the index could not be written, most often for want of space; what was added before stays.
    """
    each = each_pair(pairs) if isinstance(pairs, PairSet | PairStream) else pairs
    left_out, captions, update = Counter(held), dict[str, None](), Update()

    def sources() -> Iterator[Source]:
        for pair in each:
            if len(captions) < MOST_QUERIES:
                captions.update(dict.fromkeys(pair.captions[:1]))
            if left_out.get(pair.name, 0):
                left_out[pair.name] -= 1
                update.unchanged += 1
            else:
                yield pair.name, pair.image

    with tqdm(desc="indexing", unit=" images", disable=not progress) as bar:
        for batch in encode_sources(index.model, sources(), workers):
            index.add_batch(batch)
            update.added += len(batch.names)
            for name, why in batch.problems.items():
                update.problems.setdefault(name, why)
            bar.update(batch.read)
    index.finish(list(captions))
    return update


def index_data_set(
    index: ImageIndex, text: str, split: str | None = None, workers: int | None = None, progress: bool = False
) -> Update:
    """Bring an index on the disk up to date with a data set; images that were taken out of the set stay.

    Raises:
        FileNotFoundError, ValueError: the set cannot be used, or the index is of another one, whose names may be the
            same.
        OSError: the index could not be written; what was added before stays.
    """
    pairs = open_images(text, split, index.model.config.vision.image_size)
    rows, asked = index.rows, {"name": text, "split": split}
    if isinstance(rows, Store):
        before = rows.manifest.get("data_set")
        if (before is None and len(rows)) or before not in (None, asked):
            what = f"the data set {before['name']} (split {before['split']})" if before else "a folder of images"
            raise ValueError(f"{rows.path} is the index of {what}: give this data set an index of its own")
        if before is None:
            rows.manifest["data_set"] = asked
            rows.write_manifest()
    names = rows.names()
    held = [names[row] for row in np.flatnonzero(rows.alive).tolist()]
    return add_new_pairs(index, pairs, workers, progress, held)
