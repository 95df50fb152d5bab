"""A folder of images, and one file that says what is seen in them.

    photos/
      captions.csv       file_name,caption                                      one row a caption
                         dogs/1.jpg,Two dogs play in the snow .
                         dogs/1.jpg,"Two brown dogs , wrestling ."              the same image again: a second one
      captions.jsonl     {"file_name": "dogs/1.jpg", "captions": ["…", "…"]}     one line an image
      metadata.parquet   file_name: string, caption: string or list of strings

Flickr8k's own ``captions.txt`` is such a CSV file ("image,caption"), and its images lie one folder deeper; both are
found. Nothing is decoded here: reading the captions of a million images takes seconds.
"""

from __future__ import annotations

import warnings
from pathlib import Path

from clip_tutor.data.caption_tables import caption_rows
from clip_tutor.data.image_paths import ImageFinder
from clip_tutor.data.pairs import Pair, clean_captions

CAPTION_FILES = tuple(f"{name}.{kind}" for name in ("captions", "metadata") for kind in ("csv", "jsonl", "parquet"))
CAPTION_FILES += ("captions.txt", "results.csv")  # as Flickr8k and Flickr30k are passed around
IMAGE_FOLDERS = (".", "images", "Images", "flickr30k_images", "flickr30k_images/flickr30k_images")
_LOOK_AT = 100  # images that are looked for before a folder is believed to lie elsewhere


def read_folder(folder: str | Path, captions: str | Path | None = None) -> list[Pair]:
    """Return a folder's pairs, images as paths, in the order in which the caption file names them first.

    Rows without an image's name or a caption, and images that are not there, are counted in a warning that names the
    first of them. How names are understood that were written on another system: see `clip_tutor.data.image_paths`.

    Args:
        folder: where the images lie, or a folder above them called ``images``.
        captions: the caption file (.csv, .tsv, .txt, .jsonl, .json or .parquet), if it is called otherwise or lies
            elsewhere. CSV columns are separated by commas, tabs, semicolons or bars, whichever the heading has most of.

    Raises:
        FileNotFoundError: there is no caption file, or none of the first hundred images that it names.
        ValueError: a column is missing or there twice, a row cannot be read, or no image has a caption.
    """
    folder = Path(folder)
    file = Path(captions) if captions else _caption_file(folder)
    said: dict[str, list[str]] = {}
    first_row: dict[str, int] = {}
    left_out: list[str] = []
    for row, name, texts in caption_rows(file, left_out):
        try:
            said.setdefault(name, []).extend(clean_captions(texts))
        except (TypeError, ValueError) as error:
            raise ValueError(f"row {row} of {file}: {error}") from error
        first_row.setdefault(name, row)
    if not any(said.values()):
        none = f"{file} holds no caption: write one row a caption, below a heading of column names"
        raise ValueError(left_out[0] if left_out else none)
    if left_out:
        warnings.warn(f"left out {len(left_out)} of {file}'s rows. {'; '.join(left_out[:3])}", stacklevel=2)
    images = _find_images(folder, list(said)[:_LOOK_AT])
    pairs: dict[Path, Pair] = {}
    missing: list[str] = []
    for name, texts in said.items():
        image = images.find(name)
        if image is None:
            missing.append(name)
            image = images.root / name
        before = pairs.get(image, Pair(name, image, ()))  # the same image under another spelling of its name
        pairs[image] = before._replace(captions=(*before.captions, *texts))
    if missing:
        warnings.warn(
            f"{len(missing)} of the {len(said)} images that {file} names are not in {images.root}. The first is "
            f"{missing[0]!r} in row {first_row[missing[0]]}: {images.hint(missing[0])}. Training will leave them out",
            stacklevel=2,
        )
    return list(pairs.values())


def _caption_file(folder: Path) -> Path:
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}")
    found = [folder / name for name in CAPTION_FILES if (folder / name).is_file()]
    if not found:
        raise FileNotFoundError(
            f"{folder} has no file with captions: write captions.csv with the columns file_name and caption, or one of "
            f"{', '.join(CAPTION_FILES[1:])}; or say which file it is"
        )
    return found[0]


def _find_images(folder: Path, names: list[str]) -> ImageFinder:
    """Return what finds the images: in the first of the usual folders that has one of them."""
    finders = [ImageFinder(folder / below) for below in IMAGE_FOLDERS]
    for finder in finders:
        if any(finder.find(name) for name in names):
            return finder
    raise FileNotFoundError(
        f"the caption file names {names[0]!r}, but {finders[0].hint(names[0])}. None of the first {len(names)} images "
        f"is found in {folder} or in its folder images: names are relative to the folder of images"
    )
