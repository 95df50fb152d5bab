"""Where a Vision Transformer looks: the attention maps of all its blocks, stacked for the plots."""

import torch
from torch import Tensor

from clip_tutor.towers import VisionTransformer


@torch.no_grad()
def attention_maps(tower: VisionTransformer, pixels: Tensor) -> Tensor:
    """Return (B, L, K, T, T): in each of L blocks and K heads, how each token shares out its look among all tokens.

    A row adds up to 1. Token 0 is the class token, the others are the patches in reading order.

    Raises:
        ValueError: the tower has no class token.
    """
    if tower.cls_token is None:
        raise ValueError("this tower has no class token to look from: take one that pools by it, as CLIP's do")
    return torch.stack(tower.intermediates(pixels).attention_maps, dim=1)
