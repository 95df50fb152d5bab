"""A folder with a folder of images for each class, as ImageNet and most sets that people make themselves have it.

photos/cat/1.jpg       class 0, "cat"            folders in the order of their names
photos/tabby_cat/…     class 1, "tabby cat"      an underscore is a space
"""

from __future__ import annotations

import re
from pathlib import Path

from clip_tutor.data.labelled.images import LabelledImages
from clip_tutor.data.labelled.names import fitting, spelled_out

WORDNET = re.compile(r"n\d{8}")  # what ImageNet calls a class


def labelled_folder(folder: str | Path, names: tuple[str, ...] | None = None) -> LabelledImages:
    """Return the images of a folder of classes; a class whose folder is empty stays a class.

    Args:
        names: what the classes are called, in the order of their folders' names; not given, as these.

    Raises:
        FileNotFoundError: there is no such folder, or none in it.
        ValueError: there is no image, not one name for each folder, or the folders are called by WordNet's numbers.
    """
    from torchvision.datasets.folder import IMG_EXTENSIONS, find_classes, make_dataset

    if not Path(folder).is_dir():
        raise FileNotFoundError(f"there is no folder {folder}")
    folders, numbers = find_classes(folder)
    if names is None and all(WORDNET.fullmatch(name) for name in folders):
        raise ValueError(
            f"the folders of {folder} are called {folders[0]} and so on, which a text encoder cannot read: give the "
            "names of the classes, in the order of their folders"
        )
    samples = make_dataset(folder, numbers, IMG_EXTENSIONS, allow_empty=True)
    if not samples:
        raise ValueError(f"{folder} holds no image in its {len(folders)} folders: {', '.join(folders[:5])}")
    names = fitting(names, len(folders)) if names else tuple(map(spelled_out, folders))
    return LabelledImages(names, [label for _, label in samples], [Path(path) for path, _ in samples])
