"""The loss that trains a Flamingo: each token of an answer given the image, and nothing else.

    ids      the  <image>  a    dog  end  and  <image>  a    cat  end  end  end
    counts   –    –        a    dog  end  –    –        a    cat  end  –    –

A token counts between an image's mark and the first end token behind it. What stands ahead of the first image
depends on none. The mark is put there, never written. What follows an end token, be it text or padding, belongs to no
image. Only the new layers learn, and they would learn from all of these how text goes, not how images look.

Source: OpenFlamingo ``train/train_utils.py``, function train_one_epoch, whose ``<|endofchunk|>`` is the end token.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from clip_tutor.applications.language_model.loss import IGNORED


def answer_targets(token_ids: Tensor, image_id: int, end_id: int) -> Tensor:
    """Return (B, T) ids with -100, which cross-entropy ignores, for all that is no answer to an image.

    Args:
        token_ids: (B, T).
        image_id: the mark that stands where an image belongs.
        end_id: the token that ends an answer; it counts, too.
    """
    marks, ends = token_ids == image_id, token_ids == end_id
    ended = ends.cumsum(dim=1) - ends.long()  # (B, T): end tokens before each token
    ended_by_mark = torch.where(marks, ended, 0).cummax(dim=1).values  # (B, T): those before the last mark
    counts = marks.cumsum(dim=1).bool() & ~marks & (ended == ended_by_mark)
    return token_ids.masked_fill(~counts, IGNORED)


def flamingo_loss(logits: Tensor, token_ids: Tensor, image_id: int, end_id: int) -> Tensor:
    """Return the mean cross-entropy of each token of an answer given all before it, in nats.

    Args:
        logits: (B, T, V): those of place t are about token t + 1.
        token_ids: (B, T), texts with a mark for each image; fill short rows up with ``end_id``.
        image_id, end_id: see `answer_targets`.

    Raises:
        ValueError: not one token counts.
    """
    targets = answer_targets(token_ids, image_id, end_id)[:, 1:]  # (B, T - 1): every target moves one place to the left
    if bool((targets == IGNORED).all()):
        raise ValueError(
            f"no token of these {len(token_ids)} rows answers an image: write the mark (id {image_id}) and behind it "
            "the text that the image is to explain"
        )
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), targets.flatten(), ignore_index=IGNORED)
