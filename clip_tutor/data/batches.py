"""From pairs to training batches that are the same in any number of processes, before and after a crash.

    pairs ─ order ─▶ batch k ─ rank r takes its rows ─ decode ─▶ crop ─▶ (B/W, 3, H, W) uint8 ─┐
      epoch e is a permutation drawn from (seed, e)     └─ draw a caption ─ tokenizer ─▶ ids ──┴▶ TrainBatch

Of a set whose pairs have numbers, batch k is a function of (seed, k): every choice is a random number that can be
looked up, none depends on what was drawn before. Two ranks of 128 rows see what one of 256 sees.

Of a stream, each worker of each rank reads its own shards. A run that continues with as many ranks and workers as
before skips what was consumed, without decoding it, and then sees what it would have seen.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain, count, islice
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from clip_tutor.data.pairs import Pair, PairSet, PairStream
from clip_tutor.data.random_numbers import counter_rng
from clip_tutor.images import load_image, random_resized_crop, resize_and_crop
from clip_tutor.images.decoding import ImageLike
from clip_tutor.images.drafts import draft_decode
from clip_tutor.tokenizers import Tokenizer

SHUFFLE_BUFFER = 1000  # pairs of a stream that wait, encoded, in each worker
MAX_BAD_IMAGES = 8  # images that may be unusable in a small batch; in a large one, half of it
MOST_EMPTY = 10  # epochs in a row in which a worker may find nothing in its share of a stream, its shards being damaged
_EPOCH = 1 << 40  # more pairs than any set has: keeps the random numbers of two epochs apart


class TrainBatch(NamedTuple):
    """One process' rows of a batch."""

    pixels: Tensor  # (B, 3, H, W) uint8
    ids: Tensor  # (B, T)
    names: list[str]  # of the B samples
    skipped: list[str]  # images that could not be used, "name: reason"; others stand in their place


class BatchSource(Protocol):
    """Whatever training can learn from."""

    def stream(
        self, tokenizer: Tokenizer, batch_size: int, start: int = 0, rank: int = 0, world: int = 1
    ) -> IterableDataset[TrainBatch]:
        """Return endless batches, from batch ``start`` on; give them to a ``DataLoader`` with ``batch_size=None``.

        Args:
            tokenizer: makes the ids.
            batch_size: pairs of a batch over all ranks.
            start: the first batch, for a run that continues.
            rank, world: which process this is, of how many: it gets its ``batch_size / world`` rows of each batch.
        """
        ...


class Photos:
    """Real images with human captions as a source of training batches.

    Args:
        pairs: a set or a stream; see `clip_tutor.data.pairs`.
        image_size: H = W of an image, in pixels.
        augment: a random rectangle of the image each time; off, its middle.
        seed: another seed, another order, other captions and crops.
        scale: the least and the largest share of the image that a rectangle has. A set of a few thousand images
            wears off less quickly with (0.5, 1).
        mirror: show half of the rectangles the other way round. Not where captions say left and right.
    """

    def __init__(
        self,
        pairs: PairSet | PairStream,
        image_size: int,
        augment: bool = True,
        seed: int = 0,
        scale: tuple[float, float] = (0.9, 1.0),
        mirror: bool = False,
    ) -> None:
        self.pairs, self.image_size, self.augment, self.seed = pairs, image_size, augment, seed
        self.scale, self.mirror = scale, mirror

    def pixels(self, image: ImageLike, chance: float) -> Tensor:
        """Return (3, S, S) uint8 pixels of an image of any kind, cut out as ``chance``, from 0 to 1, has it.

        Raises:
            FileNotFoundError, TypeError, ValueError: see `load_image`.
        """
        opened = load_image(draft_decode(image, 2 * self.image_size), convert=True)
        if self.augment:
            generator = torch.Generator().manual_seed(int(chance * 2**53))
            opened = random_resized_crop(opened, self.image_size, generator, self.scale)
            if self.mirror and torch.rand((), generator=generator) < 0.5:
                opened = opened.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        else:
            opened = resize_and_crop(opened, self.image_size, self.image_size)
        return torch.from_numpy(np.array(opened)).permute(2, 0, 1)

    def stream(
        self, tokenizer: Tokenizer, batch_size: int, start: int = 0, rank: int = 0, world: int = 1
    ) -> IterableDataset[TrainBatch]:
        """Return endless batches: see `BatchSource`.

        Raises:
            ValueError: the ranks cannot share a batch equally, or the set is smaller than a batch.
        """
        if batch_size % world or not 0 <= rank < world:
            raise ValueError(
                f"rank {rank} of {world} cannot take an equal share of {batch_size} pairs: ranks count from 0, and "
                "batch_size must be a multiple of their number"
            )
        if not isinstance(self.pairs, PairStream) and len(self.pairs) < batch_size:
            raise ValueError(
                f"a batch of {batch_size} pairs cannot be drawn from a set of {len(self.pairs)}: choose a smaller "
                "batch_size, or a larger set"
            )
        return PhotoStream(self, tokenizer, batch_size, start, rank, world)


class PhotoStream(IterableDataset[TrainBatch]):
    """The batches of one rank. `Photos.stream` makes it; batch k comes from worker k modulo their number."""

    def __init__(
        self, photos: Photos, tokenizer: Tokenizer, batch_size: int, start: int = 0, rank: int = 0, world: int = 1
    ) -> None:
        self.photos, self.tokenizer, self.batch_size = photos, tokenizer, batch_size
        self.start, self.rank, self.world = start, rank, world
        self.share = batch_size // world

    def __iter__(self) -> Iterator[TrainBatch]:
        info = get_worker_info()
        worker, workers = (info.id, info.num_workers) if info else (0, 1)
        pairs = self.photos.pairs
        if isinstance(pairs, PairStream):
            candidates = self._from_stream(pairs, worker, workers)
        else:
            candidates = self._from_set(pairs, worker, workers)
        for k, rows in candidates:
            yield self._batch(k, rows)

    def _from_set(self, pairs: PairSet, worker: int, workers: int) -> Iterator[tuple[int, list[Iterator[Pair]]]]:
        """Yield, for each batch of this worker, what may stand in each row: its own pair first, then substitutes."""
        n, B = len(pairs), self.batch_size
        per_epoch, epoch, order = n // B, -1, np.empty(0, np.int64)
        for k in count(self.start + worker, workers):
            if epoch != k // per_epoch:
                epoch = k // per_epoch
                order = shuffled_order(n, self.photos.seed, epoch)
            first = k % per_epoch * B
            mine = range(self.rank * self.share, (self.rank + 1) * self.share)
            yield k, [(pairs[int(order[(first + i) % n])] for i in _own_and_substitutes(row, B, n)) for row in mine]

    def _from_stream(self, stream: PairStream, worker: int, workers: int) -> Iterator[tuple[int, list[Iterator[Pair]]]]:
        """Yield the same for a stream. A substitute is a pair whose turn comes later: it is looked at, not consumed."""
        lane = (self.start + worker) % workers  # whose batches these were before a restart
        consumed = len(range(lane, self.start, workers)) * self.share
        ahead = _Ahead(islice(self._endless(stream, lane, workers), consumed, None))
        for k in count(self.start + worker, workers):
            own = ahead.take(self.share)
            substitutes = ahead.look()  # shared by all rows, so that none is used twice
            yield k, [chain([pair], substitutes) for pair in own]

    def _endless(self, stream: PairStream, lane: int, workers: int) -> Iterator[Pair]:
        empty_epochs = 0
        for epoch in count():
            generator = np.random.default_rng([self.photos.seed, epoch, self.rank, lane])
            empty = True
            for pair in shuffled(stream.pairs(self.rank, self.world, lane, workers, epoch), generator):
                empty = False
                yield pair
            empty_epochs = empty_epochs + 1 if empty else 0
            if empty_epochs == MOST_EMPTY:
                raise ValueError(
                    f"worker {lane} of {workers} on rank {self.rank} of {self.world} got no pair at all: the stream is "
                    "empty, or has fewer pairs than there are workers: use fewer"
                )

    def _batch(self, k: int, rows: list[Iterator[Pair]]) -> TrainBatch:
        """Return this rank's rows of batch k, each made of the first of its candidates that can be used."""
        size = self.photos.image_size
        pixels = torch.empty(self.share, 3, size, size, dtype=torch.uint8)
        captions: list[str] = []
        names: list[str] = []
        skipped: list[str] = []
        samples = k * self.batch_size + self.rank * self.share + np.arange(self.share)
        for row, (candidates, (which, crop)) in enumerate(
            zip(rows, counter_rng(self.photos.seed, samples, 2), strict=True)
        ):
            for pair in candidates:
                try:
                    if not pair.captions:
                        raise ValueError("it has no caption")
                    pixels[row] = self.photos.pixels(pair.image, crop)
                except (ValueError, TypeError, FileNotFoundError) as error:
                    skipped.append(f"{pair.name}: {error}")
                    if len(skipped) > max(self.share / 2, MAX_BAD_IMAGES):
                        raise _too_many(k, skipped) from error
                    continue
                captions.append(pair.captions[int(which * len(pair.captions))])
                names.append(pair.name)
                break
            else:
                raise _too_many(k, skipped)
        return TrainBatch(pixels, as_ids(self.tokenizer, captions), names, skipped)


def _own_and_substitutes(row: int, batch_size: int, n: int) -> Iterator[int]:
    """Yield places of an epoch's order, counted from the batch's first: the row's own, then those that may replace it.

    The same row of the batches that follow comes first: no other row of this batch has those, on whatever rank. In a
    set of less than two batches, where such places can be missing, a neighbor stands in twice.
    """
    yield from range(row, n, batch_size)
    yield from range(row + 1, batch_size)
    yield from range(row)


def _too_many(k: int, skipped: list[str]) -> ValueError:
    listed = "\n  ".join(skipped[:3])
    return ValueError(
        f"{len(skipped)} images of batch {k} cannot be used, too many to go on. The first are\n  {listed}\n"
        "Are the paths right, and was everything downloaded to its end?"
    )


def shuffled_order(n: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """Return the numbers 0 … n−1 in the order of one epoch: a function of (n, seed, epoch), and nothing else."""
    return counter_rng(seed, np.arange(n) + (epoch + 1) * _EPOCH, 1)[:, 0].argsort(kind="stable")


def shuffled(pairs: Iterable[Pair], generator: np.random.Generator, size: int = SHUFFLE_BUFFER) -> Iterator[Pair]:
    """Yield the pairs in another order: ``size`` of them wait, and each that arrives pushes out a random one."""
    waiting: list[Pair] = []
    for pair in pairs:
        if len(waiting) < size:
            waiting.append(pair)
        else:
            place = int(generator.integers(size))
            waiting[place], pair = pair, waiting[place]
            yield pair
    for place in generator.permutation(len(waiting)):
        yield waiting[place]


class _Ahead:
    """An iterator that lets one look at what comes later."""

    def __init__(self, pairs: Iterator[Pair]) -> None:
        self._pairs = pairs
        self._seen: deque[Pair] = deque()

    def take(self, number: int) -> list[Pair]:
        return [self._seen.popleft() if self._seen else next(self._pairs) for _ in range(number)]

    def look(self) -> Iterator[Pair]:
        for place in count():
            if place == len(self._seen):
                self._seen.append(next(self._pairs))
            yield self._seen[place]


def as_ids(tokenizer: Tokenizer, captions: list[str]) -> Tensor:
    """Return (B, T) ids; rows are only as long as the longest caption where the tower allows it (not in SigLIP)."""
    return torch.tensor(tokenizer(captions, truncate=True, pad=tokenizer.batch_padding))
