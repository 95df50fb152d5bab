"""Writing text with a language model, the plain way: one token at a time, all computed anew for each.

    embeddings (B, T, D) ─ model ─▶ logits of the last place (B, V) ─ choose ─▶ one id a row ─ embed ─▶ (B, 1, D)
         ▲                                                                                                  │
         └──────────────────────────────────────────── append ◀─────────────────────────────────────────────┘

How a token is chosen is in `choosing`. Beam search, which keeps several texts at once, is in `beam`; the fast form
of both, which computes each token once, in `cached`.
"""

import torch
from torch import Tensor

from clip_tutor.applications.language_model.checks import check_prompt
from clip_tutor.applications.language_model.choosing import Choose, greedy
from clip_tutor.applications.language_model.model import LanguageModel


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
    check_prompt(embeddings, max_tokens, model.config)
    written: list[Tensor] = []
    ended = torch.zeros(len(embeddings), dtype=torch.bool, device=embeddings.device)
    while len(written) < max_tokens and not ended.all():
        logits = model(embeddings)[:, -1]  # (B, V)
        ids = choose(logits)
        written.append(ids)
        ended |= ids == end_id
        embeddings = torch.cat([embeddings, model.embed(ids[:, None])], dim=1)  # (B, T + 1, D)
    return cut_at_end(written, end_id)


def cut_at_end(written: list[Tensor], end_id: int) -> list[list[int]]:
    """Return the ids of each row up to its first end token, that included.

    Args:
        written: one tensor (B,) a step. A row that ended goes on being written until all have.
    """
    rows = torch.stack(written, dim=1).tolist()
    return [row[: row.index(end_id) + 1] if end_id in row else row for row in rows]
