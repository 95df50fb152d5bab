"""Where a Vision Transformer looks: the attention weights that its forward pass makes, uses, and throws away.

pixels ─ stem, class token, positions ─▶ tokens ─┬─ block 1 ─┬─ block 2 ─┬─ …
                                                 ▼           ▼           ▼
                                        who looks at whom, (B, K, T, T) in each
"""

import math

import torch
from torch import Tensor

from clip_tutor.towers import VisionTransformer
from clip_tutor.towers.attention import Block


@torch.no_grad()
def hidden_states(tower: VisionTransformer, pixels: Tensor) -> list[Tensor]:
    """Return the tokens (B, T, D) that go into the first block, and those that come out of each.

    Args:
        tower: one that reads a class token, which is token 0; T = 1 + N.
        pixels: (B, 3, H, W), normalized.

    Raises:
        ValueError: the tower has no class token.
    """
    if tower.cls_token is None:
        raise ValueError("this tower has no class token to look from: take one that pools by it, as CLIP's do")
    patches = tower.patch_embed(pixels)  # (B, N, D)
    cls_token = tower.cls_token.expand(len(patches), 1, -1)  # (B, 1, D)
    stages = [tower.ln_pre(torch.cat([cls_token, patches], dim=1) + tower.pos_embed)]  # (B, T, D)
    for block in tower.blocks:
        stages.append(block(stages[-1]))
    return stages


@torch.no_grad()
def attention_maps(tower: VisionTransformer, pixels: Tensor) -> Tensor:
    """Return (B, L, K, T, T): in each of L blocks and K heads, how each token shares out its look among all tokens.

    A row adds up to 1. Token 0 is the class token, the others are the patches in reading order.
    """
    seen = []
    for block, x in zip(tower.blocks, hidden_states(tower, pixels), strict=False):  # the last stage goes into no block
        assert isinstance(block, Block)
        layer = block.attention
        query, key, _ = layer.qkv(block.ln_1(x)).unflatten(-1, (3, layer.heads, -1)).permute(2, 0, 3, 1, 4)
        scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])  # (B, K, T, T)
        seen.append(scores.softmax(dim=-1))
    return torch.stack(seen, dim=1)
