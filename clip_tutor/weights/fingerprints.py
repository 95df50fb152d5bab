"""Which model made these vectors: a short name for its weights, found without reading all of them.

    config ───────────────────────────────┐
    each tensor: name, shape, 64 numbers ─┴─ SHA-256 ─▶ "3f9a…"

ViT-L/14 has 428 million numbers, and to read them takes longer than to open a million vectors. Training moves every
tensor that it may move, nearly everywhere: 64 numbers of each tell two models apart. A single number that is changed by
hand may go unseen.
"""

from __future__ import annotations

import hashlib

import torch
from torch import nn

SAMPLED = 64  # numbers of each tensor, evenly spread, the first and the last among them


def fingerprint(model: nn.Module) -> str:
    """Return a short name for this model: two share it only if their configs and sampled weights are the same.

    Args:
        model: any with a ``config``: a `CLIP`, a language model.

    Weights in half precision are others than those in float32, and give slightly other vectors.
    """
    digest = hashlib.sha256(repr(model.config).encode())
    for name, tensor in sorted(model.state_dict().items()):
        flat = tensor.detach().reshape(-1)
        places = torch.linspace(0, max(len(flat) - 1, 0), min(SAMPLED, len(flat)), dtype=torch.float64).long()
        sample = flat[places.to(flat.device)].double().cpu().numpy().tobytes()
        digest.update(f"{name} {tuple(tensor.shape)}".encode() + sample)
    return digest.hexdigest()[:16]
