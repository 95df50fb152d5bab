"""A folder of one's own photographs: indexed once, brought up to date each time, and searched.

folder ─ scan ─▶ only what is new is encoded ─▶ ~/.cache/clip_tutor/search/…  ─▶ the demo
published weights: from the Hub's cache or the network; where neither has them, a message says what to do
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from clip_tutor.lab.widgets.image_search.demo import ImageSearch, image_search
from clip_tutor.search import ImageIndex, Store, Update
from clip_tutor.weights import PUBLISHED, Loaded, fingerprint, list_weights, load

CACHE = Path.home() / ".cache" / "clip_tutor" / "search"
PUBLISHED_MODEL = "ViT-B/32"  # of the published models with OpenAI's weights, the quickest on a CPU
SHIPPED = "emoji"
TO_TRY = ("a dog", "people at a table", "a sunset over water", "a screenshot")


def search_my_photos(folder: str | Path, model: str | Path | None = None) -> ImageSearch:
    """Return a widget that searches a folder of images: the first time it is indexed, later only what is new is read.

    The index lies in ``~/.cache/clip_tutor/search``; the images stay where they are.

    Args:
        folder: with all folders in it.
        model: the name of a published model, the file of one of your own, or "emoji" for the one that comes with the
            kit, which knows drawings of emoji; None: ViT-B/32 with OpenAI's weights.

    Raises:
        FileNotFoundError: there is no such folder, or the weights are not to be had; the message says what to do.
        ValueError: the folder holds no image that can be read.
    """
    index, update = index_folder(folder, model)
    print(update)
    return image_search(index, to_try=TO_TRY)


def index_folder(folder: str | Path, model: str | Path | None = None) -> tuple[ImageIndex, Update]:
    """Return an up-to-date index of a folder, kept in the user's cache, and what was done; shows a progress bar.

    Raises:
        FileNotFoundError, ValueError: see `search_my_photos`.
    """
    index = open_index(folder, model, create=True)
    update = index.update(_resolved(folder), progress=True)
    if not len(index):
        raise ValueError(f"{folder} holds no image that can be read: give a folder of photographs.\n{update}")
    return index, update


def open_index(folder: str | Path, model: str | Path | None = None, create: bool = False) -> ImageIndex:
    """Return the index of a folder as it lies in the user's cache.

    Args:
        create: make an empty one where there is none.

    Raises:
        FileNotFoundError: there is no such folder, no index, or the weights are not to be had.
    """
    path = _resolved(folder)
    if not path.is_dir():
        raise FileNotFoundError(f"there is no folder {path}: give the folder that holds your images")
    name, weights = _model_and_weights(model)
    loaded = _loaded(name, weights)
    index = ImageIndex.open(place_of(path, loaded), loaded.model, loaded.tokenizer, create)
    if create and isinstance(index.rows, Store):
        index.rows.manifest["made_with"] = {"model": name, "weights": weights}
        index.rows.write_manifest()
    return index


def place_of(folder: Path, loaded: Loaded) -> Path:
    """Return where the index of a folder lies that this model makes."""
    identity = f"{folder}\n{fingerprint(loaded.model)}".encode("utf-8", "surrogateescape")
    return CACHE / f"{folder.name or 'root'}-{hashlib.blake2b(identity, digest_size=6).hexdigest()}"


def _resolved(folder: str | Path) -> Path:
    """Return one path for a folder, whichever links lead to it."""
    return Path(folder).expanduser().resolve()


def _model_and_weights(model: str | Path | None) -> tuple[str, str | None]:
    if model is None:
        model = PUBLISHED_MODEL
    if str(model) in PUBLISHED:
        return str(model), list_weights(str(model))[0]
    own = Path(model).expanduser()
    return (os.fspath(own.resolve()) if own.is_file() else str(model)), None


def _loaded(name: str, weights: str | None) -> Loaded:
    try:
        return load(name, weights)
    except FileNotFoundError as error:
        if weights is None:
            raise
        raise FileNotFoundError(
            f"{name} knows photographs, and its weights are not to be had here:\n{error}.\n"
            f'Or search with the model that comes with the kit, model="{SHIPPED}": it knows drawings of emoji, so '
            "expect little of it with photographs"
        ) from error
