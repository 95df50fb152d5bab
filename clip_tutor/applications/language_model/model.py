"""A causal language model: the text tower's blocks, read at EVERY token to say which one comes next.

    (B, T) ids ─ embed ─▶ (B, T, D) ─ positions, blocks, LayerNorm ─▶ (B, T, D) ─ head ─▶ (B, T, V) logits
                              ▲
    vectors from elsewhere ───┘    logits[:, t] are about token t + 1, and no token sees a later one

CLIP's text tower reads one row of the same states, at the end token, as the caption's vector; a language model keeps
all rows and compares each with the vectors of all V tokens. That is the head: it has no weights of its own, but
those of the token embedding (weight tying, Press & Wolf 2017).

The model's input are embeddings, not ids, so that vectors which are no token's can stand before the words.

Source: Radford et al. 2019 (GPT-2), section 2.3; transformers ``models/gpt2/modeling_gpt2.py``.
"""

import torch
from torch import Tensor, nn

from clip_tutor.applications.language_model.checks import check_embeddings
from clip_tutor.applications.language_model.config import LanguageModelConfig
from clip_tutor.towers.attention import Block
from clip_tutor.towers.checks import check_ids
from clip_tutor.towers.intermediates import Intermediates, collect


class LanguageModel(nn.Module):
    """A decoder of text: predicts each token from those before it.

    >>> model = LanguageModel(LanguageModelConfig(vocab_size=600, context_length=32, width=64, layers=2, heads=2))
    >>> model(model.embed(torch.tensor([[5, 17, 320]]))).shape
    torch.Size([1, 3, 600])
    """

    def __init__(self, config: LanguageModelConfig) -> None:
        super().__init__()
        self.config = config
        D = config.width
        self.token_embedding = nn.Embedding(config.vocab_size, D)
        self.pos_embed = nn.Parameter(torch.empty(config.context_length, D))
        block = (D, config.heads, config.activation, True, None, config.eps)
        self.blocks = nn.Sequential(*(Block(*block) for _ in range(config.layers)))
        self.ln_final = nn.LayerNorm(D, config.eps)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the first weights with GPT-2's scales; ``test_initial_scales_are_gpt2s`` measures each of them.

        Each block adds to the stream twice. The deeper the model, the less each adds at first, so that the sum does
        not grow with the depth.
        """
        nn.init.normal_(self.token_embedding.weight, std=0.02)
        nn.init.normal_(self.pos_embed, std=0.02)
        for block in self.blocks:
            assert isinstance(block, Block)
            for layer in (block.attention.qkv, block.attention.out, block.mlp.fc1, block.mlp.fc2):
                adds = layer in (block.attention.out, block.mlp.fc2)
                nn.init.normal_(layer.weight, std=0.02 * (2 * self.config.layers) ** -0.5 if adds else 0.02)
                nn.init.zeros_(layer.bias)

    def embed(self, token_ids: Tensor) -> Tensor:
        """Return (B, T, D), each token's vector without its position, from (B, T) ids.

        Raises:
            ValueError: the rows do not fit the context, or (on a CPU) hold ids beyond the vocabulary.
        """
        check_ids(token_ids, self.config.context_length, self.config.vocab_size)
        return self.token_embedding(token_ids)

    def forward(self, embeddings: Tensor) -> Tensor:
        """Return (B, T, V): for each place, the logits of the token after it.

        Args:
            embeddings: (B, T, D) without positions, as `embed` gives them; some may come from elsewhere.

        Raises:
            ValueError: there are no tokens, more than the context holds, or vectors of another width.
        """
        return self.head(self.ln_final(self.blocks(self.add_positions(embeddings))))

    def logits(self, token_ids: Tensor) -> Tensor:
        """Return (B, T, V) from (B, T) ids: `embed`, then `forward`."""
        return self(self.embed(token_ids))

    def add_positions(self, embeddings: Tensor) -> Tensor:
        """Return (B, T, D): what goes into the blocks. Arguments and errors are those of `forward`."""
        check_embeddings(embeddings, self.config.context_length, self.config.width)
        return embeddings + self.pos_embed[: embeddings.shape[1]]

    def head(self, states: Tensor) -> Tensor:
        """Return (..., V) logits, each state's products with all token vectors, from (..., D)."""
        return states @ self.token_embedding.weight.T

    def intermediates(self, embeddings: Tensor) -> Intermediates:
        """Return the token states (B, T, D) and attention maps (B, K, T, T) of each block."""
        return collect(self.blocks, self.add_positions(embeddings))
