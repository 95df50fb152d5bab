"""Exercise 06.4: the text tower."""

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clip_tutor.lab.exercises import Exercise, Mutant
from clip_tutor.lab.exercises.attempt import Attempt, demand, describe, same
from clip_tutor.lab.exercises.modules import demand_gradients, demand_names, names_and_shapes, without_gradient
from clip_tutor.lessons.nb06_text_towers.exercises.masking import causal_mask
from clip_tutor.lessons.nb06_text_towers.exercises.reading import END, NEW, captions, read_at_end
from clip_tutor.towers.attention import Block


class MyTextTower(nn.Module):
    """CLIP's text tower: ids go through blocks behind a causal mask, and each caption is read at its end token."""

    def __init__(
        self, vocab_size: int, context_length: int, width: int, blocks: Sequence[nn.Module], embed_dim: int, end_id: int
    ) -> None:
        """Make the parts; width is D, and a block is called as block(x, mask).

        Fresh weights are normal, of standard deviation 0.02 (token_embedding), 0.01 (pos_embed), 1/√D (projection).
        """
        super().__init__()
        self.end_id = end_id
        self.token_embedding = nn.Embedding(vocab_size, width)
        nn.init.normal_(self.token_embedding.weight, std=0.02)
        self.pos_embed = nn.Parameter(0.01 * torch.randn(context_length, width))
        self.blocks = nn.ModuleList(blocks)
        self.ln_final = nn.LayerNorm(width)
        self.projection = nn.Parameter(width**-0.5 * torch.randn(width, embed_dim))

    def token_states(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return (B, T, D), all token states behind ln_final, of ids (B, T); without a mask (T, T) a causal one."""
        T = ids.shape[1]
        x = self.token_embedding(ids) + self.pos_embed[:T]  # (B, T, D)
        seen = causal_mask(T).to(x) if mask is None else mask  # (T, T)
        for block in self.blocks:
            x = block(x, seen)
        return self.ln_final(x)

    def forward(self, ids: Tensor) -> Tensor:
        """Return text features (B, E), of any length, from ids (B, T)."""
        return read_at_end(self.token_states(ids), ids, self.end_id) @ self.projection


_SIZES = (110, 9, 8, 2, 5)  # vocabulary, context, width, blocks, E


def _use_tower(kind: Any, task: str, sizes: tuple[int, ...], *inputs: Any) -> Any:
    """Build a tower, give it known weights, and return one thing that is to be seen of it.

    names       the name and shape of each parameter
    spread      how far the numbers of one fresh parameter spread, in units of what is asked for
    states      the token states of ids, with a mask or without
    features    what forward gives
    gradients   the names of parameters that no gradient reaches
    """
    V, T, D, layers, E = sizes

    def build(tower: Any) -> Any:
        return tower(V, T, D, [Block(D, 2, "gelu") for _ in range(layers)], E, END)

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        mine = build(kind)
        if task == "names":
            return names_and_shapes(mine)
        if task == "spread":
            name, unit = inputs
            return round(mine.get_parameter(name).std().item() / unit, 1)
        theirs = build(MyTextTower)
        torch.manual_seed(1)  # however many random numbers the answer drew to begin with
        with torch.no_grad():
            for weights in theirs.parameters():
                weights.normal_(0.0, 0.4)
    mine.load_state_dict(theirs.state_dict())
    if task == "states":
        return mine.token_states(*inputs)
    if task == "features":
        return mine(*inputs)
    mine(*inputs).square().sum().backward()
    return without_gradient(mine)


def _check_tower(tower: Attempt) -> str:
    right_use = TOWER.as_function(MyTextTower)
    think = "weights are loaded by name and shape; the blocks are found only in an nn.ModuleList"
    demand_names(tower, TOWER, _SIZES, think=think)
    plain = captions((3, 1, 5, 2), 9, 0)
    states, right = (use("states", _SIZES, plain) for use in (tower, right_use))
    demand(
        isinstance(states, Tensor) and states.shape == (4, 9, 8),
        f"the token states are {describe(states)} for 4 captions of 9 tokens",
        "a tensor (4, 9, 8): all of them, nothing is picked yet",
    )
    wrong = [t for t in range(9) if not same(states[:, t].detach(), right[:, t].detach())]
    demand(not wrong, f"other token states, from place {wrong[:1]} on", "the library's, to five digits")
    seen = torch.zeros(9, 9).masked_fill(plain[0] == 0, -torch.inf)  # a mask of one's own
    states, right = (use("states", _SIZES, plain, seen) for use in (tower, right_use))
    demand(same(states, right), "other token states with a mask of one's own", "that mask handed on to every block")
    for ids, about in (
        (plain, "4 captions"),
        (captions((3, 1, 4), 7, 1, END), "rows shorter than the context, padded with end tokens"),
        (captions((3, 5), 9, 2, 0, new=True), f"captions with the id {NEW}, larger than the end token's"),
    ):
        found, right = (use("features", _SIZES, ids) for use in (tower, right_use))
        demand(
            isinstance(found, Tensor) and found.shape == right.shape,
            f"the features are {describe(found)} for {about}",
            f"a tensor {tuple(right.shape)}: one vector a caption",
        )
        demand(same(found, right), f"other features for {about}", "the library's, to five digits")
    demand_gradients(tower, _SIZES, plain)
    for name, unit, said in (
        ("token_embedding.weight", 0.02, "0.02"),
        ("pos_embed", 0.01, "0.01"),
        ("projection", 1 / math.sqrt(256), "1/√D"),
    ):
        spread = tower("spread", (300, 100, 256, 0, 64), name, unit)
        demand(
            spread == 1.0, f"a fresh {name} has a standard deviation of {spread:.1f} times {said}", f"{said}, as CLIP's"
        )
    return "names, all token states, masks, where it is read, the gradients, fresh weights"


class _Placeless(MyTextTower):
    def token_states(self, ids, mask=None):  # type: ignore[no-untyped-def]
        x = self.token_embedding(ids)
        for block in self.blocks:
            x = block(x, causal_mask(ids.shape[1]) if mask is None else mask)
        return self.ln_final(x)


class _Bidirectional(MyTextTower):
    def token_states(self, ids, mask=None):  # type: ignore[no-untyped-def]
        return super().token_states(ids, torch.zeros(ids.shape[1], ids.shape[1]) if mask is None else mask)


class _OwnMaskOnly(MyTextTower):
    def token_states(self, ids, mask=None):  # type: ignore[no-untyped-def]
        return super().token_states(ids)


class _BothMasks(MyTextTower):
    def token_states(self, ids, mask=None):  # type: ignore[no-untyped-def]
        causal = causal_mask(ids.shape[1])
        return super().token_states(ids, causal if mask is None else causal + mask)


class _FirstBlockOnly(MyTextTower):
    def token_states(self, ids, mask=None):  # type: ignore[no-untyped-def]
        x = self.token_embedding(ids) + self.pos_embed[: ids.shape[1]]
        for n, block in enumerate(self.blocks):
            x = block(x, (causal_mask(ids.shape[1]) if mask is None else mask) if n == 0 else None)
        return self.ln_final(x)


class _NoFinal(MyTextTower):
    def token_states(self, ids, mask=None):  # type: ignore[no-untyped-def]
        x = self.token_embedding(ids) + self.pos_embed[: ids.shape[1]]
        for block in self.blocks:
            x = block(x, causal_mask(ids.shape[1]) if mask is None else mask)
        return x


class _Last(MyTextTower):
    def forward(self, ids):  # type: ignore[no-untyped-def]
        return self.token_states(ids)[:, -1] @ self.projection


class _Largest(MyTextTower):
    def forward(self, ids):  # type: ignore[no-untyped-def]
        return self.token_states(ids)[torch.arange(len(ids)), ids.argmax(dim=1)] @ self.projection


class _UnitLength(MyTextTower):
    def forward(self, ids):  # type: ignore[no-untyped-def]
        return F.normalize(super().forward(ids), dim=-1)


class _Unlisted(MyTextTower):
    def __init__(self, V, T, D, blocks, E, end_id):  # type: ignore[no-untyped-def]
        super().__init__(V, T, D, blocks, E, end_id)
        del self.blocks
        self.blocks = list(blocks)  # type: ignore[assignment]


class _Loud(MyTextTower):
    def __init__(self, *arguments):  # type: ignore[no-untyped-def]
        super().__init__(*arguments)
        nn.init.normal_(self.token_embedding.weight)


class _Frozen(MyTextTower):
    def __init__(self, *arguments):  # type: ignore[no-untyped-def]
        super().__init__(*arguments)
        self.pos_embed.requires_grad_(False)


TOWER = Exercise(
    id="06.4",
    title="The text tower",
    difficulty=3,
    minutes=20,
    kept=True,
    reference=MyTextTower,
    use=_use_tower,
    check=_check_tower,
    hints=(
        "`__init__` is the table of names, line by line. The blocks are handed in: `nn.ModuleList(blocks)` tells "
        "PyTorch that they belong to the tower.",
        "`token_states`: look the ids up, add the first T positions, and send x through the blocks one after the "
        "other, each with the mask. `causal_mask(T).to(x)` brings the mask to x's device.",
        "`forward` is one line: `read_at_end` of the token states, and a matrix product with the projection.",
    ),
    mutants=(
        Mutant(_Placeless, "the positions are never added"),
        Mutant(_Bidirectional, "without a mask of one's own every token sees all: then it must be the causal one"),
        Mutant(_OwnMaskOnly, "a mask that is handed in is not used"),
        Mutant(_BothMasks, "the causal mask is added to one that is handed in: that one alone says who sees whom"),
        Mutant(_FirstBlockOnly, "only the first block gets the mask: in the others every token sees all"),
        Mutant(_NoFinal, "ln_final is never used: the last block leaves the stream as long as it has grown"),
        Mutant(_Last, "read at the last place of the row, which is padding in most captions"),
        Mutant(_Largest, "read at the largest id: with a grown vocabulary that is not the end token. Use read_at_end"),
        Mutant(_UnitLength, "the features have length 1: the tower leaves that to whoever compares them"),
        Mutant(_Unlisted, "the blocks stand in a plain list, where PyTorch does not find their weights"),
        Mutant(_Loud, "nn.Embedding draws numbers with a standard deviation of 1: fifty times what CLIP begins with"),
        Mutant(_Frozen, "the positions are not trained: an nn.Parameter asks for its gradient unless told not to"),
    ),
)
