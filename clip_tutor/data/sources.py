"""Where pairs come from, as settings: each kind of caption set is a small config that can open itself.

source: scenes | folder | parquet | hub | webdataset | coco | flickr30k      the key in `SOURCES`
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

from clip_tutor.data.batches import BatchSource, Photos
from clip_tutor.data.emoji import FIRST_WORDS, find_emoji, load_emoji
from clip_tutor.data.folder import read_folder
from clip_tutor.data.hard_batches import Wordings
from clip_tutor.data.hub import DatasetPairs, DatasetStream, parquet_pairs
from clip_tutor.data.pairs import Pair, PairSet, PairStream
from clip_tutor.data.scenes import Scenes
from clip_tutor.data.torchvision_sets import coco_pairs, flickr30k_pairs
from clip_tutor.data.webdataset import ShardPairs

# How many captions a new tokenizer learns its merges from.
CAPTIONS_PER_OBJECT = 150
CAPTIONS_OF_PHOTOS = 100_000


@dataclass(frozen=True)
class ScenesData:
    """Emoji scenes, drawn while training."""

    objects: Literal["everyday", "all"] = "everyday"  # 104 objects, or all 1,870
    twins: float = 0.0  # the share of batches that are made of twins: see `clip_tutor.data.hard_batches`
    wordings: Wordings | None = None  # pairs seen before "right of" and "below" come into the captions, and until when
    searches: float = 0.0  # the share of captions that are words for a search: see `captions.search_words`
    everyday: float = 0.0  # the share of scenes that show an everyday thing; the others show any of all

    def scenes(self, image_size: int, seed: int) -> Scenes:
        """Return the training scenes."""
        objects = load_emoji() if self.objects == "all" else find_emoji(FIRST_WORDS)
        return Scenes(
            objects,
            "train",
            image_size,
            seed,
            twins=self.twins,
            wordings=self.wordings,
            searches=self.searches,
            everyday=self.everyday,
        )


@dataclass(frozen=True)
class FolderData:
    """A folder of images with captions.csv, captions.jsonl or metadata.parquet."""

    path: str
    captions: str | None = None  # the caption file, if it is called otherwise

    def pairs(self) -> PairSet:
        """Return its pairs."""
        return read_folder(self.path, self.captions)


@dataclass(frozen=True)
class ParquetData:
    """A Parquet file with images inside."""

    path: str

    def pairs(self) -> PairSet:
        """Return its pairs."""
        return parquet_pairs(self.path)


@dataclass(frozen=True)
class HubData:
    """A data set of the Hub; streaming, nothing is stored on disk."""

    name: str
    split: str = "train"
    streaming: bool = False
    image: str | None = None  # its columns, where their names are not the usual ones
    captions: str | None = None

    def pairs(self) -> PairSet | PairStream:
        """Return its pairs."""
        from datasets import load_dataset

        dataset = load_dataset(self.name, split=self.split, streaming=self.streaming)
        kind = DatasetStream if self.streaming else DatasetPairs
        return kind(dataset, self.image, self.captions)


@dataclass(frozen=True)
class WebDatasetData:
    """WebDataset shards, here or at an address: ``shards/{00000..00099}.tar``."""

    shards: str

    def pairs(self) -> PairStream:
        """Return its pairs."""
        return ShardPairs(self.shards)


@dataclass(frozen=True)
class CocoData:
    """COCO Captions, downloaded and unpacked."""

    images: str  # the folder train2017
    annotations: str  # annotations/captions_train2017.json

    def pairs(self) -> PairSet:
        """Return its pairs."""
        return coco_pairs(self.images, self.annotations)


@dataclass(frozen=True)
class Flickr30kData:
    """Flickr30k, downloaded and unpacked."""

    images: str  # the folder flickr30k-images
    annotations: str  # results_20130124.token

    def pairs(self) -> PairSet:
        """Return its pairs."""
        return flickr30k_pairs(self.images, self.annotations)


PhotoData = FolderData | ParquetData | HubData | WebDatasetData | CocoData | Flickr30kData
SOURCES = {
    "scenes": ScenesData,
    "folder": FolderData,
    "parquet": ParquetData,
    "hub": HubData,
    "webdataset": WebDatasetData,
    "coco": CocoData,
    "flickr30k": Flickr30kData,
}
DataConfig = ScenesData | PhotoData
CAPTIONED = ("folder", "parquet", "hub", "webdataset", "coco", "flickr30k")  # the kinds of `open_pairs`


def open_pairs(data: str, split: str | None = None) -> PairSet | PairStream:
    """Return the captioned set that a text names.

    Args:
        data: folder:PATH, parquet:FILE, hub:owner/name, webdataset:SHARDS, coco:IMAGES,ANNOTATIONS or
            flickr30k:IMAGES,ANNOTATIONS.

    Raises:
        FileNotFoundError, ValueError: it is not there, or there is no such kind.
    """
    kind, _, place = data.partition(":")
    if kind == "hub" and place:
        return HubData(place, split or "test").pairs()
    if kind == "folder" and place:
        return FolderData(str(Path(place, split)) if split else place).pairs()
    if kind == "parquet" and place:
        return ParquetData(place).pairs()
    if kind == "webdataset" and place:
        return WebDatasetData(place).pairs()
    if kind in ("coco", "flickr30k") and place.count(",") == 1:
        images, annotations = place.split(",")
        return (CocoData if kind == "coco" else Flickr30kData)(images, annotations).pairs()
    raise ValueError(
        f"{data!r} names no captioned set: write scenes, folder:PATH, parquet:FILE, hub:owner/name, webdataset:SHARDS, "
        "coco:IMAGES,ANNOTATIONS or flickr30k:IMAGES,ANNOTATIONS"
    )


def open_source(data: DataConfig, image_size: int, seed: int) -> BatchSource:
    """Return where training batches come from, with images of ``image_size`` pixels a side."""
    if isinstance(data, ScenesData):
        return data.scenes(image_size, seed)
    return Photos(data.pairs(), image_size, seed=seed)


def some_captions(source: BatchSource) -> Iterator[str]:
    """Yield captions of a source, as many as a new tokenizer needs to learn from.

    Raises:
        TypeError: the source is neither `Scenes` nor `Photos`.
    """
    if isinstance(source, Scenes):
        return (scene.caption for scene in source.scenes(range(CAPTIONS_PER_OBJECT * len(source.objects))))
    if isinstance(source, Photos):
        return islice((caption for pair in each_pair(source.pairs) for caption in pair.captions), CAPTIONS_OF_PHOTOS)
    raise TypeError(f"a {type(source).__name__} does not say what its captions are: train a tokenizer on them yourself")


def each_pair(pairs: PairSet | PairStream) -> Iterator[Pair]:
    """Yield every pair once."""
    if isinstance(pairs, PairStream):
        return pairs.pairs(rank=0, world=1, worker=0, workers=1, epoch=0)
    return (pairs[n] for n in range(len(pairs)))
