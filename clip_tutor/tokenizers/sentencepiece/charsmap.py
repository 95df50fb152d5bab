"""SentencePiece's compiled table of rewritings: which characters become which, for hundreds of thousands of them.

    4 bytes   size of the tree
    tree      one 32-bit unit a node:  "ﬁ" = EF AC 81 ──▶ node ──▶ node ──▶ node ──▶ leaf: 4711
    strings   … \\0 f i \\0 …            what stands at 4711, up to the zero byte

The tree is a double array (Aoe 1989): a node's child for byte b lies at ``node ^ offset ^ b``, and is a child
only if its label is b. So one step costs one look, and the whole tree is one array that a file can hold.

Source: the layout that google/sentencepiece ``src/normalizer.cc`` writes and its copy of Darts-clone reads.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterator

_IS_WORD = 1 << 8  # a rule ends here: the value lies at the child for byte 0
_LABEL = (1 << 31) | 0xFF  # the top bit marks values, which must never pass for a child


def _offset(unit: int) -> int:
    """Return how far a node's children lie away: 22 bits, in steps of 256 where bit 9 says so."""
    return unit >> 10 << ((unit >> 9 & 1) * 8)


class CharsMap:
    """Rules "these bytes become those", looked up by how a text begins.

    Args:
        blob: ``precompiled_charsmap`` of a SentencePiece model; empty for no rules.

    Raises:
        ValueError: the blob is cut off.
    """

    def __init__(self, blob: bytes) -> None:
        self.blob = blob
        size = int.from_bytes(blob[:4], "little")
        if blob and not 4 <= size <= len(blob) - 4:
            raise ValueError(f"the charsmap says that its tree has {size} bytes and is {len(blob)} bytes long: cut off")
        self._units = array("I")
        self._units.frombytes(blob[4 : 4 + size])
        if sys.byteorder == "big":
            self._units.byteswap()
        self._strings = blob[4 + size :]

    def matches(self, text: bytes, start: int) -> Iterator[tuple[int, bytes]]:
        """Yield the rules that fit ``text`` from ``start``, shortest first: how many bytes, and what they become."""
        units = self._units
        if not units:
            return
        node = _offset(units[0])
        for position in range(start, len(text)):
            node ^= text[position]
            if node >= len(units) or units[node] & _LABEL != text[position]:
                return
            unit = units[node]
            node ^= _offset(unit)
            if unit & _IS_WORD:
                at = units[node] & 0x7FFFFFFF
                yield position + 1 - start, self._strings[at : self._strings.index(b"\0", at)]
