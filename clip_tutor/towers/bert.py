"""BERT, the text tower of ALIGN: every word sees every word, and the first row stands for the sentence.

    (B, T) ids ─ words + positions + segment ─ LayerNorm ─▶ (B, T, D) ─ post-norm blocks
      ─▶ row 0, the [CLS] mark ─ projection ─▶ (B, E)

Three things differ from CLIP's text tower. Words look both ways, so padding must be hidden from them. The vector is
read at the FIRST mark, which has seen all the others. And each LayerNorm stands after the addition (`PostNormBlock`).
Sources: Devlin et al. 2019; Jia et al. 2021 (ALIGN), section 4; kakaobrain/coyo-align ``align.py``.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from clip_tutor.towers.attention import PostNormBlock
from clip_tutor.towers.checks import check_first_ids, check_ids
from clip_tutor.towers.intermediates import Intermediates, collect
from clip_tutor.towers.single_query import forward_blocks


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
    whole_rows: ClassVar[bool] = False  # padding is hidden, so a row need not have any

    def __post_init__(self) -> None:
        if self.context_length > self.max_positions:
            raise ValueError(
                f"context_length {self.context_length} needs as many positions, and max_positions is "
                f"{self.max_positions}: raise the second or lower the first"
            )


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

        Raises:
            ValueError: the rows are longer than the context, or (on a CPU) begin with padding or hold ids beyond the
                vocabulary.
        """
        x, mask = self.embed(ids)  # (B, T, D), (B, 1, 1, T)
        first = torch.zeros(len(x), dtype=torch.long, device=x.device)  # (B,): the mark [CLS]
        x = forward_blocks(self.blocks, x, first, mask)  # (B, D): what the blocks have at that mark
        return self.projection(x)  # (B, E)

    def embed(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Return (B, T, D), what goes into the blocks, and (B, 1, 1, T), True where a word may be seen.

        No word ever looks at padding: ``test_bert_never_looks_at_padding``.
        """
        check_ids(ids, self.config.context_length, self.config.vocab_size)
        check_first_ids(ids, self.config.pad_id)
        x = self.token_embedding(ids) + self.pos_embed[: ids.shape[1]] + self.segments[0]  # (B, T, D)
        return self.ln_embedding(x), (ids != self.config.pad_id)[:, None, None]

    def intermediates(self, ids: Tensor) -> Intermediates:
        """Return the token states (B, T, D) and attention maps (B, K, T, T) of each block."""
        return collect(self.blocks, *self.embed(ids))
