"""Names of classes: as a data set writes them, and as a caption would."""

from __future__ import annotations

import importlib
import re
from pathlib import Path


def spelled_out(name: str) -> str:
    """Return the name as words: an underscore is a space, and so is what a capital in the middle stands for.

    >>> spelled_out("apple_pie"), spelled_out("AnnualCrop"), spelled_out("T-Shirt")
    ('apple pie', 'annual crop', 'T-Shirt')
    """
    if re.fullmatch(r"([A-Z][a-z]+){2,}", name):
        name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    return " ".join(name.replace("_", " ").split())


def fitting(names: tuple[str, ...], classes: int) -> tuple[str, ...]:
    """Return the names.

    Raises:
        ValueError: there are more or fewer than classes.
    """
    if len(names) != classes:
        raise ValueError(f"{len(names)} names and {classes} classes: give one name for each, in their order")
    return names


def read_lines(path: str | Path) -> tuple[str, ...]:
    """Return the lines of a text file that are not empty: names of classes, or templates, one a line.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not UTF-8, or holds nothing.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not text in UTF-8 ({error}): save it as such") from error
    found = tuple(line.strip() for line in lines if line.strip())
    if not found:
        raise ValueError(f"{path} is empty: write one a line")
    return found


def from_open_clip(name: str) -> tuple[object, ...]:
    """Return a list of OpenCLIP's package: ``OPENAI_IMAGENET_TEMPLATES`` or ``IMAGENET_CLASSNAMES``.

    Raises:
        ModuleNotFoundError: the package is not installed.

    Source: open_clip ``zero_shot_metadata.py``, which has them from openai/CLIP's notebook on prompts.
    """
    try:
        lists = importlib.import_module("open_clip.zero_shot_metadata")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "OpenAI's templates and ImageNet's names come with OpenCLIP's package, which is not installed: run "
            "`pip install open_clip_torch`, or give a file of your own, one a line",
            name=error.name,
        ) from error
    return tuple(getattr(lists, name))


def imagenet_names() -> tuple[str, ...]:
    """Return OpenAI's names of ImageNet's 1,000 classes, in the order of their WordNet numbers.

    Raises:
        ModuleNotFoundError: see `from_open_clip`.
    """
    return tuple(map(str, from_open_clip("IMAGENET_CLASSNAMES")))
