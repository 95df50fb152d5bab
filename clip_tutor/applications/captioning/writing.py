"""From image vectors to captions: a prefix, a language model that goes on, and ids turned into text."""

from __future__ import annotations

import torch
from torch import Tensor

from clip_tutor.applications.captioning.captioner import Captioner
from clip_tutor.applications.language_model import generate, generate_beam, greedy
from clip_tutor.applications.language_model.checks import check_vocabulary
from clip_tutor.applications.language_model.choosing import Choose
from clip_tutor.tokenizers import Tokenizer

BATCH = 250  # captions that are written at once


@torch.no_grad()
def write_captions(
    captioner: Captioner,
    tokenizer: Tokenizer,
    image_features: Tensor,
    *,
    choose: Choose = greedy,
    beams: int = 1,
    max_tokens: int | None = None,
) -> list[str]:
    """Return a caption of each image.

    Args:
        image_features: (B, E), from the CLIP that the captioner was trained on.
        choose: how the next token is chosen, `greedy` or what `top_p` returns; not looked at with several beams.
        beams: how many texts are kept side by side, 1 for none but the one.
        max_tokens: where a caption is cut at the latest; not given, where the language model's context ends.

    Raises:
        ValueError: image vectors of another length, a tokenizer of another vocabulary, or more tokens than there is
            room for behind the prefix.
    """
    model = captioner.language_model
    check_vocabulary(tokenizer, model.config)
    if max_tokens is None:
        max_tokens = model.config.context_length - captioner.config.prefix_length
    rows: list[list[int]] = []
    for part in image_features.split(BATCH):
        prefix = captioner.prefix(part)  # (B, N, D)
        end, most = tokenizer.end_id, max_tokens
        if beams == 1:
            rows += generate(model, prefix, end_id=end, max_tokens=most, choose=choose)
        else:
            rows += generate_beam(model, prefix, end_id=end, max_tokens=most, beams=beams)
    return [tokenizer.decode(row) for row in rows]
