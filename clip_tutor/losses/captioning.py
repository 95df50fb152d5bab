"""The decoder's loss: cross-entropy with the next token, where the row asks for it.

    row       <referring>  a     cat   ▏12   ▏3    ▏30   ▏22   <end>
    input     <referring>  a     cat   ▏12   ▏3    ▏30   ▏22
    target    –            –     ▏12   ▏3    ▏30   ▏22   <end>        every target stands one place further left

What is given, the task and here the words, is read and not learned to be said: "–" does not count. A caption is given
nothing; a grounded caption its box.

In parallel prediction the input is the task and nothing but mask tokens, and every word is said from the image alone:
a decoder that has seen "a cat on a" needs no image to go on with a color's name, and learns less from it.

Sources: Wan et al. 2024 (LocCa); Tschannen et al. 2023 (CapPa), for parallel prediction; Tschannen et al. 2025
(SigLIP 2), section 2.2: half of the captions are predicted in parallel.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

IGNORED = -100  # PyTorch's own mark for targets that do not count


def captioning_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the mean cross-entropy of the tokens that are asked for, in nats.

    Args:
        logits: (B, T, V), the decoder's.
        targets: (B, T), the token that comes after each place; `IGNORED` where none is asked for.

    Raises:
        ValueError: the two do not belong together, or nothing is asked for.
    """
    if logits.shape[:-1] != targets.shape or not (targets != IGNORED).any():
        raise ValueError(
            f"logits of shape {tuple(logits.shape)} for targets of shape {tuple(targets.shape)}, "
            f"{int((targets != IGNORED).sum())} of which count: give (B, T, V) and (B, T), and ask for something"
        )
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED)


def next_token_targets(ids: Tensor, given: Tensor, end_id: int) -> tuple[Tensor, Tensor]:
    """Return (B, T) ids that the decoder reads, and (B, T) targets: what it should say at each place.

    Args:
        ids: (B, T + 1), rows that end in ``end_id``; what stands behind a row's first one is padding.
        given: (B,), how many ids at a row's beginning are told: none of them is a target.
    """
    targets = ids[:, 1:]
    told = torch.arange(1, ids.shape[1], device=ids.device) < given[:, None]  # (B, T)
    ends = targets == end_id
    padding = ends.cumsum(dim=1) > ends.long()
    return ids[:, :-1], targets.masked_fill(told | padding, IGNORED)


def predict_in_parallel(ids: Tensor, parallel: Tensor, mask_id: int) -> tuple[Tensor, Tensor]:
    """Return the rows as the decoder reads them, and which place of a row may see which.

    Args:
        ids: (B, T), rows that begin with their task.
        parallel: (B,), True where a row is predicted in parallel: all but its task becomes the mask token.
        mask_id: the id of the mask token.

    Returns:
        (B, T) ids and (B, T, T), True where place t may see place s: all of them in a parallel row, in any other one
        none that is later.
    """
    T = ids.shape[1]
    behind_the_task = torch.arange(T, device=ids.device) > 0  # (T,)
    causal = torch.ones(T, T, dtype=torch.bool, device=ids.device).tril()
    return ids.masked_fill(parallel[:, None] & behind_the_task, mask_id), causal | parallel[:, None, None]
