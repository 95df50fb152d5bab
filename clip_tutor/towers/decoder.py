"""LocCa's decoder: a transformer that reads the tokens of an image and says what is there, and where.

    ids      (B, T)        a row of text about each image, "<caption> a cat"
               │ embed, positions
               ▼
    x        (B, T, D) ──┬─ self-attention ─(+)─┬─ cross-attention ─(+)─┬─ MLP ─(+)─▶ × layers
                         └──────────────────────┘       ▲               └────────┘
    patches  (B, N, D_image) ───────────────────────────┘
               │ LayerNorm, products with the vectors of all ids
               ▼
    logits   (B, T, V)     at each place, what comes after it

It sees patches, not the pooled vector: to say where the cat is, it must find out from them. That is what it is for.
After training it is thrown away, and its reader of patches with it; the patches have learned to be read.

Written token by token, a row is causal: no place sees a later one. In parallel prediction a row shows nothing but
mask tokens, all places see each other, and every word must come from the image.

Sources: Wan et al. 2024 (LocCa); Tschannen et al. 2023 (CapPa), for parallel prediction; Tschannen et al. 2025
(SigLIP 2), section 2.2: the text tower's shapes with half of its layers, and cross-attention.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from clip_tutor.towers.attention import MLP, Activation, Attention
from clip_tutor.towers.checks import check_ids
from clip_tutor.towers.cross_attention import CrossAttention


@dataclass(frozen=True)
class DecoderConfig:
    """The shape of a decoder."""

    vocab_size: int  # V: words, coordinates and tasks, see `clip_tutor.tokenizers.located`
    context_length: int  # T at most
    width: int  # D
    layers: int
    heads: int  # K
    image_width: int  # of the tokens of the image
    activation: Activation = "gelu"


class DecoderBlock(nn.Module):
    """One pre-norm layer: look at the row, look at the image, think."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        D, K = config.width, config.heads
        self.ln_1 = nn.LayerNorm(D)
        self.attention = Attention(D, K)
        self.ln_2 = nn.LayerNorm(D)
        self.cross_attention = CrossAttention(D, config.image_width, K, D // K)
        self.ln_3 = nn.LayerNorm(D)
        self.mlp = MLP(D, config.activation)

    def forward(self, x: Tensor, patches: Tensor, visible: Tensor) -> Tensor:
        """Return (B, T, D) from (B, T, D).

        Args:
            patches: (B, N, D_image).
            visible: (B, T, T), True where place t may see place s.
        """
        x = x + self.attention(self.ln_1(x), visible[:, None])
        x = x + self.cross_attention(self.ln_2(x), patches)
        return x + self.mlp(self.ln_3(x))


class CaptionDecoder(nn.Module):
    """A causal transformer with cross-attention to the tokens of an image.

    >>> decoder = CaptionDecoder(DecoderConfig(600, 16, width=32, layers=1, heads=2, image_width=48))
    >>> decoder(torch.tensor([[599, 5, 17]]), torch.randn(1, 36, 48)).shape
    torch.Size([1, 3, 600])
    """

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.config = config
        D = config.width
        self.token_embedding = nn.Embedding(config.vocab_size, D)
        self.pos_embed = nn.Parameter(0.02 * torch.randn(config.context_length, D))
        self.ln_patches = nn.LayerNorm(config.image_width)
        self.blocks = nn.ModuleList(DecoderBlock(config) for _ in range(config.layers))
        self.ln_final = nn.LayerNorm(D)
        nn.init.normal_(self.token_embedding.weight, std=0.02)

    def forward(self, ids: Tensor, patches: Tensor, visible: Tensor | None = None) -> Tensor:
        """Return (B, T, V): at each place, the logits of what comes after it.

        Args:
            ids: (B, T), a row about each of B images.
            patches: (B, N, D_image), the unpooled tokens of the images.
            visible: (B, T, T), True where place t may see place s; not given, every row is causal.

        Raises:
            ValueError: the rows do not fit the context or the vocabulary, or there are not as many images.
        """
        if len(ids) != len(patches) or patches.shape[-1] != self.config.image_width:
            raise ValueError(
                f"rows about {len(ids)} images, and patches of shape {tuple(patches.shape)}: this decoder reads (B, N, "
                f"{self.config.image_width}) patches, those of image b for row b"
            )
        B, T = ids.shape
        check_ids(ids, self.config.context_length, self.config.vocab_size)
        if visible is None:
            visible = causal(T).to(ids.device).expand(B, T, T)
        x = self.token_embedding(ids) + self.pos_embed[:T]  # (B, T, D)
        patches = self.ln_patches(patches)
        for block in self.blocks:
            x = block(x, patches, visible)
        return self.ln_final(x) @ self.token_embedding.weight.T  # (B, T, V)


def causal(tokens: int) -> Tensor:
    """Return (T, T): True where a place may see another, itself and what comes before it."""
    return torch.ones(tokens, tokens, dtype=torch.bool).tril()
