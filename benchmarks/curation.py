"""Making a data set from web text: a query list from a gigabyte, and matching and balancing a gigabyte of captions.

    python benchmarks/curation.py                    some ten minutes, 3 GB of disk
    python benchmarks/curation.py --gigabytes 0.1    a tenth of it

The text is generated: words as frequent as in real text, and ever new ones. A query list is built in a process of its
own, so that its peak of memory is its own, from a file of lines; what it takes includes reading. Captions are matched
with 500,000 queries and balanced at t = 20,000 on one core. They take turns with the bare automaton, some thousand at a
time: it gets the same captions, padded beforehand, and all that it finds is thrown away. Seconds of matching are those
of the processor, so that whatever else the machine does takes no part. `curation_shards` filters and hashes images, and
lets Ray balance some shards. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from curation_shards import measure_shards, ray_equal
from machine import alone, cpu_name, from_status

from clip_tutor.data.curation.automaton import Matches, QueryMatcher
from clip_tutor.data.curation.balancing import BalanceReport, balance, count_matches
from clip_tutor.data.curation.corpus import CorpusReport, read_lines
from clip_tutor.data.curation.counting_on_disk import count_on_disk
from clip_tutor.data.curation.pmi import best_bigrams
from clip_tutor.data.curation.query_list import Thresholds, build_query_list
from clip_tutor.data.curation.text import BETWEEN, pad_all
from clip_tutor.data.curation.zipf_text import zipf_lines

GIGABYTE = 10**9
PLANTED = 100_000  # different bigrams
BIGRAM_PMI, BIGRAM_COUNT = 10.0, 5  # 30 bits are out of reach for a gigabyte
SENTENCE, CAPTION = 40, 16  # words, the most
AT_ONCE = 1 << 16  # captions of one turn


@dataclass
class ListFigures:
    """What making a query list took."""

    minutes: float
    cpu_minutes: float  # of the processor
    peak_gb: float
    words: int
    queries: int


def generated(size: int, seed: int, longest: int) -> Iterator[str]:
    """Yield lines of text until they have about ``size`` bytes."""
    written = 0
    for line in zipf_lines(size, seed, longest, PLANTED):
        yield line
        written += len(line) + 1
        if written >= size:
            return


def titles(count: int) -> Iterator[tuple[str, int]]:
    """Yield titles of four words, each with how often it was read."""
    for number, line in enumerate(islice(zipf_lines(5 * count, 2, 4), count)):
        yield line.rstrip("."), 70 + number


def make_list(corpus: Path, queries: Path) -> ListFigures:
    """Build a query list from a corpus, and write it to a file."""
    start, cpu_start = time.perf_counter(), time.process_time()
    thresholds = Thresholds(bigram_pmi=BIGRAM_PMI)
    with tempfile.TemporaryDirectory(dir=corpus.parent) as folder:
        counts = count_on_disk(read_lines(corpus, CorpusReport()), folder)
        bigrams = best_bigrams(counts, BIGRAM_PMI, BIGRAM_COUNT, thresholds.most)
    words = zip(counts.words, counts.word_counts.tolist(), strict=True)
    made = build_query_list(words, bigrams, titles(thresholds.most), thresholds=thresholds)
    took, cpu_took = time.perf_counter() - start, time.process_time() - cpu_start
    queries.write_text("\n".join(made.queries), encoding="utf-8")
    print(made, flush=True)
    peak = from_status("VmHWM") * 2**20 / GIGABYTE
    return ListFigures(took / 60, cpu_took / 60, peak, counts.total, len(made.queries))


@dataclass
class MatchFigures:
    """What matching and balancing took, and the bare automaton, in seconds of the processor."""

    captions: int
    seconds: float
    bare_seconds: float
    report: BalanceReport


def cpu_seconds(work: Callable[[], object]) -> float:
    """Return how long the processor is busy with ``work``."""
    start = time.process_time()
    work()
    return time.process_time() - start


def match_all(queries: Path, size: int) -> MatchFigures:
    """Match and balance generated captions, in turns with the bare automaton."""
    matcher = QueryMatcher(queries.read_text(encoding="utf-8").split("\n"))
    found: list[Matches] = []
    captions, ours, bare = generated(size, 1, CAPTION), 0.0, 0.0
    while some := list(islice(captions, AT_ONCE)):
        padded = pad_all(some).split(BETWEEN)

        def match(some: list[str] = some) -> None:
            found.append(matcher.match(some))

        def walk(padded: list[str] = padded) -> None:
            for text in padded:
                deque(matcher.automaton.iter(text), maxlen=0)

        for work in (match, walk) if len(found) % 2 else (walk, match):
            took = cpu_seconds(work)
            ours, bare = ours + took * (work is match), bare + took * (work is walk)
    start = time.process_time()
    counts = count_matches(found, len(matcher.queries))
    ours += time.process_time() - start
    report, first = BalanceReport(t=20_000, seed=0), 0
    for part in found:
        names = [f"{number:09}.jpg" for number in range(first, first + len(part))]
        first += len(part)
        start = time.process_time()
        balance(names, part, counts, report)
        ours += time.process_time() - start
    return MatchFigures(report.pairs, ours, bare, report)


def main() -> None:
    """Measure everything, print a table, then one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--gigabytes", type=float, default=1.0, help="of text, and of captions")
    parser.add_argument("--folder", type=Path, help="for the text, while it runs; without one, the system's")
    options = parser.parse_args()
    size = round(options.gigabytes * GIGABYTE)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        corpus, queries = Path(folder, "corpus.txt"), Path(folder, "queries.txt")
        with open(corpus, "w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in generated(size, 0, SENTENCE))
        written = os.path.getsize(corpus)
        listed = alone(make_list, corpus, queries)
        corpus.unlink()
        matched = alone(match_all, queries, size)
        shards = alone(measure_shards, Path(folder))
        equal = alone(ray_equal, queries, Path(folder))
    share, rate = matched.bare_seconds / matched.seconds, matched.captions / matched.seconds
    per_gb, cpu_per_gb = (minutes * GIGABYTE / written for minutes in (listed.minutes, listed.cpu_minutes))
    print(f"\n{cpu_name()}, numpy {np.__version__}\n")
    for what, value in (
        ("query list", f"{per_gb:10.2f} minutes a gigabyte   {listed.words:,} words, {listed.queries:,} queries"),
        ("of them, the processor's", f"{cpu_per_gb:10.2f} minutes"),
        ("its peak of memory", f"{listed.peak_gb:10.2f} GB"),
        ("matching, balancing", f"{rate:10,.0f} captions a second   {matched.captions:,} of them"),
        ("of the bare automaton", f"{share:10.2f} × its speed"),
        ("ALIGN's filters", f"{shards.filtered:10,.0f} pairs a second   of {shards.bytes_of_pair:,.0f} bytes each"),
        ("perceptual hash", f"{shards.hashed:10,.0f} images a second"),
        ("Ray against one process", f"{'not installed' if equal is None else 'equal' if equal else 'different':>10}"),
    ):
        print(f"{what:26}{value}")
    print(matched.report)
    figures = {
        "match_share_of_automaton": share,
        "captions_matched_per_second": rate,
        "query_list_minutes_per_gb": per_gb,
        "query_list_cpu_minutes_per_gb": cpu_per_gb,
        "query_list_peak_gb": listed.peak_gb,
        "pairs_filtered_per_second": shards.filtered,
        "images_hashed_per_second": shards.hashed,
        "ray_equal": equal,
    }
    print("\n" + json.dumps(figures))


if __name__ == "__main__":
    main()
