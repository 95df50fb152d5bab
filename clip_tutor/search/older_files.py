"""Index files of clip_tutor 0.3 and before: one safetensors file with vectors, names and the model's fingerprint."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from clip_tutor.model import CLIP
from clip_tutor.weights import read_tensors


class OlderFile(NamedTuple):
    """What such a file holds."""

    features: Tensor  # (N, E) float32
    names: list[str]


def read_older_file(path: Path, model: CLIP) -> OlderFile:
    """Read one.

    Raises:
        FileNotFoundError, ValueError: there is none, it is damaged, or another model made it.
    """
    tensors, metadata = read_tensors(path)
    if "features" not in tensors or not ("names" in metadata or {"names", "name_ends"} <= tensors.keys()):
        raise ValueError(f"{path} is not an image index: give the folder, or the file, that ImageIndex.save wrote")
    if metadata.get("model") != fingerprint_of_all(model):
        raise ValueError(
            f"{path} was made by another model: its vectors mean nothing to this one; embed the images again"
        )
    features, names = tensors["features"].float(), _unpacked(tensors, metadata)
    if names is None or features.shape != (len(names), model.config.embed_dim):
        raise ValueError(f"{path} is damaged: its names do not fit its vectors; embed the images again")
    return OlderFile(features, names)


def fingerprint_of_all(model: CLIP) -> str:
    """Return the fingerprint that such files hold: of every single weight."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode() + tensor.detach().float().cpu().numpy().tobytes())
    return digest.hexdigest()[:16]


def _unpacked(tensors: dict[str, Tensor], metadata: dict[str, str]) -> list[str] | None:
    """Return the names, kept as bytes and where each ends, or still before as JSON; None if they make no sense."""
    try:
        if "names" in metadata:
            names: list[str] = json.loads(metadata["names"])
            return names
        joined, ends = tensors["names"].numpy().tobytes(), tensors["name_ends"].tolist()
        if ends != sorted(ends) or max(ends, default=0) != len(joined):
            return None
        pieces = zip([0, *ends], ends, strict=False)
        return [joined[start:end].decode("utf-8", "surrogatepass") for start, end in pieces]
    except ValueError:
        return None
