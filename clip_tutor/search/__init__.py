"""Image search: images are embedded once and kept; a query is embedded when it comes, and the nearest win.

    folder ─ scan ─▶ encode ─▶ store ─┬─ exact ────────────┐
                                      └─ inverted lists ───┴─▶ hits ─▶ chance: is that a high score?
                                         tuned on text queries

`exact_search` is the plain form of all of it. From a shell: ``python -m clip_tutor.search index ~/Pictures``.
Beyond one machine: `encode_shards`, and docs/search_at_scale.md.
"""

from clip_tutor.search.answer import Answer, Hit
from clip_tutor.search.exact import exact_search
from clip_tutor.search.index import ImageIndex
from clip_tutor.search.shards import encode_shard, encode_shards
from clip_tutor.search.store import Store
from clip_tutor.search.tuning import Tuning
from clip_tutor.search.updating import Update
from clip_tutor.search.vector_index import VectorIndex
from clip_tutor.search.vector_shards import add_shards, read_shard_of_vectors, vector_shards

__all__ = [
    "Answer",
    "Hit",
    "ImageIndex",
    "Store",
    "Tuning",
    "Update",
    "VectorIndex",
    "add_shards",
    "encode_shard",
    "encode_shards",
    "exact_search",
    "read_shard_of_vectors",
    "vector_shards",
]
