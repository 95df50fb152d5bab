"""COCO Captions and Flickr30k, read from the files that their authors publish.

    CocoCaptions   train2017/*.jpg   annotations/captions_train2017.json       needs pycocotools
    Flickr30k      flickr30k-images/*.jpg   results_20130124.token

torchvision decodes an image as soon as it is asked for the pair. Here it only says which file belongs to which
captions; the file is opened when a batch is made, where a damaged one can be left out. Flickr's list of captions is
read line by line, so that a message can name the line: torchvision takes it whole or not at all.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from clip_tutor.data.pairs import Pair, clean_captions
from clip_tutor.data.text_files import in_utf8, open_text

if TYPE_CHECKING:
    from torchvision.datasets import CocoCaptions, Flickr30k


def coco_pairs(images: str | Path, annotations: str | Path) -> list[Pair]:
    """Return the pairs of COCO Captions.

    Args:
        images: the folder of one split, such as ``train2017``.
        annotations: its captions, such as ``annotations/captions_train2017.json``.

    Raises:
        ModuleNotFoundError: pycocotools is not installed.
        FileNotFoundError: the folder or the file is missing.
        ValueError: the file is not JSON, or holds no captions, but perhaps boxes.
    """
    from torchvision.datasets import CocoCaptions

    _check(images, annotations, "annotations/captions_train2017.json")
    try:
        with in_utf8(annotations) as file:
            return pairs_of_coco(CocoCaptions(images, str(file)))
    except ModuleNotFoundError as error:
        if error.name and error.name.startswith("pycocotools"):
            raise ModuleNotFoundError(
                "torchvision reads COCO's captions with pycocotools, which is not installed: run "
                "`pip install pycocotools`, or conda's package of that name",
                name=error.name,
            ) from error
        raise
    except json.JSONDecodeError as error:
        raise ValueError(f"{annotations} is not JSON ({error}): was it cut off? Download it again") from error


def pairs_of_coco(dataset: CocoCaptions) -> list[Pair]:
    """Return the pairs of a ``torchvision.datasets.CocoCaptions`` that is already open.

    Raises:
        ValueError: its file holds no captions.
    """
    said: dict[int, list[str]] = {number: [] for number in dataset.ids}
    for row in dataset.coco.dataset.get("annotations", []):
        if "caption" not in row:
            raise ValueError(
                f"an annotation of this file has {', '.join(row)}, but no caption: take captions_….json, not "
                "instances_….json or person_keypoints_….json"
            )
        said[row["image_id"]].append(row["caption"])
    names = {number: dataset.coco.imgs[number]["file_name"] for number in dataset.ids}
    return [Pair(names[n], Path(dataset.root, names[n]), clean_captions(captions)) for n, captions in said.items()]


def flickr30k_pairs(images: str | Path, annotations: str | Path) -> list[Pair]:
    """Return the pairs of Flickr30k, or of Flickr8k, whose ``Flickr8k.token.txt`` has the same form.

    Args:
        images: the folder of images, ``flickr30k-images``.
        annotations: ``results_20130124.token``: lines of an image's name, ``#`` and a number, a tab and a caption.

    Raises:
        FileNotFoundError: the folder or the file is missing.
        ValueError: no line has this form, or the file is not text.
    """
    _check(images, annotations, "results_20130124.token")
    said: dict[str, list[str]] = {}
    wrong: list[str] = []
    with open_text(annotations) as lines:
        for number, line in enumerate(lines, start=1):
            name, tab, caption = line.strip().partition("\t")
            image, mark, _ = name.rpartition("#")
            if tab and mark:
                said.setdefault(image, []).append(caption)
            elif name:
                wrong.append(f"line {number} is {line.strip()!r:.60}")
    if not said:
        raise ValueError(
            f"{annotations} is not a list of lines like 1000092795.jpg#0, a tab, and a caption "
            f"({'; '.join(wrong[:1]) or 'it is empty'}): a CSV file is read by clip_tutor.data.folder.read_folder"
        )
    if wrong:
        warnings.warn(
            f"left out {len(wrong)} lines of {annotations} that are not like 1000092795.jpg#0, a tab, and a caption: "
            f"{'; '.join(wrong[:3])}",
            stacklevel=2,
        )
    return [Pair(name, Path(images, name), clean_captions(said[name])) for name in sorted(said)]


def pairs_of_flickr30k(dataset: Flickr30k) -> list[Pair]:
    """Return the pairs of a ``torchvision.datasets.Flickr30k`` that is already open."""
    return [Pair(name, Path(dataset.root, name), clean_captions(dataset.annotations[name])) for name in dataset.ids]


def _check(images: str | Path, annotations: str | Path, usual: str) -> None:
    if not Path(images).is_dir():
        raise FileNotFoundError(f"there is no folder of images {images}")
    if not Path(annotations).is_file():
        raise FileNotFoundError(f"there is no file {annotations}: the captions usually come as {usual}")
