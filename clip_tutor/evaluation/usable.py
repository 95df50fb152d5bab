"""Which pairs of a test set can be measured, and why the others cannot.

    pairs ─▶ it decodes? ─▶ its captions have words? ─▶ UsablePair
                  └─ no ────────────┴─ no ─▶ left out, with its name and the reason

Among the images of a real test set some may be damaged, and some captions may hold nothing but ``&nbsp;``. That must
not end a measurement, nor go unsaid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import NamedTuple

from torch import Tensor

from clip_tutor.data.batches import Photos
from clip_tutor.data.pairs import Pair, PairSet, PairStream
from clip_tutor.data.sources import each_pair
from clip_tutor.images import ImageLike
from clip_tutor.tokenizers import Tokenizer

LOOK_AT = 20  # pairs of which one at least must be usable, before anything else is computed
NAMED = 20  # pairs that were left out, the most that a warning names


Pairs = PairSet | PairStream | Iterable[Pair]


class UsablePair(NamedTuple):
    """What can be measured of a pair."""

    pixels: Tensor  # (3, S, S) uint8
    captions: list[str]  # at least one


def usable_pairs(
    pairs: Pairs, tokenizer: Tokenizer, prepare: Callable[[ImageLike], Tensor], left_out: list[str]
) -> Iterator[UsablePair]:
    """Yield the pairs that can be measured, one after the other; ``left_out`` gets "name: reason" of the others.

    Args:
        prepare: from an image or a file to (3, S, S) uint8 pixels.

    Raises:
        TypeError: these are not pairs.
    """
    empty = tokenizer("")[0]
    for pair in each(pairs):
        captions = []
        for caption in pair.captions:
            if fault := _fault_of(caption, tokenizer, empty):
                left_out.append(f"{pair.name}: {fault}")
            else:
                captions.append(caption)
        if not pair.captions:
            left_out.append(f"{pair.name}: it has no caption")
        if not captions:
            continue
        try:
            yield UsablePair(prepare(pair.image), captions)
        except (ValueError, OSError) as error:
            left_out.append(f"{pair.name}: {error}")


def require_usable(pairs: Pairs, where: str) -> None:
    """Look at the first pairs of a test set: to be called before a training run that is to be measured on it.

    Args:
        where: what the set is called, for the error.

    Raises:
        ValueError: it is empty, or not one of the first has an image that decodes and a caption.
        TypeError: these are not pairs.
    """
    photos = Photos([], 64, augment=False)
    faults: list[str] = []
    for pair in islice(each(pairs), LOOK_AT):
        try:
            if not pair.captions:
                raise ValueError("it has no caption")
            photos.pixels(pair.image, 0)
        except (ValueError, OSError) as error:
            faults.append(f"{pair.name}: {error}")
        else:
            return
    if not faults:
        raise ValueError(f"{where} holds no pair: give pairs that the model has not been trained on")
    raise ValueError(
        f"{where}: none of the first {len(faults)} pairs can be measured, the first because of\n  {faults[0]}\n"
        "Are the paths right, and was everything downloaded to its end?"
    )


def each(pairs: Pairs) -> Iterator[Pair]:
    """Yield the pairs, each checked to be one.

    Raises:
        TypeError: it is a path, or holds something else than pairs.
    """
    if isinstance(pairs, str | bytes | Mapping) or not isinstance(pairs, PairSet | PairStream | Iterable):
        raise TypeError(
            f"a test set is a list of Pair(name, image, captions), not {pairs!r:.60}: "
            "clip_tutor.data.folder.read_folder makes one of a folder"
        )
    for pair in each_pair(pairs) if isinstance(pairs, PairSet | PairStream) else pairs:
        if not isinstance(pair, Pair) or not isinstance(pair.captions, tuple | list):
            raise TypeError(
                "a pair is Pair(name, image, captions), and its captions are a tuple, such as ('a cat',): got "
                f"{pair!r:.200}"
            )
        yield pair


def _fault_of(caption: str, tokenizer: Tokenizer, empty: list[int]) -> str:
    """Return why a caption cannot be measured; nothing if it can."""
    try:
        (row,) = tokenizer([caption], truncate=True)
    except (TypeError, ValueError) as error:
        return str(error)
    return f"its caption {caption!r} has no words" if row == empty else ""
