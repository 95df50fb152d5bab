"""BERT, the text tower of ALIGN: every word sees every word, and the first row stands for the sentence.

    (B, T) ids ─ words + positions + segment ─ LayerNorm ─▶ (B, T, D) ─ post-norm blocks
      ─▶ row 0, the [CLS] mark ─ projection ─▶ (B, E)

    x ──┬─ attention ─(+)─ LayerNorm ──┬─ MLP ─(+)─ LayerNorm ─▶      "post-norm"
        └──────────────┘               └────────┘

Three things differ from CLIP's text tower. Words look both ways, so padding must be hidden from them. The vector is
read at the FIRST mark, which has seen all the others. And each LayerNorm stands AFTER the addition, as in the first
transformers: no value in the stream outgrows it, but gradients must pass through all of them.
Sources: Devlin et al. 2019; Jia et al. 2021 (ALIGN), section 4; kakaobrain/coyo-align ``align.py``.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from clip_tutor.towers.attention import MLP, Attention


@dataclass(frozen=True)
class BertConfig:
    """The shape of a BERT tower; as it stands, the one in ALIGN's published reproduction (BERT-base, uncased)."""

    vocab_size: int = 30522  # V
    context_length: int = 64  # T at most, both special tokens included
    # Rows in the table of positions. ALIGN's captions are shorter, so rows 64 to 511 of its table were never trained.
    max_positions: int = 512
    width: int = 768  # D
    layers: int = 12
    heads: int = 12  # K
    mlp_width: int = 3072
    eps: float = 1e-12
    pad_id: int = 0

    def __post_init__(self) -> None:
        if self.context_length > self.max_positions:
            raise ValueError(
                f"context_length {self.context_length} needs as many positions, and max_positions is "
                f"{self.max_positions}: raise the second or lower the first"
            )


class PostNormBlock(nn.Module):
    """One post-norm transformer layer: look around and add, normalize; think and add, normalize."""

    def __init__(self, width: int, heads: int, mlp_width: int, eps: float) -> None:
        super().__init__()
        self.attention = Attention(width, heads)
        self.ln_1 = nn.LayerNorm(width, eps)
        self.mlp = MLP(width, "gelu", mlp_width)
        self.ln_2 = nn.LayerNorm(width, eps)

    def forward(self, x: Tensor, mask: Tensor, query: Tensor | None = None) -> Tensor:
        """Return (B, T, D) from (B, T, D).

        Args:
            mask: (B, 1, 1, T), True where a token may be seen.
            query: (B, 1, D) the only row of ``x`` that will be read; the result is then (B, 1, D).
        """
        asks = x if query is None else query
        x = self.ln_1(asks + self.attention(x, mask, query))
        return self.ln_2(x + self.mlp(x))


class BertTower(nn.Module):
    """ALIGN's text tower.

    Args:
        config: the shape of the tower.
        embed_dim: E, the length of the vector that images and captions share.
    """

    def __init__(self, config: BertConfig, embed_dim: int) -> None:
        super().__init__()
        self.config = config
        D = config.width
        self.token_embedding = nn.Embedding(config.vocab_size, D)
        self.pos_embed = nn.Parameter(torch.empty(config.max_positions, D))
        # BERT learned from pairs of sentences and adds to each word which of the two it belongs to.
        # A caption is a first sentence without a second, so only row 0 is ever used.
        self.segments = nn.Parameter(torch.empty(2, D))
        self.ln_embedding = nn.LayerNorm(D, config.eps)
        blocks = (PostNormBlock(D, config.heads, config.mlp_width, config.eps) for _ in range(config.layers))
        self.blocks = nn.ModuleList(blocks)
        self.projection = nn.Linear(D, embed_dim)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the first weights with BERT's one scale, 0.02; ``test_bert_initial_scales`` measures them."""
        for layer in self.blocks.modules():
            if isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight, std=0.02)
                nn.init.zeros_(layer.bias)
        for table in (self.token_embedding.weight, self.pos_embed, self.segments):
            nn.init.normal_(table, std=0.02)
        nn.init.xavier_uniform_(self.projection.weight)
        nn.init.zeros_(self.projection.bias)

    def forward(self, ids: Tensor) -> Tensor:
        """Return (B, E) caption vectors of any length from (B, T) ids.

        Padding is hidden from every word (``test_bert_never_looks_at_padding``), so columns that hold nothing else
        are cut off first: the same vectors for less work.

        Raises:
            ValueError: the rows are longer than the context, begin with padding, or hold ids beyond the vocabulary.
        """
        if ids.shape[1] > self.config.context_length:
            raise ValueError(
                f"these rows have {ids.shape[1]} ids, and this tower reads at most {self.config.context_length}: "
                "tokenize with the tokenizer that came with the model"
            )
        if (largest := int(ids.max())) >= self.config.vocab_size:
            raise ValueError(
                f"these rows hold the id {largest}, and this tower knows ids below {self.config.vocab_size}: "
                "tokenize with the tokenizer that came with the model"
            )
        words = ids != self.config.pad_id  # (B, T)
        if not words[:, 0].all():
            raise ValueError(
                f"row {int((~words[:, 0]).nonzero()[0])} begins with padding (id {self.config.pad_id}), and its vector "
                "is read there: rows begin with the mark [CLS], and padding stands at their end"
            )
        T = int(words.any(dim=0).nonzero().max()) + 1  # of the longest caption
        mask = words[:, None, None, :T]  # (B, 1, 1, T): the same for every head and for every word that looks
        x = self.token_embedding(ids[:, :T]) + self.pos_embed[:T] + self.segments[0]  # (B, T, D)
        x = self.ln_embedding(x)
        *first, last = self.blocks
        for block in first:
            x = block(x, mask)
        return self.projection(last(x, mask, x[:, :1])[:, 0])  # (B, E)
