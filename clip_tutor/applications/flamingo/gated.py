"""Gated cross-attention: a new layer in a trained language model, which at first does nothing.

    x ──┬─ LayerNorm ─ attention to the images ─ × tanh(α) ─(+)──┬─ LayerNorm ─ MLP ─ × tanh(β) ─(+)─▶
        └─────────────────────────────────────────────────────┘  └──────────────────────────────┘

Both gates, α and β, are learned, and 0 at the start: tanh(0) = 0, the block hands on what it got to the last bit, and
the language model speaks as before. A block with random weights and no gate would spoil its states at once. From
there training opens the gates as far as what comes through is of use.

At 0 the inside of the block gets no gradient, as all of it is multiplied by tanh(α) = 0; the gates do. After their
first step all of it learns: ``test_the_gates_learn_first``.

Sources: Alayrac et al. 2022, section 2.2 and figure 4; flamingo-pytorch ``flamingo_pytorch.py``, class
GatedCrossAttentionBlock.
"""

import torch
from torch import Tensor, nn

from clip_tutor.towers.cross_attention import CrossAttention, FeedForward


class GatedCrossAttention(nn.Module):
    """Add to each token of a text what it finds in the images that it may see.

    Args:
        width: D, of the language model's tokens.
        image_width: of the images' tokens.
        heads: K.
        head_width: numbers of a query, a key and a value.
        mlp_ratio: the MLP is so many times as wide as the tokens.
    """

    def __init__(self, width: int, image_width: int, heads: int = 8, head_width: int = 64, mlp_ratio: int = 4) -> None:
        super().__init__()
        self.ln = nn.LayerNorm(width)
        self.attention = CrossAttention(width, image_width, heads, head_width)
        self.attention_gate = nn.Parameter(torch.zeros(()))
        self.mlp = FeedForward(width, mlp_ratio)
        self.mlp_gate = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor, images: Tensor, mask: Tensor) -> Tensor:
        """Return (B, T, D) from tokens of that shape.

        Args:
            images: (B, images, latents, image_width), the tokens of each image.
            mask: (B, T, images), True where a token may look: see `image_mask`. One that may look nowhere finds zeros.
        """
        # All tokens of an image are seen or hidden together.
        mask = mask.repeat_interleave(images.shape[2], dim=-1)  # (B, T, images · latents)
        found = self.attention(self.ln(x), images.flatten(1, 2), mask)
        x = x + self.attention_gate.tanh() * found
        return x + self.mlp_gate.tanh() * self.mlp(x)
