"""A model of the kit in a file: weights, shape and tokenizer together, so that one path is enough to use it.

weights.safetensors ── tensors by name
                    └─ metadata: "config" and "tokenizer" as JSON, "notes" for people
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from clip_tutor import tokenizers, towers
from clip_tutor.images import Preprocessing
from clip_tutor.model import CLIP, CLIPConfig
from clip_tutor.printable import listed
from clip_tutor.tokenizers import Tokenizer
from clip_tutor.weights.files import read_tensors, write_tensors

# What a run's checkpoint holds beside the model: how the names of these tensors begin.
TRAINING_PREFIXES = ("raw.", "optimizer.")


class Loaded(NamedTuple):
    """What a weights file gives."""

    model: CLIP  # in evaluation mode
    tokenizer: Tokenizer
    notes: dict[str, Any]  # what the one who saved it wrote down, or where it was found


def metadata_of(model: CLIP, tokenizer: Tokenizer, notes: dict[str, Any]) -> dict[str, str]:
    """Return what a weights file says beside its tensors."""
    config = asdict(model.config)
    for tower in ("vision", "text"):
        config[tower]["kind"] = type(getattr(model.config, tower)).__name__
    return {"config": json.dumps(config), "tokenizer": tokenizer.to_json(), "notes": json.dumps(notes)}


def save(
    path: str | Path,
    model: CLIP,
    tokenizer: Tokenizer,
    notes: dict[str, Any] | None = None,
    *,
    dtype: torch.dtype | None = None,
) -> None:
    """Write a model and its tokenizer to one safetensors file, atomically.

    Args:
        notes: whatever a reader of the file should know, as JSON.
        dtype: store the floating point tensors in this type: torch.float16 makes the file half as large and keeps
            about three digits. None keeps the model's own type. The model itself is left as it is.

    Raises:
        ValueError: ``dtype`` is not a floating point type, or a weight is too large for it.
        OSError: the file could not be written; what was at ``path`` is still there.

    >>> import tempfile
    >>> from clip_tutor.weights import load
    >>> model, tokenizer, _ = load("emoji")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(f"{folder}/mine.safetensors", model, tokenizer, {"made": "today"})
    ...     load(f"{folder}/mine.safetensors").notes
    {'made': 'today'}
    """
    tensors = model.state_dict() if dtype is None else stored_as(dtype, model.state_dict())
    write_tensors(path, tensors, metadata_of(model, tokenizer, notes or {}))


def open_own(path: Path, dtype: torch.dtype = torch.float32) -> Loaded:
    """Return the model in a file that `save` wrote, its weights in this type, in whichever they are stored.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is a pickle, cut off, or not a model of this kit.
    """
    tensors, metadata = read_tensors(path)
    config, tokenizer = _config_and_tokenizer_in(metadata, path)
    model = CLIP(config)
    fit(model, {key: tensor for key, tensor in tensors.items() if not key.startswith(TRAINING_PREFIXES)}, path)
    return Loaded(model.to(dtype).eval(), tokenizer, json.loads(metadata.get("notes", "{}")))


def fit(
    model: torch.nn.Module,
    tensors: Mapping[str, Tensor],
    source: str | Path,
    their_name: Callable[[str], str] = str,
    assign: bool = False,
) -> None:
    """Load tensors into a model; the error names each key that is missing, left over or of another shape.

    Args:
        source: where the tensors come from, for the error.
        their_name: what a tensor of ours is called in that place, for the error.
        assign: take the tensors themselves instead of copying them, as a model on the meta device needs it.

    Raises:
        ValueError: the tensors are those of another architecture.
    """
    own = model.state_dict()
    missing, extra = sorted(own.keys() - tensors.keys()), sorted(tensors.keys() - own.keys())
    reshaped = sorted(k for k in own.keys() & tensors.keys() if own[k].shape != tensors[k].shape)
    faults = [f"missing: {listed(map(their_name, missing))}"] if missing else []
    faults += [f"left over: {listed(map(their_name, extra))}"] if extra else []
    shapes = (f"{their_name(k)} is {tuple(tensors[k].shape)} instead of {tuple(own[k].shape)}" for k in reshaped)
    faults += [listed(shapes)] if reshaped else []
    if faults:
        count = len(missing) + len(extra) + len(reshaped)
        raise ValueError(
            f"{source} holds another architecture ({count} keys do not fit; {'; '.join(faults)}): "
            "build the model that the file was made with"
        )
    model.load_state_dict(dict(tensors), assign=assign)


def stored_as(dtype: torch.dtype, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the floating point tensors in another type, and the others, which count something, as they are.

    Raises:
        ValueError: ``dtype`` is not a floating point type, or a number is too large for it.
    """
    if not dtype.is_floating_point:
        raise ValueError(f"weights are stored in a floating point type, such as torch.float16, not in {dtype}")
    stored = {name: t.to(dtype) if t.is_floating_point() else t for name, t in tensors.items()}
    too_large = [name for name, t in tensors.items() if bool((t.isfinite() & ~stored[name].float().isfinite()).any())]
    if too_large:
        raise ValueError(
            f"{listed(too_large)}: numbers there are larger than {dtype} can hold ({torch.finfo(dtype).max:,.0f}): "
            "store them in torch.bfloat16 or torch.float32"
        )
    return stored


def _config_and_tokenizer_in(metadata: Mapping[str, str], path: Path) -> tuple[CLIPConfig, Tokenizer]:
    try:
        fields = json.loads(metadata["config"])
        fields["vision"] = tower_config(fields["vision"], "ViTConfig")
        fields["text"] = tower_config(fields["text"], "TextConfig")
        if "preprocessing" in fields:
            fields["preprocessing"] = Preprocessing(**with_tuples(fields["preprocessing"]))
        return CLIPConfig(**fields), tokenizers.from_json(metadata["tokenizer"])
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(
            f"{path} holds tensors, but does not say which clip_tutor model they belong to ({error!r}): "
            "load a file written by clip_tutor.weights.save, or name the model of a published one: "
            'load("ViT-B/32", weights=path)'
        ) from error


def tower_config(fields: dict[str, Any], usual: str) -> Any:
    """Return the config of a tower from its fields as they come from JSON, of this kind if they do not say which."""
    kind = fields.pop("kind", usual)
    known = {config.__name__: config for config in towers.CONFIGS}
    return known[kind](**with_tuples(fields))


def with_tuples(fields: dict[str, Any]) -> dict[str, Any]:
    """Return these fields with tuples for lists: JSON has lists only."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
