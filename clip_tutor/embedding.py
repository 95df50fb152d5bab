"""From many pictures or captions to unit vectors, a manageable batch at a time."""

from collections.abc import Sequence

import torch
from torch import Tensor

from clip_tutor.images import normalize
from clip_tutor.model import CLIP
from clip_tutor.tokenizers import BPETokenizer

BATCH = 256


def device_of(model: CLIP) -> torch.device:
    """Return where the model's weights lie."""
    return model.log_logit_scale.device


@torch.inference_mode()
def embed_pictures(model: CLIP, pixels: Tensor) -> Tensor:
    """Return (B, E) unit vectors, on the CPU, of (B, 3, H, W) pixels: uint8, or float from 0 to 1."""
    parts = [model.encode_image(normalize(part.to(device_of(model))), normalize=True) for part in pixels.split(BATCH)]
    return torch.cat(parts).float().cpu()


@torch.inference_mode()
def embed_captions(model: CLIP, tokenizer: BPETokenizer, captions: Sequence[str], truncate: bool = False) -> Tensor:
    """Return (B, E) unit vectors, on the CPU, of captions.

    Captions are sorted by length first, so that short ones do not wait for padding.

    Raises:
        TypeError, ValueError: a caption is not text, is empty, or is too long (see the tokenizer).
    """
    rows = tokenizer(captions, truncate=truncate, trim=True)
    lengths = [row.index(tokenizer.end_id) + 1 for row in rows]
    order = sorted(range(len(rows)), key=lengths.__getitem__)
    parts = []
    for start in range(0, len(order), BATCH):
        chosen = order[start : start + BATCH]
        ids = torch.tensor([rows[i][: lengths[chosen[-1]]] for i in chosen], device=device_of(model))
        parts.append(model.encode_text(ids, normalize=True).float().cpu())
    return torch.cat(parts)[torch.tensor(order).argsort()]
