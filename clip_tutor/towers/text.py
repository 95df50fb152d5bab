"""CLIP's text tower: a causal transformer whose last word's vector stands for the sentence.

    (B, T) ids ─ embedding, positions ─▶ (B, T, D) ─ causal blocks ─ LayerNorm
      ─▶ the row at the end mark ─ projection ─▶ (B, E)

Source: openai/CLIP ``clip/model.py``, class CLIP, encode_text; the initial scales are those of GPT-2.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from clip_tutor.towers.attention import Activation, Block


@dataclass(frozen=True)
class TextConfig:
    """The shape of a text tower."""

    vocab_size: int  # V
    context_length: int  # T at most, both marks included
    width: int  # D
    layers: int
    heads: int  # K
    activation: Activation = "quick_gelu"


class TextTower(nn.Module):
    """CLIP's text tower.

    Args:
        config: the shape of the tower.
        embed_dim: E, the length of the vector that pictures and captions share.
    """

    def __init__(self, config: TextConfig, embed_dim: int) -> None:
        super().__init__()
        self.config = config
        D = config.width
        self.token_embedding = nn.Embedding(config.vocab_size, D)
        self.positions = nn.Parameter(torch.empty(config.context_length, D))
        blocks = (Block(D, config.heads, config.activation, causal=True) for _ in range(config.layers))
        self.blocks = nn.Sequential(*blocks)
        self.ln_final = nn.LayerNorm(D)
        self.projection = nn.Parameter(torch.empty(D, embed_dim))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the first weights with CLIP's scales: the deeper the tower, the quieter each layer starts.

        ``test_initial_scales`` measures each of them.
        """
        D, layers = self.config.width, self.config.layers
        nn.init.normal_(self.token_embedding.weight, std=0.02)
        nn.init.normal_(self.positions, std=0.01)
        nn.init.normal_(self.projection, std=D**-0.5)
        for block in self.blocks:
            assert isinstance(block, Block)
            nn.init.normal_(block.attention.qkv.weight, std=D**-0.5)
            nn.init.normal_(block.attention.out.weight, std=D**-0.5 * (2 * layers) ** -0.5)
            nn.init.normal_(block.mlp.expand.weight, std=(2 * D) ** -0.5)
            nn.init.normal_(block.mlp.contract.weight, std=D**-0.5 * (2 * layers) ** -0.5)

    def forward(self, ids: Tensor) -> Tensor:
        """Return (B, E) caption vectors of any length from (B, T) ids.

        The vector is read at the end mark, found by ``argmax`` because that mark has the largest id. Since
        no token sees a later one, the padding behind it changes nothing: ``test_padding_cannot_leak``.

        Raises:
            ValueError: the rows are longer than the context, or hold ids beyond the vocabulary.
        """
        T = ids.shape[1]
        if self.config.context_length < T:
            raise ValueError(
                f"these rows have {T} ids, and this tower reads at most {self.config.context_length}: "
                "tokenize with the tokenizer that came with the model"
            )
        if (largest := int(ids.max())) >= self.config.vocab_size:
            raise ValueError(
                f"these rows hold the id {largest}, and this tower knows ids below {self.config.vocab_size}: "
                "tokenize with the tokenizer that came with the model"
            )
        x = self.token_embedding(ids) + self.positions[:T]  # (B, T, D)
        x = self.ln_final(self.blocks(x))
        at_end = x[torch.arange(len(ids), device=ids.device), ids.argmax(dim=1)]  # (B, D)
        return at_end @ self.projection  # (B, E)
