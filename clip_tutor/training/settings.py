"""A whole run in one file, for `torchrun` and for the record: which model, which pairs, trained how, kept where.

model: tiny                      # a name of the zoo
data: {source: scenes}           # or folder, parquet, hub, webdataset, coco, flickr30k: see `SOURCES`
train:                           # every field of `TrainConfig`
  batch_size: 256
  learning_rate: 1.5e-3
  steps: 2000
run: runs/tiny                   # checkpoints and log; a stopped run goes on from here
save: runs/tiny.safetensors      # the finished model
"""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml

from clip_tutor.data.sources import SOURCES, DataConfig, PhotoData
from clip_tutor.training.config import TrainConfig

T = TypeVar("T")


@dataclass(frozen=True)
class RunConfig:
    """Everything that decides a run."""

    model: str
    data: DataConfig
    train: TrainConfig
    test: PhotoData | None = None  # pairs to measure recall on in the end; scenes have their own test split
    image_size: int | None = None  # pixels, if not the model's: positions are interpolated
    start_from: str | None = None  # a weights file of the kit, or a tag of published weights
    run: str | None = None
    save: str | None = None
    patience: float = 120.0  # seconds that a process waits for the others before it gives them up


def read_settings(path: str | Path) -> RunConfig:
    """Return the run that a YAML file describes.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a setting is missing, unknown or of the wrong kind; the message names it.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}: give a YAML file, or the name of a recipe")
    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not YAML: {error}") from error
    if not isinstance(given, dict):
        raise ValueError(f"{path} should hold settings such as 'model: tiny', and it holds {type(given).__name__}")
    given = dict(given)
    for section in ("data", "test"):
        if section in given:
            given[section] = _data(given[section], f"{path}, {section}")
    if "train" in given:
        given["train"] = _build(TrainConfig, given["train"], f"{path}, train")
    return _build(RunConfig, given, str(path))


def _data(given: Any, where: str) -> Any:
    if not isinstance(given, Mapping) or given.get("source") not in SOURCES:
        raise ValueError(f"{where}: say where pairs come from, source: {', '.join(SOURCES)}; it says {given!r}")
    return _build(SOURCES[given["source"]], {key: given[key] for key in given if key != "source"}, where)


def _build(kind: type[T], given: Any, where: str) -> T:
    """Return a dataclass from a mapping, each value turned into its field's type."""
    if not isinstance(given, Mapping):
        raise ValueError(f"{where}: expected settings by name, got {given!r}")
    hints, known = typing.get_type_hints(kind), {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    for key in given:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            advice = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
            raise ValueError(f"{where}: there is no setting {key!r}: {advice}")
    for name, field in known.items():
        if field.default is MISSING and name not in given:
            raise ValueError(f"{where}: {name!r} is missing")
    return kind(**{key: _as_type(hints[key], value, f"{where}: {key}") for key, value in given.items()})


def _as_type(kind: Any, value: Any, where: str) -> Any:
    """Return the value as a field of this type takes it; YAML reads 1e-3 as text, and 5 as a whole number."""
    choices = typing.get_args(kind)
    if dataclasses.is_dataclass(value):
        return value
    if typing.get_origin(kind) is Literal:
        if value in choices:
            return value
        raise ValueError(f"{where}: is {value!r}, and may be {', '.join(map(repr, choices))}")
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        if value is None and types.NoneType in choices:
            return None
        return _as_type(next(choice for choice in choices if choice is not types.NoneType), value, where)
    if kind is float and isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            return float(value)
        except ValueError:
            pass
    if type(value) is kind:
        return value
    raise ValueError(f"{where}: is {value!r}, and must be {'a number' if kind is float else kind.__name__}")
