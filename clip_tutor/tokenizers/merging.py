"""The fast way to merge: a queue of pairs instead of a search through the whole word before each merge.

    s → n → o → w</w>            each symbol knows its neighbors
    queue: (rank 7, at o), (rank 40, at s), …           the best pair comes out first

A merge changes only its two neighbors' pairs, so a word of n letters takes about n log n steps. The plain way
(`bpe.encode_word`) looks at every pair before every merge: nothing for "snow", but a web page's ten
thousand letters without a space keep it busy for seconds. The test ``test_the_queue_merges_as_the_steps_do`` holds
the two equal.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from itertools import pairwise


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
    queue: list[tuple[float, int, str, str]] = []  # rank, place of the left symbol, and both symbols
    for left, (one, other) in enumerate(pairwise(symbols)):
        if (found := rank(one, other)) is not None:
            queue.append((found, left, one, other))
    heapq.heapify(queue)
    while queue:
        lowest = queue[0][0]
        touched: list[int] = []
        while queue and queue[0][0] == lowest:
            _, left, one, other = heapq.heappop(queue)
            right = after[left]
            if right < 0 or symbols[left] != one or symbols[right] != other:  # one of the two was merged away since
                continue
            symbols[left] = one + other
            symbols[right] = ""
            after[left] = after[right]
            if after[left] >= 0:
                before[after[left]] = left
            touched += (before[left], left)
            if one_by_one:
                break
        for left in touched:
            if left >= 0 and symbols[left] and after[left] >= 0:
                one, other = symbols[left], symbols[after[left]]
                if (found := rank(one, other)) is not None:
                    heapq.heappush(queue, (found, left, one, other))
    return [symbol for symbol in symbols if symbol]
