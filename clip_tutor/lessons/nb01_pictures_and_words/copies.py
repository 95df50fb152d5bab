"""What one looks at before one believes in a threshold: the pairs on both sides of it, and how many hang together."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from clip_tutor.data.duplicates import difference_hash, groups_of, near_pairs, thumbnails
from clip_tutor.lab.widgets.gallery import gallery

FARTHEST = 24  # of the threshold's slider: levels of 255, or bits of 64
MEASURES = ("mean colors (levels)", "difference hash (bits)")
MOST_PAIRS = 100_000  # more of them, and everything is one group
_LOOK = 4  # pairs on each side of the threshold


class Found(NamedTuple):
    """What a threshold finds in N images; shares are nan where the truth is not known."""

    pairs: int
    rows: int  # that have a partner
    largest: int  # rows in the largest group
    right: float  # share of the pairs that do show one and the same
    missed: float  # share of the pairs that show one and the same and were not found


def found_within(pairs: Tensor, rows: int, source: Tensor | None = None) -> Found:
    """Return what ``pairs`` (P, 2) of near rows amount to; ``source`` (N,) says what each row really shows."""
    few = len(pairs) <= MOST_PAIRS
    largest = max(Counter(groups_of(pairs.tolist(), rows).tolist()).values()) if few else rows
    if source is None:
        return Found(len(pairs), len(pairs.unique()), largest, torch.nan, torch.nan)
    right = int((source[pairs[:, 0]] == source[pairs[:, 1]]).sum())
    all_of_them = sum(times * (times - 1) // 2 for times in Counter(source.tolist()).values())
    return Found(
        len(pairs),
        len(pairs.unique()),
        largest,
        right / len(pairs) if len(pairs) else torch.nan,
        1 - right / all_of_them if all_of_them else torch.nan,
    )


def copy_finder(
    collections: dict[str, tuple[Tensor, Sequence[str], Tensor | None]],
) -> Callable[..., str]:
    """Return ``look``: a function from the settings of its controls to the pairs around a threshold, in HTML.

    Args:
        collections: by name, (N, 3, H, W) uint8 images, their captions, and what each really shows, if it is known.
    """
    near: dict[tuple[str, str], tuple[Tensor, Tensor]] = {}

    def look(collection: str, measure: str = MEASURES[0], threshold: int = 6) -> str:
        """Return the last pairs that a threshold still calls copies, and the first that it does not."""
        pixels, captions, source = collections[collection]
        if (collection, measure) not in near:
            vectors = thumbnails(pixels) if measure == MEASURES[0] else difference_hash(pixels)
            near[collection, measure] = near_pairs(vectors, FARTHEST + 4)
        pairs, lengths = near[collection, measure]
        count = int((lengths <= threshold).sum())
        told = _told(found_within(pairs[:count], len(captions), source), len(captions))
        sides = {
            "The last pairs that are called copies": range(max(0, count - _LOOK), count),
            "The first that are not": range(count, min(len(pairs), count + _LOOK)),
        }
        parts = [f"<p>{told}</p>"]
        for title, places in sides.items():
            rows = [row for place in places for row in pairs[place].tolist()]
            under = [f"{captions[row]} ({lengths[place]:.1f})" for place in places for row in pairs[place].tolist()]
            shown = gallery([pixels[row] for row in rows], under, side=84) if rows else "<p>none</p>"
            parts.append(f"<p><b>{title}</b></p>{shown}")
        return "".join(parts)

    return look


def _told(found: Found, rows: int) -> str:
    said = (
        f"<b>{found.pairs:,} pairs</b> of rows are called copies. {found.rows / rows:.0%} of the {rows:,} rows have "
        f"one, and the largest group has {found.largest:,} rows."
    )
    if found.missed == found.missed:
        of_these = f"{found.right:.1%} of these are copies, and " if found.pairs else ""
        said += f" In truth {of_these}{found.missed:.1%} of all copies are missed."
    return said
