"""A noised CLIP in a file: its image tower, and which CLIP's captions it meets. See `files`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from clip_tutor.applications.diffusion.files import TextOrigin, load_beside_clip, save_beside_clip
from clip_tutor.applications.diffusion.noised_clip import NoisedCLIPConfig, NoisedImageTower
from clip_tutor.assets import asset
from clip_tutor.model import CLIP
from clip_tutor.tokenizers import Tokenizer

SHIPPED = {"noised_clip": "checkpoints/noised_clip.safetensors"}


class LoadedNoisedCLIP(NamedTuple):
    """A noised image tower and what it works with."""

    tower: NoisedImageTower  # in evaluation mode
    clip: CLIP  # whose text tower gives the captions' embeddings, and whose scale goes with both
    tokenizer: Tokenizer
    notes: dict[str, Any]  # what the one who saved it wrote down


def save_noised_clip(
    path: str | Path, tower: NoisedImageTower, origin: TextOrigin, notes: dict[str, Any] | None = None
) -> None:
    """Write a noised image tower to one safetensors file, atomically, in float16; it stays as it is itself.

    Args:
        origin: the CLIP whose captions' embeddings it meets, from `text_origin`.
        notes: whatever a reader of the file should know, as JSON.

    Raises:
        ValueError: a weight is too large for float16.
        OSError: the file could not be written; what was at ``path`` is still there.
    """
    save_beside_clip(path, "noised_clip", tower, asdict(tower.config), origin, notes)


def load_noised_clip(path: str | Path = "noised_clip") -> LoadedNoisedCLIP:
    """Return the noised image tower in a file, in float32, with its CLIP.

    Args:
        path: a file that `save_noised_clip` wrote; "noised_clip" is the one that comes with the kit.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is cut off, not a noised CLIP, or its CLIP is no longer the one that it was trained beside.
    """
    path = asset(SHIPPED[path]) if isinstance(path, str) and path in SHIPPED else Path(path)
    return LoadedNoisedCLIP(
        *load_beside_clip(path, "noised_clip", lambda fields: NoisedImageTower(NoisedCLIPConfig(**fields)))
    )
