"""From many pictures or captions to unit vectors, a manageable batch at a time."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from clip_tutor.images import normalize
from clip_tutor.model import CLIP
from clip_tutor.tokenizers import BPETokenizer

BATCH = 256


def device_of(model: CLIP) -> torch.device:
    """Return where the model's weights lie."""
    return model.log_logit_scale.device


@contextmanager
def _looking_only(model: CLIP) -> Iterator[None]:
    """Hold the model in evaluation mode: a BatchNorm in training mode would change with each picture it sees."""
    training = model.training
    model.eval()
    try:
        with torch.no_grad():  # not inference_mode, whose tensors could not train a classifier later
            yield
    finally:
        model.train(training)


def embed_pictures(model: CLIP, pixels: Tensor) -> Tensor:
    """Return (B, E) unit vectors, on the CPU, of (B, 3, H, W) pixels: uint8, or float from 0 to 1."""
    with _looking_only(model):
        pieces = (normalize(part.to(device_of(model))) for part in pixels.split(BATCH))
        return torch.cat([model.encode_image(piece, normalize=True) for piece in pieces]).float().cpu()


def embed_captions(model: CLIP, tokenizer: BPETokenizer, captions: Sequence[str], truncate: bool = False) -> Tensor:
    """Return (B, E) unit vectors, on the CPU, of captions.

    Captions are sorted by length first, so that short ones do not wait for padding.

    Raises:
        TypeError, ValueError: a caption is not text, is empty, or is too long (see the tokenizer).
    """
    for caption in captions:
        if not tokenizer.encode(caption):
            raise ValueError(
                f"this caption is empty: {caption!r}. An empty caption matches every picture equally: "
                "leave the pair out, or give it words."
            )
    rows = tokenizer(captions, truncate=truncate, trim=True)
    lengths = [row.index(tokenizer.end_id) + 1 for row in rows]
    order = sorted(range(len(rows)), key=lengths.__getitem__)
    parts = [torch.empty(0, model.config.embed_dim)]
    for start in range(0, len(order), BATCH):
        chosen = order[start : start + BATCH]
        ids = torch.tensor([rows[i][: lengths[chosen[-1]]] for i in chosen], device=device_of(model))
        with _looking_only(model):
            parts.append(model.encode_text(ids, normalize=True).float().cpu())
    return torch.cat(parts)[torch.tensor(order).argsort()]
