"""Writing text, the fast way: each token goes through the model once.

No token sees a later one, so whatever was computed of a text's tokens stays right when one is added. All that later
tokens ask of it are its keys and values: these are kept (the KV cache), and a step computes one token instead of T.

    prompt     (B, T, D) ─ all layers ─▶ logits of the last place         keys, values (B, K, T, D/K) of each layer
    a token    (B, 1, D) ─ all layers ─▶ logits                           one more of each; its query sees them all

`generate` and `generate_beam` here give the texts of the plain ones in `generation` and `beam`:
``test_the_cache_changes_no_text``.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from clip_tutor.applications.language_model.beam import Beams
from clip_tutor.applications.language_model.checks import check_prompt
from clip_tutor.applications.language_model.choosing import Choose, greedy
from clip_tutor.applications.language_model.generation import cut_at_end
from clip_tutor.applications.language_model.model import LanguageModel
from clip_tutor.towers.attention import Block


class CachedText:
    """B texts that grow: what a model has computed of them, and what it says comes next.

    Args:
        model: what computes.
        embeddings: (B, T, D), the prompts.
        max_tokens: how many tokens may be appended; memory for all of them is taken at once.

    ``logits`` are (B, V), those of the token after each text.
    """

    def __init__(self, model: LanguageModel, embeddings: Tensor, max_tokens: int) -> None:
        self.model = model
        B, self.length, D = embeddings.shape
        config = model.config
        room = (config.layers, 2, B, config.heads, self.length + max_tokens, D // config.heads)
        self.kept = embeddings.new_empty(room)  # keys and values of each layer
        self.logits = self._read(model.add_positions(embeddings), start=0)

    def append(self, ids: Tensor) -> None:
        """Add one token (B,) to each text."""
        x = self.model.embed(ids[:, None]) + self.model.pos_embed[self.length]  # (B, 1, D)
        self.length += 1
        self.logits = self._read(x, start=self.length - 1)

    def keep(self, rows: Tensor) -> None:
        """Go on with these texts (R,) only, each as often as it is named."""
        self.kept = self.kept[:, :, rows]  # (layers, 2, R, K, T, D/K)

    def _read(self, x: Tensor, start: int) -> Tensor:
        """Return (B, V) from the tokens (B, T, D) that come after the first ``start``."""
        for layer, block in enumerate(self.model.blocks):
            assert isinstance(block, Block)
            query, key, value = block.attention.split_heads(block.ln_1(x))  # (B, K, T, D/K)
            keys, values = self.kept[layer, :, :, :, : self.length]
            keys[:, :, start:], values[:, :, start:] = key, value
            # Only the prompt has tokens that must not see each other: a single new one may see all.
            heads = F.scaled_dot_product_attention(query, keys, values, is_causal=start == 0)
            x = x + block.attention.out(heads.transpose(1, 2).flatten(2))  # (B, T, D)
            x = x + block.mlp(block.ln_2(x))
        return self.model.head(self.model.ln_final(x[:, -1]))


@torch.no_grad()
def generate(
    model: LanguageModel, embeddings: Tensor, *, end_id: int, max_tokens: int, choose: Choose = greedy
) -> list[list[int]]:
    """Return how the model continues each prompt: ids, ending in ``end_id`` unless ``max_tokens`` came first.

    Args:
        embeddings: (B, T, D), prompts of one length, without positions: `LanguageModel.embed`, or any vectors.
        end_id: the token that ends a text.
        choose: `greedy`, or what `top_p` returns.

    Raises:
        ValueError: a prompt is empty, of another width, or has no room in the context for ``max_tokens`` more.
    """
    check_prompt(embeddings, max_tokens, model.config)
    text = CachedText(model, embeddings, max_tokens)
    written = [choose(text.logits)]
    ended = written[0] == end_id  # (B,)
    while len(written) < max_tokens and not ended.all():
        text.append(written[-1])
        written.append(choose(text.logits))
        ended |= written[-1] == end_id
    return cut_at_end(written, end_id)


@torch.no_grad()
def generate_beam(
    model: LanguageModel,
    embeddings: Tensor,
    *,
    end_id: int,
    max_tokens: int,
    beams: int = 5,
    length_penalty: float = 1.0,
) -> list[list[int]]:
    """Return the best continuation of each prompt that ``beams`` texts side by side find.

    All prompts are searched at once: their running texts are the rows of one batch.

    Args:
        embeddings: (B, T, D), as for `generate`.
        end_id: the token that ends a text.
        length_penalty: see `Beams`.

    Returns:
        Ids, ending in ``end_id`` unless ``max_tokens`` came first.

    Raises:
        ValueError: as `generate`, or there are no beams.
    """
    check_prompt(embeddings, max_tokens, model.config)
    searches = [Beams(beams, end_id, max_tokens, length_penalty) for _ in embeddings]
    text = CachedText(model, embeddings, max_tokens)
    while True:
        going = [search for search in searches if not search.done]
        rows: list[int] = []
        ids: list[int] = []
        first = 0  # row of the search's texts
        log_probs = text.logits.log_softmax(dim=-1)  # (R, V)
        for search, own in zip(going, log_probs.split([len(search.running) for search in going]), strict=True):
            of, chosen = search.advance(own)
            rows += [first + row for row in of]
            ids += chosen
            first += len(own)
        if not rows:
            return [search.best for search in searches]
        text.keep(torch.tensor(rows, device=embeddings.device))
        text.append(torch.tensor(ids, device=embeddings.device))
