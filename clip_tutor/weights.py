"""A model in a file: weights, shape and tokenizer together, so that one path is enough to use it.

    weights.safetensors ── tensors by name
                        └─ metadata: "config" and "tokenizer" as JSON, "notes" for people

``safetensors`` holds numbers only. A pickle can run any program when it is opened, and is refused.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from clip_tutor.assets import asset
from clip_tutor.model import CLIP, CLIPConfig
from clip_tutor.tokenizers import BPETokenizer
from clip_tutor.towers import TextConfig, ViTConfig

SHIPPED = {"emoji": "checkpoints/emoji.safetensors"}


class Loaded(NamedTuple):
    """What a weights file gives."""

    model: CLIP  # in evaluation mode
    tokenizer: BPETokenizer
    notes: dict[str, Any]  # what the one who saved it wrote down


def write_tensors(path: str | Path, tensors: Mapping[str, Tensor], metadata: dict[str, str]) -> None:
    """Write a safetensors file atomically: whoever reads ``path`` finds the old file or the new one, never half."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, draft, metadata)
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def read_tensors(path: str | Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors and the metadata of a safetensors file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is a pickle, cut off, or not a safetensors file.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no weights file at {path}")
    with path.open("rb") as file:
        start = file.read(9)
    # A safetensors file may begin with byte 80 as well (its header's length), but then JSON follows: "{" at byte 8.
    if start[:4] == b"PK\x03\x04" or (start[:1] == b"\x80" and start[8:] != b"{"):
        raise ValueError(
            f"{path} is a pickle (a .pt or .bin file): opening one can run any program, so it is refused. "
            "Ask its author for a .safetensors file"
        )
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(
            f"{path} is cut off or not a safetensors file ({error}): download it again, or take an older checkpoint"
        ) from error


def metadata_of(model: CLIP, tokenizer: BPETokenizer, notes: dict[str, Any]) -> dict[str, str]:
    """Return what a weights file says beside its tensors."""
    return {"config": json.dumps(asdict(model.config)), "tokenizer": tokenizer.to_json(), "notes": json.dumps(notes)}


def save(path: str | Path, model: CLIP, tokenizer: BPETokenizer, notes: dict[str, Any] | None = None) -> None:
    """Write a model and its tokenizer to one safetensors file, atomically."""
    write_tensors(path, model.state_dict(), metadata_of(model, tokenizer, notes or {}))


def load(name: str | Path) -> Loaded:
    """Return the model in a weights file.

    Args:
        name: a path, or "emoji" for the model that comes with the kit.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is a pickle, cut off, or not a model of this kit.
    """
    path = asset(SHIPPED[name]) if isinstance(name, str) and name in SHIPPED else Path(name)
    tensors, metadata = read_tensors(path)
    config, tokenizer = _config_and_tokenizer_in(metadata, path)
    model = CLIP(config)
    fit(model, {key: tensor for key, tensor in tensors.items() if not key.startswith("optimizer.")}, path)
    return Loaded(model.eval(), tokenizer, json.loads(metadata.get("notes", "{}")))


def fit(model: torch.nn.Module, tensors: Mapping[str, Tensor], source: str | Path) -> None:
    """Load tensors into a model; the error names each key that is missing, left over or of another shape.

    Raises:
        ValueError: the tensors are those of another architecture.
    """
    own = model.state_dict()
    missing, extra = sorted(own.keys() - tensors.keys()), sorted(tensors.keys() - own.keys())
    reshaped = [k for k in own.keys() & tensors.keys() if own[k].shape != tensors[k].shape]
    faults = [f"missing: {', '.join(missing[:5])}"] if missing else []
    faults += [f"left over: {', '.join(extra[:5])}"] if extra else []
    faults += [f"{k} is {tuple(tensors[k].shape)} instead of {tuple(own[k].shape)}" for k in sorted(reshaped)[:5]]
    if faults:
        count = len(missing) + len(extra) + len(reshaped)
        raise ValueError(
            f"{source} holds another architecture ({count} keys do not fit; {'; '.join(faults)}): "
            "build the model that the file was made with"
        )
    model.load_state_dict(dict(tensors))


def _config_and_tokenizer_in(metadata: Mapping[str, str], path: Path) -> tuple[CLIPConfig, BPETokenizer]:
    try:
        fields = json.loads(metadata["config"])
        vision, text = fields.pop("vision"), TextConfig(**fields.pop("text"))
        vision["stem_channels"] = tuple(vision["stem_channels"])  # JSON has lists only
        config = CLIPConfig(vision=ViTConfig(**vision), text=text, **fields)
        return config, BPETokenizer.from_json(metadata["tokenizer"])
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(
            f"{path} holds tensors, but does not say which clip_tutor model they belong to ({error!r}): "
            "load a file written by clip_tutor.weights.save"
        ) from error
