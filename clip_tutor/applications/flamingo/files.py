"""A Flamingo in a file: what was trained, and the frozen image tower that it looks through.

    resampler, gated blocks, mark ─┐
    image tower ───────────────────┴─ float16 ─▶ flamingo.safetensors
    language model ─ the captioner it is part of, and a fingerprint of its weights ─▶ metadata

The language model is not in it: it is the one of a captioner's file, which `load_flamingo` opens. Its weights are
compared with the fingerprint, for the new layers were fitted to these and no others.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from clip_tutor.applications.captioning import load_captioner
from clip_tutor.applications.flamingo.model import Flamingo, FlamingoConfig
from clip_tutor.applications.language_model import LanguageModel
from clip_tutor.assets import asset
from clip_tutor.images import Preprocessing
from clip_tutor.model import CLIP
from clip_tutor.tokenizers import Tokenizer
from clip_tutor.towers import build_tower
from clip_tutor.weights import fingerprint, fit, read_tensors, write_tensors
from clip_tutor.weights.own import TRAINING_PREFIXES, stored_as, tower_config, with_tuples

SHIPPED = {"flamingo": "checkpoints/flamingo.safetensors"}
TOWER, LANGUAGE_MODEL = "image_tower.", "language_model."  # how the names of their tensors begin


class LoadedFlamingo(NamedTuple):
    """All that it takes to ask about images."""

    flamingo: Flamingo  # in evaluation mode
    tokenizer: Tokenizer
    image_tower: nn.Module  # frozen, in evaluation mode; `image_places` reads its places
    preprocessing: Preprocessing  # of its images; their size is ``image_tower.config.image_size``
    notes: dict[str, Any]  # what the one who saved it wrote down


class LanguageModelOrigin(NamedTuple):
    """The language model that a Flamingo was trained around."""

    captioner: str  # what `load_captioner` opens
    fingerprint: str


def origin_of(captioner: str, language_model: LanguageModel) -> LanguageModelOrigin:
    """Return what a Flamingo's file says about its language model, which is the one of this captioner."""
    return LanguageModelOrigin(captioner, fingerprint(language_model))


def save_flamingo(
    path: str | Path, flamingo: Flamingo, clip: CLIP, origin: LanguageModelOrigin, notes: dict[str, Any] | None = None
) -> None:
    """Write a Flamingo to one safetensors file, atomically, in float16; it and the CLIP stay as they are.

    Args:
        clip: the CLIP through whose image tower it looks. Only the tower is written.
        origin: the language model that it was trained around.
        notes: whatever a reader of the file should know, as JSON.

    Raises:
        ValueError: a weight is too large for float16.
        OSError: the file could not be written; what was at ``path`` is still there.
    """
    tensors = {name: t for name, t in flamingo.state_dict().items() if not name.startswith(LANGUAGE_MODEL)}
    tensors |= {TOWER + name: t for name, t in clip.image_tower.state_dict().items()}
    config = clip.config
    tower = {
        "vision": asdict(config.vision) | {"kind": type(config.vision).__name__},
        "embed_dim": config.embed_dim,
        "preprocessing": asdict(config.preprocessing),
    }
    metadata = {
        "flamingo": json.dumps(asdict(flamingo.config)),
        "image_tower": json.dumps(tower),
        "language_model": json.dumps(origin._asdict()),
        "notes": json.dumps(notes or {}),
    }
    write_tensors(path, stored_as(torch.float16, tensors), metadata)


def load_flamingo(path: str | Path = "flamingo") -> LoadedFlamingo:
    """Return the Flamingo in a file, in float32, with the image tower that it looks through.

    Args:
        path: a file that `save_flamingo` wrote; "flamingo" is the one that comes with the kit.

    Raises:
        FileNotFoundError: there is no such file, or none of the captioner that it names.
        ValueError: it is cut off, not a Flamingo, or its language model is no longer the one it was trained around.
    """
    path = asset(SHIPPED[path]) if isinstance(path, str) and path in SHIPPED else Path(path)
    tensors, metadata = read_tensors(path)
    try:
        config = FlamingoConfig(**json.loads(metadata["flamingo"]))
        fields = json.loads(metadata["image_tower"])
        tower = build_tower(tower_config(fields["vision"], "ViTConfig"), fields["embed_dim"])
        preprocessing = Preprocessing(**with_tuples(fields["preprocessing"]))
        origin = LanguageModelOrigin(**json.loads(metadata["language_model"]))
        notes = json.loads(metadata["notes"])
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(
            f"{path} holds tensors, but does not say which Flamingo they belong to ({error!r}): "
            "load a file written by save_flamingo"
        ) from error
    captioner, tokenizer, _, _ = load_captioner(origin.captioner)
    model = captioner.language_model
    if fingerprint(model) != origin.fingerprint:
        raise ValueError(
            f"{path} was trained around another language model than that of the captioner {origin.captioner!r} is now: "
            "its gated blocks would add noise to it; train the Flamingo again, or put the file of that captioner back"
        )
    flamingo = Flamingo(config, model)
    own = {name: t for name, t in tensors.items() if not name.startswith((TOWER, *TRAINING_PREFIXES))}
    fit(flamingo, own | {LANGUAGE_MODEL + name: t for name, t in model.state_dict().items()}, path)
    fit(tower, {name[len(TOWER) :]: t for name, t in tensors.items() if name.startswith(TOWER)}, path)
    return LoadedFlamingo(flamingo.eval(), tokenizer, tower.requires_grad_(False).eval(), preprocessing, notes)
