"""What a transformer tower computes on its way: the tokens after each block, and who looked at whom.

x ─▶ block 1 ─▶ block 2 ─▶ …          token_states    (B, T, D) after each
       │          │
       ▼          ▼
     maps       maps                  attention_maps  (B, K, T, T) in each; a row adds up to 1
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from torch import Tensor, nn

from clip_tutor.towers.attention import Attention


class Intermediates(NamedTuple):
    """What passed through a tower of L blocks."""

    token_states: list[Tensor]  # 1 + L times (B, T, D): what goes into the first block, and what comes out of each
    attention_maps: list[Tensor]  # L times (B, K, T, T): how each token distributes its attention over all tokens


def collect(blocks: Iterable[nn.Module], x: Tensor, mask: Tensor | None = None) -> Intermediates:
    """Return what passes through ``blocks``.

    Args:
        blocks: `Block` or `PostNormBlock`.
        x: (B, T, D), what goes into the first block.
        mask: (B, 1, 1, T), True where a token may be seen.
    """
    states, maps = [x], []

    def look(attention: nn.Module, arguments: tuple[Any, ...]) -> None:
        assert isinstance(attention, Attention)
        maps.append(attention.weights(*arguments))

    for block in blocks:
        hook = block.get_submodule("attention").register_forward_pre_hook(look)
        try:
            states.append(block(states[-1], mask))
        finally:
            hook.remove()
    return Intermediates(states, maps)
