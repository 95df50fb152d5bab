"""The blind baseline: a language model that is trained on the same captions and never sees an image.

Whatever it gets right about images is known from captions alone: the language prior. It begins with the tokenizer's
start token, where a captioner has its prefix, and its captions are drawn: the likeliest one would be the same for all.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from clip_tutor.applications.captioning.training import CaptionBatches
from clip_tutor.applications.language_model import (
    LanguageModel,
    LanguageModelConfig,
    generate,
    next_token_loss,
    top_p,
)
from clip_tutor.tokenizers import Tokenizer
from clip_tutor.training.schedule import make_optimizer, warmup_cosine

CONTEXT = 64
WIDTH, LAYERS, HEADS = 96, 2, 3
BATCH, PEAK = 32, 3e-3


def train_blind(captions: Sequence[str], tokenizer: Tokenizer, steps: int = 400, seed: int = 0) -> LanguageModel:
    """Return a small language model of these captions; some thirty steps take a second of one core.

    Raises:
        ValueError: the tokenizer has no start token, or there are fewer captions than a batch of 32.
    """
    start = _start(tokenizer)
    batches = CaptionBatches(torch.empty(len(captions), 0), captions, tokenizer, BATCH, seed)
    torch.manual_seed(seed)
    model = LanguageModel(LanguageModelConfig(tokenizer.vocab_size, CONTEXT, WIDTH, LAYERS, HEADS))
    optimizer = make_optimizer(model, weight_decay=0.05)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = warmup_cosine(step, steps, steps // 10, PEAK)
        _, ids = batches.batch(step)
        ids = torch.cat([torch.full((BATCH, 1), start), ids], dim=1)  # (B, 1 + T)
        loss = next_token_loss(model.logits(ids), ids, tokenizer.end_id)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


def blind_captions(model: LanguageModel, tokenizer: Tokenizer, count: int, seed: int = 0) -> list[str]:
    """Return ``count`` captions that the model draws, from all its probability and without an image."""
    prompt = model.embed(torch.full((count, 1), _start(tokenizer)))  # (B, 1, D)
    choose = top_p(1.0, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        rows = generate(model, prompt, end_id=tokenizer.end_id, max_tokens=CONTEXT - 1, choose=choose)
    return [tokenizer.decode(row) for row in rows]


def _start(tokenizer: Tokenizer) -> int:
    if tokenizer.start_id is None:
        raise ValueError("this tokenizer has no start token for captions to begin with: take CLIP's kind")
    return tokenizer.start_id
