"""An index of encoded images: add, search, save, open.

images ──image tower──▶ (N, E) index ─┐
                                      ├─ dot products ─▶ the k largest
words or image ──tower──▶ (E,) query ─┘

In memory, for a notebook; or in a folder, where it grows batch by batch (`clip_tutor.search.store`).
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from clip_tutor.data.pairs import Pair, PairSet, PairStream
from clip_tutor.embedding import encode_images, encode_texts
from clip_tutor.images import ImageLike
from clip_tutor.model import CLIP
from clip_tutor.printable import listed
from clip_tutor.search.answer import Answer
from clip_tutor.search.chance import Chance, measure_chance, random_captions
from clip_tutor.search.columns import Columns
from clip_tutor.search.data_sets import add_new_pairs
from clip_tutor.search.encode import NOT_NUMBERS, FileBatch, Source, encode_sources, pixels_of
from clip_tutor.search.filters import Where, allowed_rows
from clip_tutor.search.grouping import best_hits
from clip_tutor.search.memory import MemoryRows
from clip_tutor.search.older_files import read_older_file
from clip_tutor.search.phrases import EVERYDAY_PHRASES
from clip_tutor.search.query import Vector, combine, words_not_read
from clip_tutor.search.saving import save_rows
from clip_tutor.search.store import Store, holds_nothing
from clip_tutor.search.tuning import Tuning
from clip_tutor.search.updating import Update, update_index
from clip_tutor.search.vector_index import VectorIndex
from clip_tutor.tokenizers import Tokenizer
from clip_tutor.weights import fingerprint


class ImageIndex:
    """Embedded images, and the model that embedded them.

    >>> from clip_tutor.weights import load
    >>> model, tokenizer, _ = load("emoji")
    >>> index = ImageIndex(model, tokenizer)
    >>> index.add_pixels(torch.rand(3, 3, 64, 64), ["one", "two", "three"])
    >>> len(index.search("a rocket", k=2))
    2
    """

    def __init__(self, model: CLIP, tokenizer: Tokenizer) -> None:
        self.model, self.tokenizer = model, tokenizer
        self._use(MemoryRows(model.config.embed_dim))

    def _use(self, rows: MemoryRows | Store) -> None:
        self.rows = rows
        self.vectors = VectorIndex(rows)
        self.columns = Columns(rows)
        self._chance: Chance | None = None
        self._usual: Vector | None = None
        if isinstance(rows, Store):
            self._chance = Chance.from_json(rows.manifest.get("chance"))

    # ---- what it holds ---------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return int(self.rows.alive.sum())

    @property
    def names(self) -> list[str]:
        """The name of each row, those that were removed among them."""
        return self.rows.names()

    @property
    def features(self) -> Tensor:
        """The images' vectors: (N, E) float32, unit length. In memory a view; of an index on the disk all is read."""
        return torch.from_numpy(np.asarray(self.rows.vectors, np.float32))

    @property
    def tuning(self) -> Tuning | None:
        """How good approximate search is here; None where search is exact."""
        return self.vectors.tuning

    # ---- adding ----------------------------------------------------------------------------------------------------

    def add_pixels(self, pixels: Tensor, names: Sequence[str]) -> None:
        """Add (B, 3, H, W) pixels of the model's size, uint8 or float from 0 to 1, under these names.

        Names need not differ: an index of captioned images may hold a caption twice.

        Raises:
            TypeError: the names are one string, or not strings.
            ValueError: there are more or fewer names than images, or an image's vector holds NaN. Nothing is added.
        """
        if isinstance(names, str) or not all(isinstance(name, str | os.PathLike) for name in names):
            raise TypeError(f"names are a list of strings, one for each image, not {names!r:.60}")
        if len(pixels) != len(names):
            raise ValueError(f"{len(pixels)} images and {len(names)} names: give each image one name")
        features = encode_images(self.model, pixels).numpy()  # (B, E)
        whole = np.isfinite(features).all(axis=1)
        if not whole.all():
            broken = [str(name) for name, good in zip(names, whole, strict=True) if not good]
            raise ValueError(f"{NOT_NUMBERS}: {listed(broken)}")
        self.rows.append(features, [str(name) for name in names])

    def add_files(
        self, paths: str | Path | Iterable[str | Path], workers: int | None = None, progress: bool = False
    ) -> dict[str, str]:
        """Add image files under their paths, and return why each file that is not added was left out.

        Files are read, embedded and added 64 at a time. If that is interrupted, those before are in the index, and the
        same call again goes on behind them: a file that the index holds already is left out.

        Args:
            paths: files, one or several.
            workers: threads that decode; None: one a core, eight at most.
            progress: show a bar.

        Returns:
            For each file that is not added, by its path: why it cannot be read, or that it is there already.
        """
        held = {os.path.abspath(name) for name in self.names}
        given = [paths] if isinstance(paths, str | os.PathLike) else paths
        return self._add(_new_files(given, held), workers, progress)

    def add_pairs(
        self, pairs: PairSet | PairStream | Iterable[Pair], workers: int | None = None, progress: bool = False
    ) -> dict[str, str]:
        """Add the images of a data set under the names of its pairs, and tune the index on its captions.

        Returns:
            For each image that is not added, by its name: why it cannot be read.
        """
        return add_new_pairs(self, pairs, workers, progress).problems

    def update(self, folder: str | Path, workers: int | None = None, progress: bool = False) -> Update:
        """Bring the index up to date with a folder of images: see `clip_tutor.search.updating.update_index`."""
        return update_index(self, folder, workers, progress)

    def finish(self, captions: Sequence[str] = ()) -> None:
        """Measure what scores mean here and, in an index on the disk with many rows, build inverted lists.

        Args:
            captions: text queries to tune on; without any, everyday phrases.

        Raises:
            TypeError: the captions are one string.
        """
        if isinstance(captions, str):
            raise TypeError(f"captions are a list of texts, not one text: {captions!r:.60}")
        if not isinstance(self.rows, Store) or not len(self):
            return
        if self.vectors.wants_lists:
            source = "captions of the data set" if len(captions) > 1 else "everyday phrases"
            texts = list(captions if len(captions) > 1 else EVERYDAY_PHRASES)
            self.vectors.build_lists(encode_texts(self.model, self.tokenizer, texts, truncate=True).numpy(), source)
        chance = self.chance().as_json()
        if self.rows.manifest.get("chance") != chance:
            self.rows.manifest["chance"] = chance
            self.rows.write_manifest()

    def set_column(self, name: str, values: Sequence[Any] | NDArray[Any]) -> None:
        """Keep a value for each row, to filter by: ``index.search("a cat", where={name: …})``.

        Raises:
            ValueError: these are not as many values as the index has rows, or the name is taken.
        """
        self.columns.set(name, np.asarray(values))

    def _add(self, sources: Iterable[Source], workers: int | None, progress: bool) -> dict[str, str]:
        problems: dict[str, str] = {}
        with tqdm(desc="indexing", unit=" images", disable=not progress) as bar:
            for batch in encode_sources(self.model, sources, workers):
                self.add_batch(batch)
                for name, why in batch.problems.items():
                    problems.setdefault(name, why)
                bar.update(batch.read)
        return problems

    def add_batch(self, batch: FileBatch) -> None:
        """Add what `encode_sources` gives."""
        if batch.names:
            self.rows.append(batch.vectors, batch.names, batch.files)

    # ---- searching -------------------------------------------------------------------------------------------------

    def search(
        self,
        words: str | None = None,
        image: ImageLike | int | None = None,
        k: int = 10,
        *,
        without: str | None = None,
        weights: tuple[float, float] = (1.0, 1.0),
        where: Where | None = None,
        group_from: float = 1.0,
    ) -> Answer:
        """Return the ``k`` images nearest to some words, to an image, or to both.

        All of them are returned where there are fewer. An image whose vector is not of numbers comes last.

        Args:
            image: a path, bytes, an open image, or a row of this index: more like that one.
            without: words for what is not wanted.
            weights: of words and image, where there are both.
            where: a filter (`clip_tutor.search.filters`). What passes but fits no better than chance is left out.
            group_from: hits whose cosine to a better hit is at least this stand under it as its copies. At 1, those
                are files of the same content; above, nothing is grouped.

        Raises:
            TypeError: the words are not a string, or the image is neither a path nor an image.
            ValueError: neither words nor an image were given, or they cannot be read; ``k`` is less than 1.
        """
        if k < 1:
            raise ValueError(f"k is {k}: ask for at least one image")
        notes = [note for text in (words, without) if text and (note := words_not_read(self.tokenizer, text))]
        seen = None if image is None else self._image_vector(image)  # (E,)
        query = combine(self._words(words), seen, weights, self._words(without), self._usual_caption(without))  # (E,)
        allowed = None if where is None else allowed_rows(where, self.columns)  # (N,)
        hits = best_hits(self.vectors, query, k, allowed, group_from, seen)
        if not hits:
            return Answer((), "", (*notes, "no image passes the filter" if where else "the index is empty"))
        chance, best = self.chance(), next((hit for hit in hits if not hit.is_query), hits[0])
        with_image = seen is not None
        hits = [
            hit._replace(z=chance.z(hit.score, with_image), fits=chance.fits(hit.score, with_image)) for hit in hits
        ]
        if where is not None and (left_out := [hit for hit in hits if not hit.fits and not hit.is_query]):
            notes.append(f"left out {len(left_out)} images that pass the filter, and fit no better than chance")
            hits = [hit for hit in hits if hit not in left_out]
        return Answer(tuple(hits), chance.explain(best.score, with_image), tuple(notes))

    def chance(self) -> Chance:
        """Return what scores mean in this index: measured when it was made, and again when it has grown."""
        if self._chance is None or self._chance.rows != len(self.rows):
            self._chance = measure_chance(self.vectors, self._random())
        return self._chance

    def _words(self, words: str | None) -> Vector | None:
        if words is None:
            return None
        return encode_texts(self.model, self.tokenizer, [words], truncate=True)[0].numpy()

    def _image_vector(self, image: ImageLike | int) -> Vector:
        if isinstance(image, int):
            if not 0 <= image < len(self.rows):
                raise ValueError(f"there is no row {image}: this index has rows 0 to {len(self.rows) - 1}")
            return np.asarray(self.rows.vectors[image], np.float32)
        return encode_images(self.model, pixels_of(self.model, image)[None])[0].numpy()

    def _random(self) -> NDArray[np.float32]:
        """Return (M, E) vectors of captions of random words."""
        texts = random_captions(self.tokenizer)
        return encode_texts(self.model, self.tokenizer, texts, truncate=True).numpy()

    def _usual_caption(self, without: str | None) -> Vector | None:
        """Return what all captions share, where something is to be taken away: the mean of random ones."""
        if without is None:
            return None
        if self._usual is None:
            self._usual = self._random().mean(axis=0)
        return self._usual

    # ---- keeping ---------------------------------------------------------------------------------------------------

    def save(self, path: str | Path) -> None:
        """Write the index to a folder; it remembers which model it belongs to. Rows that were removed are left behind.

        Raises:
            FileExistsError: there is something else than an index.
            OSError: it could not be written; what was there is untouched.
        """
        _warn_of_broken(path, self.rows)
        saved = save_rows(path, self.rows, fingerprint(self.model), self.columns.own())
        copy = ImageIndex(self.model, self.tokenizer)
        copy._use(saved)
        copy.finish()

    @classmethod
    def open(cls, path: str | Path, model: CLIP, tokenizer: Tokenizer, create: bool = False) -> ImageIndex:
        """Open an index that ``save`` wrote, or that grows in its folder; also a file of clip_tutor 0.3 and before.

        Args:
            create: make an empty one where there is none: what is added then goes straight to the disk.

        Raises:
            FileNotFoundError, ValueError: there is none, it is damaged, or another model made it.
        """
        path, index = Path(path).expanduser(), cls(model, tokenizer)
        if path.is_file():
            older = read_older_file(path, model)
            index.rows.append(older.features.numpy(), older.names)
            _warn_of_broken(path, index.rows)
        elif create and holds_nothing(path):
            index._use(Store.create(path, fingerprint(model), model.config.embed_dim))
        else:
            store = Store.open(path)
            if store.manifest["model"] != fingerprint(model) or store.embed_dim != model.config.embed_dim:
                raise ValueError(
                    f"{path} was made by another model: its vectors mean nothing to this one; open it with the model "
                    "that made it (in the same precision), or embed the images again into another folder"
                )
            index._use(store)
        return index


def _warn_of_broken(path: str | Path, rows: MemoryRows | Store) -> None:
    """Say which vectors are not of numbers; only in memory can there be any."""
    if isinstance(rows, MemoryRows):
        whole = np.isfinite(rows.vectors).all(axis=1)
        if broken := [rows.name(row) for row in np.flatnonzero(~whole).tolist()]:
            warnings.warn(f"{path} holds vectors that are not numbers, found last: {listed(broken)}", stacklevel=3)


def _new_files(paths: Iterable[Any], held: set[str]) -> Iterator[Source]:
    """Yield files, and an error in place of each that is none, or that is there already."""
    for path in paths:
        if not isinstance(path, str | os.PathLike):
            yield str(path), TypeError(f"a file is given by its path, and this is {type(path).__name__}")
        elif (absolute := os.path.abspath(path)) in held:
            yield str(path), ValueError("the index holds it already")
        else:
            held.add(absolute)
            yield str(path), Path(path)
