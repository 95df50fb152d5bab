"""How many pairs of a collection each query occurs in: the pass over all shards that comes before balancing.

    crawl/00000.tar ─ count_shard ─▶ counts/00000.npz      the queries that occur in it, and in how many pairs
    crawl/00001.tar ─ count_shard ─▶ counts/00001.npz      …
                                     └──────────────── added up ─▶ (Q,) counts

A shard that was counted is not counted again: run the same call after any interruption, and it goes on. A shard that
could not be read to its end counts as far as it goes, and is tried again each time, as `curate_shards` does.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clip_tutor.data.curation.automaton import QueryMatcher
from clip_tutor.data.curation.corpus_counts import first_of_each
from clip_tutor.data.curation.records import open_records
from clip_tutor.data.curation.shard_jobs import Places, Shards, clear_drafts, places_of, run_jobs, stamp_of
from clip_tutor.data.shard_files import stem_of
from clip_tutor.data.whole_files import whole_file


@dataclass
class QueryCounts:
    """What a pass over shards has counted."""

    counts: NDArray[np.int64]  # (Q,) how many pairs each query occurs in
    shards: int = 0
    pairs: int = 0
    unmatched: int = 0  # of them, without any query
    faults: dict[str, str] = field(default_factory=dict)  # of shards that could not be read to their end

    def __str__(self) -> str:
        met = int((self.counts > 0).sum())
        lines = [
            f"{self.pairs:,} pairs of {self.shards:,} shards, {self.unmatched:,} of them without a query; "
            f"{met:,} of {len(self.counts):,} queries occur"
        ]
        return "\n".join([*lines, *(f"  {fault}" for fault in self.faults.values())])


def count_shard(matcher: QueryMatcher, shard: str, output: Path) -> None:
    """Write how many pairs of one shard each query occurs in.

    Args:
        shard: a WebDataset archive, as a path or an address, or a Parquet file.
        output: a ``.npz``.

    Raises:
        OSError: the output could not be written; nothing of it is left.
    """
    found: list[NDArray[np.int32]] = []
    said: dict[str, Any] = {"queries": matcher.fingerprint, "source": None, "pairs": 0, "unmatched": 0, "fault": ""}
    try:
        said["source"], records = stamp_of(shard), open_records(shard)
    except (OSError, ValueError) as error:  # gone, cut off, or of another kind: nothing in it can be read
        said["fault"] = str(error)
    else:
        for some in records.read():
            matches = matcher.match([pair.caption for pairs, wrong in some.both() if not wrong for pair in pairs])
            found.append(matches.queries)
            said["pairs"] += len(matches)
            said["unmatched"] += int((matches.counts() == 0).sum())
        said["fault"] = records.fault
    queries = np.sort(np.concatenate([np.zeros(0, np.int32), *found]))  # (K,)
    starts = first_of_each(queries)
    with whole_file(output) as file:
        counts = np.diff(starts, append=len(queries))
        np.savez(file, queries=queries[starts], counts=counts, said=np.array(json.dumps(said)))


def count_shards(matcher: QueryMatcher, shards: Shards, folder: str | Path) -> QueryCounts:
    """Return how many pairs of many shards each query occurs in.

    Args:
        shards: WebDataset archives and Parquet files, one or several; a folder, or ``{00000..00331}`` for a range.
        folder: for the counts of each shard.

    Raises:
        FileNotFoundError: a shard is missing.
        ValueError: two shards have one name, or the folder holds counts of other queries.
        OSError: there is no room on the disk; what was counted stays, and the same call goes on behind it.
    """
    places, todo = begin_counting(matcher, shards, folder)
    run_jobs(partial(count_shard, matcher), todo)
    return add_counts(matcher, places)


# ---- what one process and many do alike ------------------------------------------------------------------------------


def begin_counting(matcher: QueryMatcher, shards: Shards, folder: str | Path) -> tuple[Places, Places]:
    """Return where the counts of each shard go: of all shards, and of those that are not counted.

    Raises:
        FileNotFoundError, ValueError: as `count_shards`.
    """
    places = places_of(shards, folder, lambda shard: f"{stem_of(shard)}.npz")
    clear_drafts(places.values())
    return places, {shard: place for shard, place in places.items() if not _is_counted(matcher, shard, place)}


def add_counts(matcher: QueryMatcher, places: Places) -> QueryCounts:
    """Return the counts of all shards together."""
    clear_drafts(places.values())
    whole = QueryCounts(np.zeros(len(matcher.queries), np.int64))
    for shard, place in places.items():
        with np.load(place) as counted:
            whole.counts[counted["queries"]] += counted["counts"]
            said = json.loads(counted["said"].item())
        whole.shards += 1
        whole.pairs += said["pairs"]
        whole.unmatched += said["unmatched"]
        if said["fault"]:
            whole.faults[shard] = said["fault"]
    return whole


def _is_counted(matcher: QueryMatcher, shard: str, output: Path) -> bool:
    try:
        with np.load(output) as counted:
            said = json.loads(counted["said"].item())
        unchanged = said["source"] == stamp_of(shard)
    except (OSError, KeyError, TypeError, ValueError, EOFError, zipfile.BadZipFile):
        return False
    if said["queries"] != matcher.fingerprint:
        raise ValueError(
            f"{output} counts other queries ({said['queries']}; these are {matcher.fingerprint}): give another folder, "
            "or delete this one"
        )
    return unchanged and not said["fault"]
