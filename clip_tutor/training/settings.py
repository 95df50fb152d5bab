"""A whole run in one file, for `torchrun` and for the record: which model, which pairs, trained how, kept where.

model: tiny                      # a name of the zoo
data: {source: scenes}           # or folder, parquet, hub, webdataset, coco, flickr30k: see `SOURCES`
train:                           # every field of `TrainConfig`
  batch_size: 256
  learning_rate: 1.5e-3
  steps: 2000
  efficiency: {micro_batch: 64}  # every field of `Efficiency`
run: runs/tiny                   # checkpoints and log; a stopped run goes on from here
save: runs/tiny.safetensors      # the finished model
"""

from __future__ import annotations

import difflib
import typing
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml

from clip_tutor.data.sources import SOURCES, DataConfig, PhotoData, ScenesData
from clip_tutor.training.checking import ABOVE_0, at_least, is_union, require_kind, require_values, without_none
from clip_tutor.training.config import CHECKPOINT, TrainConfig

T = TypeVar("T")


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a run.

    Raises:
        ValueError: a setting cannot be used, or two do not go together.
    """

    model: str
    data: DataConfig
    train: TrainConfig
    test: PhotoData | None = None  # pairs to measure recall on in the end; scenes have their own test split
    image_size: int | None = None  # pixels, if not the model's: positions are interpolated
    start_from: str | None = None  # a weights file of the kit, or a tag of published weights
    run: str | None = None
    save: str | None = None
    half: bool = False  # the saved model keeps its weights in float16; they are loaded in float32
    curve: str | None = None  # a JSON file for what a model of scenes can do against the pairs it has seen
    timeout: float = 120.0  # seconds that a process waits for the others before it gives them up

    def __post_init__(self) -> None:
        require_values(self, {"image_size": at_least(1), "timeout": ABOVE_0})
        if isinstance(self.test, ScenesData) or (self.test and isinstance(self.data, ScenesData)):
            raise ValueError(
                "test: scenes are measured on scenes of their own that were not trained on, and photographs on "
                "photographs: leave test out, or let both data and test be photographs"
            )
        if self.curve and not isinstance(self.data, ScenesData):
            raise ValueError("curve: is measured on scenes; what a model of photographs can do is measured in the end")
        if self.save is not None and Path(self.save).suffix != ".safetensors":
            raise ValueError(f"save: is {self.save!r}, and must be a file's name that ends in .safetensors")
        if self.save and self.run and Path(self.save).resolve() == (Path(self.run) / CHECKPOINT).resolve():
            raise ValueError(
                f"save: {self.save} is the checkpoint from which the run continues: give the finished model another "
                "name"
            )


def read_settings(path: str | Path) -> Recipe:
    """Return the run that a YAML file describes.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not YAML in UTF-8, or a setting is missing, unknown, given twice or cannot be used; the
            message names it.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}: give a YAML file, or the name of a recipe")
    try:
        given = yaml.load(path.read_text(encoding="utf-8-sig"), _EachKeyOnce)  # a safe loader
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not text in UTF-8 ({error}): save it again in that encoding") from error
    except yaml.YAMLError as error:
        tab = "; lines are moved in by spaces, not tabs" if "\\t" in str(error) else ""
        raise ValueError(f"{path} is not YAML{tab}: {error}") from error
    if not isinstance(given, Mapping):
        what = "is empty" if given is None else f"holds {type(given).__name__}"
        raise ValueError(f"{path} should hold settings such as 'model: tiny', and it {what}")
    given = dict(given)
    if "data" in given:
        given["data"] = _data(given["data"], f"{path}, data")
    if given.get("test") is not None:
        given["test"] = _data(given["test"], f"{path}, test")
    if "train" in given:
        given["train"] = _build(TrainConfig, given["train"], f"{path}, train")
    return _build(Recipe, given, str(path))


class _EachKeyOnce(yaml.SafeLoader):
    """Of a key that is given twice, YAML's reader would silently take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        first: dict[str, yaml.Node] = {}
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and first.setdefault(key.value, key) is not key:
                lines = [where.start_mark.line + 1 for where in (first[key.value], key)]
                raise yaml.YAMLError(f"{key.value!r} is given twice, in line {lines[0]} and in line {lines[1]}")
        return super().construct_mapping(node, deep)


def _data(given: Any, where: str) -> Any:
    source = given.get("source") if isinstance(given, Mapping) else None
    if not isinstance(source, str) or source not in SOURCES:
        raise ValueError(f"{where}: say where pairs come from, source: {', '.join(SOURCES)}; it says {given!r}")
    return _build(SOURCES[source], {key: given[key] for key in given if key != "source"}, where)


def _build(kind: type[T], given: Any, where: str) -> T:
    """Return a dataclass from a mapping, each value turned into its field's type."""
    if not isinstance(given, Mapping):
        raise ValueError(f"{where}: expected settings by name, got {given!r}")
    hints, known = typing.get_type_hints(kind), {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    for key in given:
        if key not in known:
            raise ValueError(f"{where}: there is no setting {key!r}: {_advice(str(key), hints)}")
    for name, field in known.items():
        if field.default is MISSING and name not in given:
            raise ValueError(f"{where}: {name!r} is missing")
    values = {key: _as_type(hints[key], value, f"{where}: {key}") for key, value in given.items()}
    try:
        return kind(**values)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def _advice(key: str, known: Mapping[str, Any]) -> str:
    """Return where a setting belongs that is not one of the known, or what its name may have been meant to be."""
    for group, kind in known.items():
        if is_dataclass(kind) and key in typing.get_type_hints(kind):
            return f"it belongs to {group!r}, as in {group}: {{{key}: …}}"
    near = difflib.get_close_matches(key, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"


def _as_type(kind: Any, value: Any, where: str) -> Any:
    """Return the value as a field of this type takes it; YAML reads 1e-3 as text, and 5 as a whole number."""
    if is_dataclass(kind) and isinstance(value, Mapping):
        return _build(kind, value, where)  # type: ignore[arg-type]
    if value is not None and is_union(kind):
        return _as_type(without_none(kind), value, where)
    if kind is float and isinstance(value, int | str) and not isinstance(value, bool):
        try:
            return float(value)
        except (ValueError, OverflowError):
            pass
    require_kind(kind, value, where)
    return value
