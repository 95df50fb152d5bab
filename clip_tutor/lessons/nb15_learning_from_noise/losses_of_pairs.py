"""What a model pays for each pair, in random batches of its own collection."""

import torch
from torch import Tensor

from clip_tutor.embedding import encode_images, encode_texts
from clip_tutor.lessons.nb15_learning_from_noise.runs import PAIRS
from clip_tutor.model import CLIP
from clip_tutor.tokenizers import Tokenizer

_ROUNDS = 4  # batches that each pair is looked at in: what it pays depends on the others


def pair_losses(model: CLIP, tokenizer: Tokenizer, pixels: Tensor, captions: list[str]) -> Tensor:
    """Return (N,): the contrastive loss of each pair, both directions, in batches of 64, the mean of four shufflings.

    Args:
        pixels: (N, 3, H, W) uint8.
        captions: N; the last few pairs of a shuffling, less than a batch, are left out of it.
    """
    images, texts = encode_images(model, pixels), encode_texts(model, tokenizer, captions, truncate=True)  # (N, E)
    scale = model.log_logit_scale.detach().exp().cpu()
    random = torch.Generator().manual_seed(0)
    total, times = torch.zeros(len(captions)), torch.zeros(len(captions))
    for _ in range(_ROUNDS):
        order = torch.randperm(len(captions), generator=random)
        for rows in order[: len(order) // PAIRS * PAIRS].split(PAIRS):
            logits = scale * images[rows] @ texts[rows].T  # (B, B)
            paid = -(logits.log_softmax(dim=1) + logits.log_softmax(dim=0)).diagonal() / 2  # (B,)
            total[rows] += paid
            times[rows] += 1
    return total / times.clamp(min=1)
