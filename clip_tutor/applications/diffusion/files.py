"""A denoiser in a file: its weights, its shape and noise schedule, and the CLIP whose token states it reads.

The CLIP is not in it. Its name and the fingerprint of its weights are, and `load_denoiser` loads it and compares: to
another text tower's states the denoiser would draw something, and nothing would say that it is not the caption.

Other models that work only beside one CLIP are kept in the same way: `save_beside_clip`, `load_beside_clip`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch
from torch import nn

from clip_tutor.applications.diffusion.denoiser import Denoiser, DenoiserConfig
from clip_tutor.assets import asset
from clip_tutor.model import CLIP
from clip_tutor.tokenizers import Tokenizer
from clip_tutor.weights import fingerprint, fit, load, read_tensors, write_tensors
from clip_tutor.weights.own import TRAINING_PREFIXES, stored_as, with_tuples

Model = TypeVar("Model", bound=nn.Module)
SHIPPED = {"text_to_image": "checkpoints/text_to_image.safetensors"}


class LoadedDenoiser(NamedTuple):
    """All that it takes to draw a caption."""

    denoiser: Denoiser  # in evaluation mode
    clip: CLIP  # whose token states it reads
    tokenizer: Tokenizer  # of the captions
    notes: dict[str, Any]  # what the one who saved it wrote down


class TextOrigin(NamedTuple):
    """The CLIP whose states or embeddings a model was trained on."""

    clip: str  # what `clip_tutor.load` opens
    fingerprint: str


def text_origin(name: str, clip: CLIP) -> TextOrigin:
    """Return what a denoiser's file says about its CLIP."""
    return TextOrigin(name, fingerprint(clip))


def save_denoiser(
    path: str | Path, denoiser: Denoiser, origin: TextOrigin, notes: dict[str, Any] | None = None
) -> None:
    """Write a denoiser to one safetensors file, atomically, in float16 but for ᾱ; it stays as it is itself.

    Args:
        origin: the CLIP whose token states it reads.
        notes: whatever a reader of the file should know, as JSON.

    Raises:
        ValueError: a weight is too large for float16.
        OSError: the file could not be written; what was at ``path`` is still there.
    """
    save_beside_clip(path, "denoiser", denoiser, asdict(denoiser.config), origin, notes)


def load_denoiser(path: str | Path = "text_to_image") -> LoadedDenoiser:
    """Return the denoiser in a file, in float32, with the CLIP that it was trained on.

    Args:
        path: a file that `save_denoiser` wrote; "text_to_image" is the one that comes with the kit.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is cut off, not a denoiser, or its CLIP is no longer the one that it was trained on.

    >>> denoiser, clip, tokenizer, _ = load_denoiser()
    >>> denoiser.config.image_size
    32
    """
    path = asset(SHIPPED[path]) if isinstance(path, str) and path in SHIPPED else Path(path)
    return LoadedDenoiser(*load_beside_clip(path, "denoiser", lambda fields: Denoiser(DenoiserConfig(**fields))))


def save_beside_clip(
    path: str | Path,
    kind: str,
    model: nn.Module,
    fields: dict[str, Any],
    origin: TextOrigin,
    notes: dict[str, Any] | None = None,
) -> None:
    """Write a model that works only beside one CLIP to one safetensors file, in float16 but for ᾱ.

    Args:
        kind: what it is, one word.
        fields: what it takes to build one of the same shape.
        origin: the CLIP.
        notes: whatever a reader of the file should know, as JSON.

    Raises:
        ValueError: a weight is too large for float16.
        OSError: the file could not be written; what was at ``path`` is still there.
    """
    exact = {name: tensor for name, tensor in model.state_dict().items() if name == "alphas_cumprod"}
    metadata = {kind: json.dumps(fields), "clip": json.dumps(origin._asdict()), "notes": json.dumps(notes or {})}
    write_tensors(path, stored_as(torch.float16, model.state_dict()) | exact, metadata)


def load_beside_clip(
    path: Path, kind: str, build: Callable[[dict[str, Any]], Model]
) -> tuple[Model, CLIP, Tokenizer, dict[str, Any]]:
    """Return the model in a file of `save_beside_clip`, in float32 and evaluation mode, its CLIP, tokenizer and notes.

    Args:
        build: makes one of the shape that the fields say.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is cut off, of another kind, or its CLIP is no longer the one that it was trained on.
    """
    tensors, metadata = read_tensors(path)
    try:
        model = build(with_tuples(json.loads(metadata[kind])))
        origin, notes = TextOrigin(**json.loads(metadata["clip"])), json.loads(metadata["notes"])
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
        raise ValueError(
            f"{path} holds tensors, but does not say which {kind} they belong to ({error!r}): "
            f"load a file written by save_{kind}"
        ) from error
    fit(model, {name: t for name, t in tensors.items() if not name.startswith(TRAINING_PREFIXES)}, path)
    clip, tokenizer, _ = load(origin.clip)
    if fingerprint(clip) != origin.fingerprint:
        raise ValueError(
            f"{path} was trained on what another CLIP says than {origin.clip!r} is now: the two would not understand "
            "each other; train it again, or put the weights of that CLIP back"
        )
    return model.eval(), clip, tokenizer, notes
