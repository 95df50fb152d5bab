"""The fast way to merge: a queue of pairs instead of a search through the whole word before each merge.

    s → n → o → w</w>            each symbol knows its neighbors
    queue: (rank 7, at o), (rank 40, at s), …           the best pair comes out first

A merge changes only its two neighbors' pairs, so a word of n letters takes about n log n steps. The plain way
(``BPETokenizer.merge_steps``) looks at every pair before every merge, n² steps: nothing for "snow", minutes for a
web page's ten thousand letters without a space. The test ``test_the_queue_merges_as_the_steps_do`` holds them equal.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence


def merge_by_rank(
    symbols: Sequence[str], rank: Callable[[str, str], float | None], one_by_one: bool = False
) -> list[str]:
    """Return ``symbols`` merged until no pair of neighbors has a rank, the lowest rank first, then from the left.

    Args:
        symbols: what a word starts from.
        rank: gives a pair's place in the order of merging, or None for a pair that stays apart.
        one_by_one: let a pair that a merge has just made go before other places of the merged pair, as
            SentencePiece does. CLIP finishes all places of a pair first. It matters only where a merge may
            make a pair of lower rank.
    """
    symbols = list(symbols)
    before = list(range(-1, len(symbols) - 1))
    after = [*range(1, len(symbols)), -1]
    queue: list[tuple[float, int]] = []  # (rank, place of the left symbol)

    def rank_at(left: int) -> float | None:
        if left < 0 or after[left] < 0 or not symbols[left]:
            return None
        return rank(symbols[left], symbols[after[left]])

    def add(left: int) -> None:
        if (found := rank_at(left)) is not None:
            heapq.heappush(queue, (found, left))

    for left in range(len(symbols)):
        add(left)
    while queue:
        lowest = queue[0][0]
        touched: list[int] = []
        while queue and queue[0][0] == lowest:
            _, left = heapq.heappop(queue)
            if rank_at(left) != lowest:  # one of the two was merged away since
                continue
            right = after[left]
            symbols[left] += symbols[right]
            symbols[right] = ""
            after[left] = after[right]
            if after[left] >= 0:
                before[after[left]] = left
            touched += (before[left], left)
            if one_by_one:
                break
        for left in touched:
            add(left)
    return [symbol for symbol in symbols if symbol]
