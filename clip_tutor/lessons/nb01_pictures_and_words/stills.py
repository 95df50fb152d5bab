"""The stills of notebook 01, images and words: a function for each that `course.toml` lists."""

import torch
from matplotlib.figure import Figure

from clip_tutor.data.duplicates import near_pairs, thumbnails
from clip_tutor.data.splits import split_by_group
from clip_tutor.lab.plots import image_grid
from clip_tutor.lessons.nb01_pictures_and_words import plots
from clip_tutor.lessons.nb01_pictures_and_words.heap import make_heap
from clip_tutor.lessons.nb01_pictures_and_words.memory import answers_are_true

THRESHOLD = 12.0  # levels of 255, as in the notebook


def card() -> Figure:
    """Draw one image of the heap that was posted four times, and the leak that comes of it."""
    heap = make_heap()
    source = heap.source
    rows = next(rows for rows in _of_one_scene(source) if _all_different([heap.changes[n] for n in rows]))
    splits = {"split by rows": torch.arange(len(heap)), "split by images": source}
    hits = {
        name: answers_are_true(heap.scenes, heap.pixels, split_by_group(group, 0.2)) for name, group in splits.items()
    }
    rows.sort(key=lambda n: heap.changes[n] != "")
    images, captions, changes = zip(*((heap.pixels[n], heap.captions[n], heap.changes[n]) for n in rows), strict=True)
    return plots.card(images, captions, changes, hits)


def copies() -> Figure:
    """Draw the last pairs that a threshold of 12 levels calls copies, and below them the first that it does not."""
    heap = make_heap()
    pairs, lengths = near_pairs(thumbnails(heap.pixels), THRESHOLD + 1)
    count = int((lengths <= THRESHOLD).sum())
    rows = [(row, lengths[k].item()) for k in range(count - 4, count + 4) for row in pairs[k].tolist()]
    under = [f"{length:.2f} levels" for _, length in rows]
    title = f"The last pairs up to {THRESHOLD:.0f} levels, and the first beyond"
    return image_grid([heap.pixels[row] for row, _ in rows], under, columns=8, title=title)


def _of_one_scene(source: torch.Tensor) -> list[list[int]]:
    """Return the rows of each scene that was posted four times."""
    scenes, times = source.unique(return_counts=True)
    return [(source == scene).nonzero().flatten().tolist() for scene in scenes[times == 4]]


def _all_different(changes: list[str]) -> bool:
    return len(set(changes)) == len(changes) and "copied" not in changes
