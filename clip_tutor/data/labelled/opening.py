"""One text names a labelled set, as the ``--data`` of a shell command.

scenes, scenes:all           the embedded scenes: everyday objects, or all
folder:photos                a folder of images for each class
imagenet:ILSVRC2012/val      the same with ImageNet's 1,000 folders; names come from OpenCLIP's package
parquet:test.parquet         a Parquet file with images and labels inside
hub:owner/name               a set of the Hub with a column of images and one of labels
cifar10:downloads            torchvision's sets, where torchvision puts them: see `KNOWN`
"""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from clip_tutor.data.labelled.emoji_scenes import labelled_scenes
from clip_tutor.data.labelled.folders import labelled_folder
from clip_tutor.data.labelled.hub import labelled_hub, labelled_parquet
from clip_tutor.data.labelled.images import LabelledImages
from clip_tutor.data.labelled.names import imagenet_names
from clip_tutor.data.labelled.torchvision_labels import KNOWN, labelled_torchvision
from clip_tutor.data.scenes import Split

KINDS = ("scenes", "folder", "imagenet", "parquet", "hub", *KNOWN)


def open_labelled(
    data: str, split: str | None = None, names: tuple[str, ...] | None = None, image_size: int = 64
) -> LabelledImages:
    """Return the set that a text names.

    Args:
        data: a kind, and behind a colon where the set lies.
        split: "train", "validation", "test", "compositional" of scenes, or a folder below the folder; not given, the
            test split, or the folder itself.
        names: what the classes are called, instead of the set's own names.
        image_size: H = W of scenes, in pixels; all others come as they are.

    Raises:
        FileNotFoundError: it is not there.
        ValueError: there is no such kind or split, or the set makes no sense.

    >>> open_labelled("scenes").names[:3]
    ('cat', 'dog', 'horse')
    """
    kind, _, place = data.partition(":")
    kind = kind.strip().lower()
    if kind not in KINDS:
        raise ValueError(
            f"there is no kind of set {kind!r}: write one of {', '.join(KINDS)}, and where it lies, as in "
            "cifar10:downloads or folder:photos"
        )
    if kind == "scenes":
        return _scenes(place or "everyday", split or "test", names, image_size)
    if not place:
        raise ValueError(f"where is it? Write {kind}:{'owner/name' if kind == 'hub' else 'PATH'}")
    if kind == "hub":
        return labelled_hub(place, split, names)
    if kind == "parquet":
        return labelled_parquet(place, names)
    if kind in KNOWN:
        return labelled_torchvision(kind, place, split, names)
    if kind == "imagenet":
        names = names or imagenet_names()
    return labelled_folder(Path(place, split) if split else place, names)


def _scenes(objects: str, split: str, names: tuple[str, ...] | None, image_size: int) -> LabelledImages:
    if names is not None:
        raise ValueError("scenes have names of their own: leave names out")
    for known in get_args(Split):
        if split == known:
            return labelled_scenes(objects, known, image_size)
    raise ValueError(f"scenes have no split {split!r}: take one of {', '.join(get_args(Split))}")
