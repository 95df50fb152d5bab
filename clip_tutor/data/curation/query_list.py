"""The list of queries that a data set is made of: what people write about, as far as an encyclopaedia and WordNet know.

    "0" … "99" · WordNet synsets · words ≥ 100 times · bigrams of PMI ≥ 30 · titles ≥ 70 views
        ──each in lower case, punctuation set off, once──▶ at most 500,000 queries, and a report

CLIP's list (Radford et al. 2021, section 2.2) was never published. MetaCLIP v1 (``build_metadata.py``) made it again,
with these sources in this order and these thresholds.
"""

from __future__ import annotations

import string
from collections.abc import Iterable
from dataclasses import dataclass, field

from clip_tutor.data.curation.text import split_text

Strong = tuple[str, float]  # a text, and how often it occurs, its PMI, or how often it was read
SHOWN = 5  # queries of each source, the most that a report shows


@dataclass(frozen=True)
class Thresholds:
    """What a text needs to become a query: MetaCLIP's values for the English Wikipedia, a few billion words."""

    word_count: int = 100
    bigram_pmi: float = 30.0  # bits; out of reach for a corpus of less than 2³⁰ words
    title_views: int = 70
    most: int = 500_000  # queries


@dataclass
class SourceReport:
    """What became of the texts of one source."""

    offered: int = 0
    too_rare: int = 0  # below the threshold
    refused: int = 0  # blank, nothing but punctuation marks, or the title of a page that is no article
    repeated: int = 0  # in the list before
    left_out: int = 0  # there was no room left
    added: int = 0
    examples: list[str] = field(default_factory=list)  # the first that were added

    def __str__(self) -> str:
        reasons = ("too_rare", "refused", "repeated", "left_out")
        dropped = [f"{getattr(self, why):,} {why.replace('_', ' ')}" for why in reasons if getattr(self, why)]
        shown = f" ({', '.join(self.examples)} …)" if self.examples else ""
        return f"{self.added:,} of {self.offered:,} added{shown}" + "".join(f"; {some}" for some in dropped)


@dataclass
class QueryList:
    """Queries, and where they come from."""

    queries: list[str] = field(default_factory=list)  # as they are matched: "st . louis"
    report: dict[str, SourceReport] = field(default_factory=dict)  # of each source

    def __str__(self) -> str:
        lines = [f"{len(self.queries):,} queries", *(f"  {name}: {said}" for name, said in self.report.items())]
        return "\n".join(lines)


def build_query_list(
    words: Iterable[tuple[str, int]],
    bigrams: Iterable[Strong],
    titles: Iterable[tuple[str, int]] = (),
    synsets: Iterable[str] = (),
    thresholds: Thresholds | None = None,
) -> QueryList:
    """Return the queries that some sources give, the strongest of each source first.

    Args:
        words: each with how often it occurs: ``Counter.items()``, or ``zip(counts.words, counts.word_counts)``.
        bigrams: each with its PMI, as `bigrams_by_pmi` and `best_bigrams` return them.
        titles: of articles, each with how often it was read; ``St._Louis`` or ``St. Louis``.
        synsets: names as WordNet has them (``hot_dog.n.01``), or plain words.
        thresholds: None: the published ones.
    """
    thresholds = thresholds or Thresholds()
    made = QueryList()
    known: set[str] = set()
    _add(made, known, "numbers", ((str(number), 100 - number) for number in range(100)), 0, thresholds.most)
    _add(made, known, "synsets", ((synset_name(name), 0) for name in synsets), 0, thresholds.most)
    _add(made, known, "words", words, thresholds.word_count, thresholds.most)
    _add(made, known, "bigrams", bigrams, thresholds.bigram_pmi, thresholds.most)
    articles = ((_article(title), views) for title, views in titles)
    _add(made, known, "titles", articles, thresholds.title_views, thresholds.most)
    return made


def synset_name(synset: str) -> str:
    """Return what a synset is called.

    >>> synset_name("hot_dog.n.01")
    'hot dog'
    """
    return synset.partition(".")[0].replace("_", " ")


def _article(title: str) -> str:
    """Return a title as one reads it, and nothing for "Talk:Dog" and its like, which are no articles."""
    return "" if ":" in title else title.replace("_", " ")


def _add(made: QueryList, known: set[str], source: str, entries: Iterable[Strong], least: float, most: int) -> None:
    """Add what is strong enough, not there yet, and more than punctuation, as long as there is room."""
    report = made.report[source] = SourceReport()
    strong = []
    for entry in entries:
        report.offered += 1
        if entry[1] >= least:
            strong.append(entry)
    report.too_rare = report.offered - len(strong)
    for text, _ in sorted(strong, key=lambda entry: (-entry[1], entry[0])):
        query = " ".join(split_text(text))
        if not query.strip(string.punctuation + " "):
            report.refused += 1
        elif query in known:
            report.repeated += 1
        elif len(known) >= most:
            report.left_out += 1
        else:
            known.add(query)
            made.queries.append(query)
            report.added += 1
            if len(report.examples) < SHOWN:
                report.examples.append(query)
