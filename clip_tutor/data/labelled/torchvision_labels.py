"""Labelled sets that torchvision knows, downloaded and unpacked where torchvision puts them.

    cifar10  cifar100  food101  oxfordiiitpet  flowers102  eurosat  mnist  country211  renderedsst2

torchvision opens an image as soon as it is asked for a row. Here it only says which file has which label (CIFAR and
MNIST are arrays); the file is opened when its turn comes, where a damaged one can be left out.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from clip_tutor.data.labelled.images import LabelledImages, Rows
from clip_tutor.data.labelled.names import fitting, spelled_out

Parts = tuple[Sequence[Any], Sequence[int], Sequence[str]]  # images, labels, names


def _arrays(dataset: Any) -> Parts:
    def image(row: int) -> Image.Image:
        return Image.fromarray(np.asarray(dataset.data[row]))

    labels = np.asarray(dataset.targets).tolist()
    return Rows(image, range(len(labels))), labels, dataset.classes


def _files(dataset: Any) -> Parts:
    return dataset._image_files, dataset._labels, getattr(dataset, "classes", ())


def _pets(dataset: Any) -> Parts:
    return dataset._images, dataset._labels, dataset.classes


def _samples(dataset: Any) -> Parts:
    samples = getattr(dataset, "_samples", None) or dataset.samples
    return [Path(path) for path, _ in samples], [label for _, label in samples], dataset.classes


@dataclass(frozen=True)
class _Known:
    """How one of torchvision's classes is opened."""

    of: str  # its name there
    splits: dict[str, dict[str, Any]]  # what we call a split, and how it is asked for
    parts: Callable[[Any], Parts]


_BOTH = {"test": {"train": False}, "train": {"train": True}}
_NAMED = {name: {"split": name} for name in ("test", "train")}
_WITH_VALIDATION = _NAMED | {"validation": {"split": "val"}}
KNOWN = {
    "cifar10": _Known("CIFAR10", _BOTH, _arrays),
    "cifar100": _Known("CIFAR100", _BOTH, _arrays),
    "food101": _Known("Food101", _NAMED, _files),
    "oxfordiiitpet": _Known("OxfordIIITPet", {"test": {"split": "test"}, "train": {"split": "trainval"}}, _pets),
    "flowers102": _Known("Flowers102", _WITH_VALIDATION, _files),
    "eurosat": _Known("EuroSAT", {"all": {}}, _samples),
    "mnist": _Known("MNIST", _BOTH, _arrays),
    "country211": _Known("Country211", _NAMED | {"validation": {"split": "valid"}}, _samples),
    "renderedsst2": _Known("RenderedSST2", _WITH_VALIDATION, _samples),
}


def labelled_torchvision(
    kind: str, folder: str | Path, split: str | None = None, names: tuple[str, ...] | None = None
) -> LabelledImages:
    """Return a set of torchvision's, from the folder that torchvision calls ``root``.

    Args:
        kind: one of `KNOWN`.
        split: "test", "train", or "validation" where there is one; not given, the test split, or all of EuroSAT.
        names: what the classes are called, instead of the set's own names.

    Raises:
        FileNotFoundError: the set is not there, or not whole.
        ValueError: it has no such split, or its names are no words: Country211's are codes of two letters.
    """
    known = KNOWN[kind]
    split = split or next(iter(known.splits))
    if split not in known.splits:
        raise ValueError(f"{kind} has no split {split!r}: take one of {', '.join(known.splits)}")
    dataset_class = getattr(importlib.import_module("torchvision.datasets"), known.of)
    try:
        dataset = dataset_class(folder, **known.splits[split])
    except (RuntimeError, OSError) as error:
        raise FileNotFoundError(
            f"{kind} is not in {folder}, or not whole ({error}). Download it with "
            f"torchvision.datasets.{known.of}({str(folder)!r}, download=True)"
        ) from error
    images, labels, own_names = known.parts(dataset)
    if names is None:
        if kind == "country211" or not own_names:
            what = f"calls its classes {', '.join(own_names[:3])} …" if own_names else "does not say what they are"
            raise ValueError(f"{kind} {what}: give the names of its classes, in the order of its labels")
        names = tuple(spelled_out(name.partition(" - ")[0]) for name in own_names)  # MNIST has "0 - zero"
    names = fitting(names, len(own_names) or len(names))
    return LabelledImages(names, list(labels), images)
