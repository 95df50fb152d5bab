"""The list of queries: published sources in their order, each query once, and a report of what was left out."""

from dataclasses import replace

from clip_tutor.data.curation.counting_on_disk import count_on_disk
from clip_tutor.data.curation.pmi import best_bigrams
from clip_tutor.data.curation.query_list import Thresholds, build_query_list, synset_name

NUMBERS = [str(number) for number in range(100)]


def test_published_thresholds():
    assert Thresholds() == Thresholds(word_count=100, bigram_pmi=30.0, title_views=70, most=500_000)


def test_sources_come_in_their_order_the_strongest_first():
    made = build_query_list(
        words=[("rare", 99), ("red", 100), ("the", 5000)],
        bigrams=[("red car", 29.9), ("new york", 31.0)],
        titles=[("Some_Film", 69), ("St._Louis", 70), ("Talk:Dog", 9999)],
        synsets=["hot_dog.n.01", "dog.n.01", "dog.n.02"],
    )
    assert made.queries == [*NUMBERS, "dog", "hot dog", "the", "red", "new york", "st . louis"]
    report = made.report
    assert list(report) == ["numbers", "synsets", "words", "bigrams", "titles"]
    assert (report["synsets"].offered, report["synsets"].added, report["synsets"].repeated) == (3, 2, 1)
    assert (report["words"].too_rare, report["bigrams"].too_rare) == (1, 1)
    assert (report["titles"].too_rare, report["titles"].refused, report["titles"].added) == (1, 1, 1)
    assert report["words"].examples == ["the", "red"]
    assert "words: 2 of 3 added (the, red …); 1 too rare" in str(made)


def test_a_query_is_there_once_however_it_is_written():
    made = build_query_list([("7", 500), ("red", 500)], [], titles=[("Red", 100), ("RED", 90)])
    assert made.queries == [*NUMBERS, "red"]
    assert (made.report["words"].repeated, made.report["titles"].repeated) == (1, 2)


def test_punctuation_is_no_query():
    words = [("--", 500), ("!", 500), ("", 500), (" ", 500), ("(", 500), ("c++", 500), ("🐶", 500), (".*", 500)]
    made = build_query_list(words, [])
    assert made.queries == [*NUMBERS, "c++", "🐶"]
    assert made.report["words"].refused == 6


def test_a_full_list_leaves_the_rest_out():
    words = [(f"w{number}", 100 + number) for number in range(50)]
    made = build_query_list(words, [("a b", 40)], thresholds=Thresholds(most=120))
    assert len(made.queries) == 120
    assert made.queries[100] == "w49"
    assert (made.report["words"].left_out, made.report["bigrams"].left_out) == (30, 1)


def test_every_text_is_accounted_for():
    made = build_query_list([("a", 1), ("b", 200), ("B", 150), ("?", 999)], [], thresholds=Thresholds(most=101))
    for source in made.report.values():
        parts = (source.too_rare, source.refused, source.repeated, source.left_out, source.added)
        assert sum(parts) == source.offered


def test_counts_on_disk_give_a_list(tmp_path):
    lines = ["the new york bus", "the new york hat", "the red bus"] * 50
    counts = count_on_disk(lines, tmp_path)
    thresholds = replace(Thresholds(), bigram_pmi=2)
    bigrams = best_bigrams(counts, thresholds.bigram_pmi, 2, thresholds.most)
    made = build_query_list(zip(counts.words, counts.word_counts.tolist(), strict=True), bigrams, thresholds=thresholds)
    assert made.queries[100:] == ["the", "bus", "new", "york", "new york", "red bus", "york hat"]


def test_nothing_in_only_numbers_out():
    assert build_query_list([], []).queries == NUMBERS


def test_names_of_synsets():
    assert [synset_name(name) for name in ("hot_dog.n.01", "dog", "'hood.n.01")] == ["hot dog", "dog", "'hood"]
