"""From many images or captions to unit vectors, a manageable batch at a time."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor

from clip_tutor.model import CLIP
from clip_tutor.tokenizers import Tokenizer

BATCH = 256
CPU_BATCH = 32  # captions: a CPU gains nothing from more, and of fewer the lengths differ less


def device_of(model: CLIP) -> torch.device:
    """Return where the model's weights lie."""
    return model.log_logit_scale.device


@contextmanager
def looking_only(model: torch.nn.Module) -> Iterator[None]:
    """Hold the model in evaluation mode: a BatchNorm in training mode would change with each image it sees."""
    training = model.training
    model.eval()
    try:
        with torch.no_grad():  # not inference_mode, whose tensors could not train a classifier later
            yield
    finally:
        model.train(training)


def encode_images(model: CLIP, pixels: Tensor) -> Tensor:
    """Return (B, E) unit vectors, float32 on the CPU, of (B, 3, H, W) pixels: uint8, or float from 0 to 1.

    The model may be in half precision (``load(name, dtype=torch.bfloat16)``): pixels are brought to its type here.

    >>> from clip_tutor.weights import load
    >>> encode_images(load("emoji").model, torch.rand(2, 3, 64, 64)).shape
    torch.Size([2, 128])
    """
    normalize = model.config.preprocessing.normalize
    first = next(model.image_tower.parameters())
    with looking_only(model):
        pieces = (normalize(part.to(first.device)).to(first.dtype) for part in pixels.split(BATCH))  # (B, 3, H, W)
        return torch.cat([_unit(model.encode_image(piece)) for piece in pieces])


def _unit(features: Tensor) -> Tensor:
    """Return (B, E) features as unit vectors in float32 on the CPU; in half precision, lengths would be 0.1 % off."""
    return F.normalize(features.float(), dim=-1).cpu()


def encode_texts(model: CLIP, tokenizer: Tokenizer, captions: str | Sequence[str], truncate: bool = False) -> Tensor:
    """Return (B, E) unit vectors, float32 on the CPU, of captions; a single one is a batch of one.

    Captions of like length are read together, and each batch is cut to its longest: with captions of 8 to 20 tokens
    and a context of 77 that saves four fifths of the work (``test_a_batch_is_cut_to_its_longest_caption``).

    Raises:
        TypeError, ValueError: a caption is not text, is empty, or is too long (see the tokenizer).

    >>> from clip_tutor.weights import load
    >>> model, tokenizer, _ = load("emoji")
    >>> encode_texts(model, tokenizer, ["a cat", "a rocket"]).shape
    torch.Size([2, 128])
    """
    captions = [captions] if isinstance(captions, str) else list(captions)
    rows = tokenizer(captions, truncate=truncate)
    if (empty := tokenizer("")[0]) in rows:
        raise ValueError(
            f"this caption is empty: {captions[rows.index(empty)]!r}. An empty caption matches every image equally: "
            "leave the pair out, or give it words."
        )
    device = device_of(model)
    batch_size = CPU_BATCH if device.type == "cpu" else BATCH
    lengths = [_length(row, tokenizer.pad_id) for row in rows]
    order = sorted(range(len(rows)), key=lengths.__getitem__)
    parts = [torch.empty(0, model.config.embed_dim)]
    with looking_only(model):
        for batch in (order[start : start + batch_size] for start in range(0, len(order), batch_size)):
            T = None if model.config.text.whole_rows else lengths[batch[-1]]
            ids = torch.tensor([rows[n][:T] for n in batch], device=device)  # (B, T)
            parts.append(_unit(model.encode_text(ids)))
    return torch.cat(parts)[torch.tensor(order).argsort()]


def _length(row: Sequence[int], pad_id: int) -> int:
    """Return how many ids a row has before its padding."""
    return next((n for n in range(len(row), 0, -1) if row[n - 1] != pad_id), 0)
