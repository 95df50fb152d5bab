"""Which queries occur in a caption: the plain way, query by query.

    "My red car, a beauty"   ["car", "red car", "beaut"]   ──▶  [0, 1]        "beaut" is only a part of a word

For 500,000 queries that is half a million searches a caption: `automaton` finds the same in one walk along the text.

Source: MetaCLIP v1, ``substr_matching``: queries and captions are padded with spaces, and a query is a sub-string.
"""

from __future__ import annotations

from collections.abc import Sequence

from clip_tutor.data.curation.text import pad


def find_queries(caption: str, queries: Sequence[str]) -> list[int]:
    """Return the numbers of the queries that occur in a caption, each once, in their order.

    >>> find_queries("My red car, a beauty", ["car", "red car", "beaut"])
    [0, 1]
    """
    text = pad(caption)
    return [number for number, query in enumerate(queries) if pad(query) in text]
