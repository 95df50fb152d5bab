"""Labelled sets of the Hub, and Parquet files of the same form, read with `datasets`.

The label may be a number with names (`datasets.ClassLabel`), a text, or a bare number, for which names must be given.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from clip_tutor.data.caption_tables import open_parquet
from clip_tutor.data.hub import IMAGE_COLUMNS, NAME_COLUMNS, stored_image, undecoded
from clip_tutor.data.labelled.images import LabelledImages, Rows
from clip_tutor.data.labelled.names import fitting, spelled_out
from clip_tutor.data.pairs import pick_column

if TYPE_CHECKING:
    from datasets import Dataset

LABEL_COLUMNS = ("label", "labels", "fine_label", "class", "target", "category", "cls")


def labelled_hub(name: str, split: str | None = None, names: tuple[str, ...] | None = None) -> LabelledImages:
    """Return a split of a set of the Hub, such as ``owner/name``; not given, its test split.

    Raises:
        ValueError, OSError: `datasets` cannot load it; else as `labelled_dataset`.
    """
    from datasets import load_dataset

    return labelled_dataset(load_dataset(name, split=split or "test"), names)


def labelled_parquet(file: str | Path, names: tuple[str, ...] | None = None) -> LabelledImages:
    """Return the images of a Parquet file that has them inside.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not a Parquet file; else as `labelled_dataset`.
    """
    from datasets import Dataset

    if not Path(file).is_file():
        raise FileNotFoundError(f"there is no Parquet file {file}")
    open_parquet(Path(file))
    return labelled_dataset(Dataset.from_parquet(str(file)), names)


def labelled_dataset(dataset: Dataset, names: tuple[str, ...] | None = None) -> LabelledImages:
    """Return a `datasets.Dataset` with a column of images and one of labels.

    Args:
        names: what the classes are called; not given, as the data set says, or as the labels do if these are texts.

    Raises:
        ValueError: no column is called as images or labels usually are, labels are missing or have no names.
    """
    where = "this data set"
    image = pick_column(dataset.column_names, IMAGE_COLUMNS, "images", where)
    label = pick_column(dataset.column_names, LABEL_COLUMNS, "labels", where)
    title = next((name for name in NAME_COLUMNS if name in dataset.column_names), None)
    rows = undecoded(dataset, image).select_columns([image, *([title] if title else [])])

    def title_of(row: int) -> str:
        found = rows[row]
        name = (found[title] if title else None) or stored_image(found[image])[1]
        return f"row {row} ({name})" if name else f"row {row}"  # names may occur twice

    labels, names = _numbers(list(dataset[label]), getattr(dataset.features[label], "names", None), label, names)
    numbers = range(len(labels))
    images = Rows(lambda row: stored_image(rows[row][image])[0], numbers)
    return LabelledImages(names, labels, images, Rows(title_of, numbers))


def _numbers(
    labels: list[Any], own_names: list[str] | None, column: str, names: tuple[str, ...] | None
) -> tuple[list[int], tuple[str, ...]]:
    """Return labels as numbers, and the names of the classes."""
    strange = [row for row, label in enumerate(labels) if not isinstance(label, int | str)]
    if strange:
        raise ValueError(
            f"{len(strange)} labels are neither numbers nor texts, the first is {labels[strange[0]]!r:.60} in row "
            f"{strange[0]} of column {column!r}: leave these rows out, or map them to numbers first"
        )
    if any(isinstance(label, str) for label in labels):
        classes = sorted({str(label) for label in labels})
        labels = list(map({name: n for n, name in enumerate(classes)}.__getitem__, map(str, labels)))
        own_names = classes
    if names is None and own_names is None:
        raise ValueError(f"the labels in column {column!r} are numbers without names: give the names of the classes")
    if names is None:
        names = tuple(map(spelled_out, own_names or ()))
    return labels, fitting(names, len(own_names)) if own_names else names
