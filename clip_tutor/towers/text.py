"""The text tower: a transformer in which one token's vector stands for the sentence.

    (B, T) ids ─ embedding, positions ─▶ (B, T, D) ─ blocks ─ LayerNorm ─▶ one row ─ projection ─▶ (B, E)

    CLIP      no token sees a later one   the row at the end token, which alone has seen every word
    SigLIP    every token sees all        the last of 64 places (in one model 16), padding in most captions

Sources: openai/CLIP ``clip/model.py``, class CLIP, encode_text; the initial scales are those of GPT-2;
google-research/big_vision ``models/proj/image_text/text_transformer.py``.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from clip_tutor.towers.attention import Activation, Block
from clip_tutor.towers.checks import check_ids
from clip_tutor.towers.intermediates import Intermediates, collect
from clip_tutor.towers.single_query import forward_blocks

StatesLayer = Literal[-1, -2]  # behind the last block, or behind the one before it


@dataclass(frozen=True)
class TextConfig:
    """The shape of a text tower; what is not said is CLIP's."""

    vocab_size: int  # V
    context_length: int  # T at most, both special tokens included
    width: int  # D
    layers: int
    heads: int  # K
    activation: Activation = "quick_gelu"
    mlp_width: int | None = None  # inside each block's MLP; 4 · D if not given
    causal: bool = True
    pool: Literal["eot", "last"] = "eot"  # the end token, or the last place of the row
    projection_bias: bool = False
    eps: float = 1e-5  # of every LayerNorm

    @property
    def whole_rows(self) -> bool:
        """Whether a row must have as many ids as the context is long, padding included."""
        return self.pool == "last"

    def __post_init__(self) -> None:
        if self.causal != (self.pool == "eot"):
            raise ValueError(
                f"causal={self.causal} and pool={self.pool!r} do not fit: only in a causal tower is the padding behind "
                "the end token without effect, and only a tower that sees everything can be read at its last place"
            )


class TextTower(nn.Module):
    """A text tower made of transformer blocks: CLIP's or SigLIP's.

    Args:
        config: the shape of the tower.
        embed_dim: E, the length of the vector that images and captions share.
    """

    def __init__(self, config: TextConfig, embed_dim: int) -> None:
        super().__init__()
        self.config = config
        D = config.width
        self.token_embedding = nn.Embedding(config.vocab_size, D)
        self.pos_embed = nn.Parameter(torch.empty(config.context_length, D))
        block = (D, config.heads, config.activation, config.causal, config.mlp_width, config.eps)
        self.blocks = nn.Sequential(*(Block(*block) for _ in range(config.layers)))
        self.ln_final = nn.LayerNorm(D, config.eps)
        self.projection = nn.Parameter(torch.empty(D, embed_dim))
        self.projection_bias = nn.Parameter(torch.zeros(embed_dim)) if config.projection_bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the first weights with CLIP's scales: the deeper the tower, the smaller each layer's first contribution.

        ``test_initial_scales`` measures each of them.
        """
        D, layers = self.config.width, self.config.layers
        nn.init.normal_(self.token_embedding.weight, std=0.02)
        nn.init.normal_(self.pos_embed, std=0.01)
        nn.init.normal_(self.projection, std=D**-0.5)
        for block in self.blocks:
            assert isinstance(block, Block)
            nn.init.normal_(block.attention.qkv.weight, std=D**-0.5)
            nn.init.normal_(block.attention.out.weight, std=D**-0.5 * (2 * layers) ** -0.5)
            nn.init.normal_(block.mlp.fc1.weight, std=(2 * D) ** -0.5)
            nn.init.normal_(block.mlp.fc2.weight, std=D**-0.5 * (2 * layers) ** -0.5)

    def forward(self, ids: Tensor) -> Tensor:
        """Return (B, E) caption vectors of any length from (B, T) ids.

        Raises:
            ValueError: the rows do not fit the context, or (on a CPU) hold ids beyond the vocabulary.
        """
        x = self.embed(ids)  # (B, T, D)
        x = forward_blocks(self.blocks, x, self.token_index(ids))  # (B, D): what self.blocks(x) has at that token
        features = self.ln_final(x) @ self.projection  # (B, E)
        return features if self.projection_bias is None else features + self.projection_bias

    def embed(self, ids: Tensor) -> Tensor:
        """Return (B, T, D): what goes into the blocks, each token's vector and its place's."""
        check_ids(ids, self.config.context_length, self.config.vocab_size, self.config.whole_rows)
        return self.token_embedding(ids) + self.pos_embed[: ids.shape[1]]

    def token_index(self, ids: Tensor) -> Tensor:
        """Return (B,): at which token each caption is read.

        In a causal tower it is the end token, found by ``argmax`` because that one has the largest id:
        ``test_end_mark_is_the_largest_id``. The padding behind it is never seen: ``test_padding_cannot_leak``.
        """
        if self.config.pool == "eot":
            return ids.argmax(dim=1)
        return torch.full((len(ids),), ids.shape[1] - 1, device=ids.device)

    def encode_text_states(self, ids: Tensor, layer: StatesLayer = -1) -> Tensor:
        """Return (B, T, D): what each token has become, neither pooled nor projected, from (B, T) ids.

        Stable Diffusion's image looks at all of them, those of the padding, too: in a causal tower no caption's vector
        depends on what fills the row behind its end token, but these states do. See `prompt_ids` in
        `clip_tutor.applications.diffusion`, which fills rows as either version did.

        Args:
            layer: -1, behind the last block (version 1); -2, behind the block before it (version 2). The final
                LayerNorm follows in both.

        Raises:
            ValueError: another layer, or rows that do not fit the context or the vocabulary.

        Sources: CompVis/stable-diffusion ``ldm/modules/encoders/modules.py``, class FrozenCLIPEmbedder;
        Stability-AI/stablediffusion, the same file, class FrozenOpenCLIPEmbedder.
        """
        if layer not in get_args(StatesLayer):
            raise ValueError(
                f"layer is {layer!r}: take -1 for the states behind the last block, as Stable Diffusion 1 does, or -2 "
                "for those behind the block before it, as Stable Diffusion 2 does"
            )
        x = self.embed(ids)  # (B, T, D)
        for block in self.blocks[: len(self.blocks) + 1 + layer]:
            x = block(x)
        return self.ln_final(x)

    def intermediates(self, ids: Tensor) -> Intermediates:
        """Return the token states (B, T, D) and attention maps (B, K, T, T) of each block."""
        return collect(self.blocks, self.embed(ids))
