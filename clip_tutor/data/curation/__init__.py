"""How pairs from the web become a data set: a list of queries, matching and balancing, filters; all over shards.

From end to end, and on many machines: docs/curation_at_scale.md.
"""
