"""The loss that trains a language model: cross-entropy with the token that really came next.

ids        a    dog   runs  end   end   end       the row is filled up with end tokens
logits     l₀   l₁    l₂    l₃    l₄    l₅        l₀ should say "dog": every target stands one place further left
targets    dog  runs  end   –     –               what comes after the first end token is ignored

prefix     v₀   v₁    v₂   a    dog   end         with vectors before the words, the LAST of them says the first
targets    –    –     a    dog  end   –
"""

import torch.nn.functional as F
from torch import Tensor

IGNORED = -100  # PyTorch's own mark for targets that do not count


def next_token_loss(logits: Tensor, token_ids: Tensor, end_id: int) -> Tensor:
    """Return the mean cross-entropy of each token given all before it, in nats.

    Args:
        logits: (B, N + T, V) of N vectors of a prefix, possibly none, and the T tokens after them.
        token_ids: (B, T). Whatever stands behind a row's first end token is padding and does not count; without a
            prefix the first token, which nothing predicts, may be an end token, as GPT-2's texts begin.
        end_id: the end token.

    Raises:
        ValueError: there are fewer logits than tokens, or a single token and no prefix: nothing is predicted.
    """
    N = logits.shape[1] - token_ids.shape[1]
    if N < 0 or (N == 0 and token_ids.shape[1] == 1):
        raise ValueError(
            f"{logits.shape[1]} places predict nothing of {token_ids.shape[1]} tokens: pass the logits of the whole "
            "text, the prefix included; a text without a prefix needs two tokens or more"
        )
    predictions = logits[:, max(N - 1, 0) : -1]  # (B, T, V), or (B, T - 1, V) without a prefix
    targets = token_ids[:, -predictions.shape[1] :]
    return F.cross_entropy(predictions.flatten(0, 1), mask_padding(targets, end_id).flatten(), ignore_index=IGNORED)


def mask_padding(targets: Tensor, end_id: int) -> Tensor:
    """Return (B, T) targets with -100, which cross-entropy ignores, for whatever follows a row's first end token."""
    ends = targets == end_id
    return targets.masked_fill(ends.cumsum(dim=1) > ends.long(), IGNORED)
