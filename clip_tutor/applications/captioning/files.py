"""A captioner in a file: mapper, language model, their shapes and the tokenizer, so that one path is enough to use it.

The CLIP whose vectors it reads is not in it. Its name and the fingerprint of its weights are, and `load_captioner`
loads it and compares: another CLIP's vectors mean something else, and the captions would read as well as ever.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import torch

from clip_tutor import tokenizers
from clip_tutor.applications.captioning.captioner import Captioner, CaptionerConfig
from clip_tutor.applications.captioning.mappers import MLPMapperConfig, TransformerMapperConfig
from clip_tutor.applications.language_model import LanguageModel, LanguageModelConfig
from clip_tutor.applications.language_model.checks import check_vocabulary
from clip_tutor.assets import asset
from clip_tutor.model import CLIP
from clip_tutor.tokenizers import Tokenizer
from clip_tutor.weights import fingerprint, fit, load, read_tensors, write_tensors
from clip_tutor.weights.own import TRAINING_PREFIXES

SHIPPED = {"captioner": "checkpoints/captioner.safetensors"}
_MAPPERS = {"mlp": MLPMapperConfig, "transformer": TransformerMapperConfig}


class LoadedCaptioner(NamedTuple):
    """All that captioning takes."""

    captioner: Captioner  # in evaluation mode
    tokenizer: Tokenizer
    clip: CLIP  # whose vectors it reads
    notes: dict[str, Any]  # what the one who saved it wrote down


class Origin(NamedTuple):
    """The CLIP whose vectors a captioner was trained on."""

    clip: str  # what `clip_tutor.load` opens
    fingerprint: str


def origin_of(name: str, clip: CLIP) -> Origin:
    """Return what a captioner's file says about its CLIP."""
    return Origin(name, fingerprint(clip))


def captioner_metadata(
    captioner: Captioner, tokenizer: Tokenizer, origin: Origin, notes: dict[str, Any]
) -> dict[str, str]:
    """Return what a captioner's file says beside its tensors."""
    config = asdict(captioner.config)
    kind = next(name for name, kind in _MAPPERS.items() if isinstance(captioner.config.mapper, kind))
    config["mapper"]["kind"] = kind
    return {
        "captioner": json.dumps(config),
        "language_model": json.dumps(asdict(captioner.language_model.config)),
        "tokenizer": tokenizer.to_json(),
        "clip": json.dumps(origin._asdict()),
        "notes": json.dumps(notes),
    }


def save_captioner(
    path: str | Path,
    captioner: Captioner,
    tokenizer: Tokenizer,
    origin: Origin,
    notes: dict[str, Any] | None = None,
    dtype: torch.dtype = torch.float16,
) -> None:
    """Write a captioner to one safetensors file, atomically.

    Args:
        origin: the CLIP whose vectors it reads.
        notes: whatever a reader of the file should know, as JSON.
        dtype: the type that the tensors are stored in; the captioner itself stays as it is.

    Raises:
        ValueError: the tokenizer has another vocabulary than the language model.
        OSError: the file could not be written; what was at ``path`` is still there.
    """
    check_vocabulary(tokenizer, captioner.language_model.config)
    tensors = {name: tensor.to(dtype) for name, tensor in captioner.state_dict().items()}
    write_tensors(path, tensors, captioner_metadata(captioner, tokenizer, origin, notes or {}))


def load_captioner(path: str | Path = "captioner") -> LoadedCaptioner:
    """Return the captioner in a file, in float32, with the CLIP that it was trained on.

    Args:
        path: a file that `save_captioner` or a run wrote; "captioner" is the one that comes with the kit.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is cut off, not a captioner, or its CLIP is no longer the one that it was trained on.

    >>> captioner, tokenizer, clip, _ = load_captioner()
    >>> captioner.config.prefix_length
    10
    """
    path = asset(SHIPPED[path]) if isinstance(path, str) and path in SHIPPED else Path(path)
    tensors, metadata = read_tensors(path)
    try:
        config = json.loads(metadata["captioner"])
        mapper = _MAPPERS[config["mapper"].pop("kind")](**config.pop("mapper"))
        model = LanguageModel(LanguageModelConfig(**json.loads(metadata["language_model"])))
        captioner = Captioner(CaptionerConfig(mapper=mapper, **config), model)
        tokenizer, origin = tokenizers.from_json(metadata["tokenizer"]), Origin(**json.loads(metadata["clip"]))
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
        raise ValueError(
            f"{path} holds tensors, but does not say which captioner they belong to ({error!r}): "
            "load a file written by save_captioner or by a run of clip_tutor.applications.captioning.train"
        ) from error
    fit(captioner, {name: t for name, t in tensors.items() if not name.startswith(TRAINING_PREFIXES)}, path)
    clip = load(origin.clip).model
    if fingerprint(clip) != origin.fingerprint:
        raise ValueError(
            f"{path} was trained on vectors of another CLIP than {origin.clip!r} is now: its captions would be about "
            "nothing; train the captioner again, or put the file of that CLIP back"
        )
    return LoadedCaptioner(captioner.eval(), tokenizer, clip, json.loads(metadata["notes"]))
