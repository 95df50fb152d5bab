"""Writing text with a language model, the plain way: one token at a time, all computed anew for each.

    embeddings (B, T, D) ─ model ─▶ logits of the last place (B, V) ─ choose ─▶ one id a row ─ embed ─▶ (B, 1, D)
         ▲                                                                                                  │
         └──────────────────────────────────────────── append ◀─────────────────────────────────────────────┘

Whatever chooses among V logits makes the style: `greedy` takes the likeliest, `top_p` draws one. Beam search,
which keeps several texts at once, is in `beam`; the fast form, which computes each token once, in `cached`.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from clip_tutor.applications.language_model.checks import check_embeddings, check_room
from clip_tutor.applications.language_model.model import LanguageModel

Choose = Callable[[Tensor], Tensor]  # (B, V) logits to (B,) ids


def greedy(logits: Tensor) -> Tensor:
    """Return (B,): the likeliest token of each row of logits (B, V)."""
    return logits.argmax(dim=-1)


@torch.no_grad()
def generate(
    model: LanguageModel, embeddings: Tensor, *, end_id: int, max_tokens: int, choose: Choose = greedy
) -> list[list[int]]:
    """Return how the model continues each prompt: ids, ending in ``end_id`` unless ``max_tokens`` came first.

    Args:
        embeddings: (B, T, D), prompts of one length, without positions: `LanguageModel.embed`, or any vectors.
        end_id: the token that ends a text.
        choose: `greedy`, or what `top_p` returns.

    Raises:
        ValueError: a prompt is empty, of another width, or has no room in the context for ``max_tokens`` more.
    """
    check_embeddings(embeddings, model.config.context_length, model.config.width)
    check_room(embeddings, max_tokens, model.config.context_length)
    written: list[Tensor] = []
    ended = torch.zeros(len(embeddings), dtype=torch.bool, device=embeddings.device)
    while len(written) < max_tokens and not ended.all():
        logits = model(embeddings)[:, -1]  # (B, V)
        ids = choose(logits).masked_fill(ended, end_id)  # a text that has ended stays so, whatever is chosen
        ended = ended | (ids == end_id)
        written.append(ids)
        embeddings = torch.cat([embeddings, model.embed(ids[:, None])], dim=1)  # (B, T + 1, D)
    return [cut_at_end(row, end_id) for row in torch.stack(written, dim=1).tolist()]


def cut_at_end(ids: list[int], end_id: int) -> list[int]:
    """Return the ids up to the first end token, that included."""
    return ids[: ids.index(end_id) + 1] if end_id in ids else ids
