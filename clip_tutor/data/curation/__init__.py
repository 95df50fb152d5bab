"""How pairs from the web become a data set: a list of queries, matching and balancing, filters; all over shards."""
