"""Words and bigrams: the plain count against a hand-made one, the one on disk against the plain one."""

import random
from collections import Counter
from pathlib import Path

import pytest

from clip_tutor.data.curation import corpus_counts, counting_on_disk
from clip_tutor.data.curation.corpus_counts import open_counts
from clip_tutor.data.curation.counting import count_words
from clip_tutor.data.curation.counting_on_disk import count_on_disk, merge_counts
from clip_tutor.data.curation.zipf_text import zipf_lines


def as_counters(counts):
    words = Counter(dict(zip(counts.words, counts.word_counts.tolist(), strict=True)))
    bigrams = Counter()
    for part in counts.bigrams():
        for first, second, count in zip(*(column.tolist() for column in part), strict=True):
            assert (counts.words[first], counts.words[second]) not in bigrams, "each bigram comes once"
            bigrams[counts.words[first], counts.words[second]] = count
    return words, bigrams


def test_words_and_bigrams_of_a_line():
    words, bigrams = count_words(["The red car. A red car", "a red"])
    assert words == {"the": 1, "red": 3, "car": 2, "a": 2}
    assert bigrams == {("the", "red"): 1, ("red", "car"): 2, ("a", "red"): 2}, "none across a full stop or a line end"


@pytest.mark.parametrize(("block", "run"), [(1, 1), (7, 20), (1 << 20, 1 << 23)])
@pytest.mark.parametrize("seed", range(5))
def test_counting_on_disk_is_exact(tmp_path, monkeypatch, seed, block, run):
    monkeypatch.setattr(counting_on_disk, "BLOCK", block)
    monkeypatch.setattr(counting_on_disk, "RUN", run)
    draw = random.Random(seed)
    words = ["red", "car", "Café", "🐶", "a", "it's", ",", ".", "", "\n", "x" * 30, *(f"w{n}" for n in range(60))]
    lines = [" ".join(draw.choices(words, k=draw.randint(0, 30))) for _ in range(draw.randint(1, 25))]
    counts = count_on_disk((line for line in lines), tmp_path)
    assert as_counters(counts) == count_words(lines)
    assert counts.lines == len(lines)
    assert counts.total == count_words(lines)[0].total()


@pytest.mark.parametrize("lines", [[], ["", " \n"], [". . ."], ["one"]])
def test_corpora_with_next_to_nothing_in_them(tmp_path, lines):
    assert as_counters(count_on_disk(lines, tmp_path)) == count_words(lines)


def test_a_folder_that_was_used_before_is_cleared(tmp_path):
    count_on_disk(["a red car"], tmp_path)
    assert as_counters(count_on_disk(["blue"], tmp_path)) == ({"blue": 1}, {})


def test_many_words_of_a_natural_distribution(tmp_path, monkeypatch):
    monkeypatch.setattr(counting_on_disk, "BLOCK", 5000)
    monkeypatch.setattr(counting_on_disk, "RUN", 20_000)
    lines = list(zipf_lines(60_000, seed=0, planted=10))
    assert as_counters(count_on_disk(lines, tmp_path)) == count_words(lines)


def test_counts_stay_in_their_folder(tmp_path):
    for lines in ([], ["a red car, é \ud83d", "a red"]):
        counted = count_on_disk(lines, tmp_path / "counts")
        found = open_counts(tmp_path / "counts")
        assert found is not None and found.lines == len(lines)
        assert as_counters(found) == as_counters(counted) == count_words(lines)


def test_counts_that_were_not_finished_are_none(tmp_path):
    def broken():
        yield "a red car"
        raise KeyboardInterrupt

    assert open_counts(tmp_path) is None
    count_on_disk(["blue"], tmp_path)
    with pytest.raises(KeyboardInterrupt):
        count_on_disk(broken(), tmp_path)
    assert open_counts(tmp_path) is None


@pytest.mark.parametrize("sizes", [[], [50], [3, 0, 40, 7]])
def test_parts_that_are_merged_count_as_one(tmp_path, sizes):
    lines = list(zipf_lines(3000, seed=len(sizes), planted=20))
    parts, start = [], 0
    for number, size in enumerate(sizes):
        parts.append(count_on_disk(lines[start : start + size], tmp_path / f"{number}"))
        start += size
    whole = merge_counts(parts, tmp_path / "whole")
    assert as_counters(whole) == count_words(lines[:start])
    found = open_counts(tmp_path / "whole")
    assert found is not None
    assert (found.words, found.lines) == (whole.words, start)


def test_one_text_is_not_taken_for_its_letters(tmp_path):
    with pytest.raises(TypeError, match="lines must be several texts"):
        count_on_disk("a red car", tmp_path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
def test_a_full_disk_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(corpus_counts, "_file", lambda folder, number: Path("/dev/full"))
    with pytest.raises(OSError, match=r"No space left on device.*up to twice as much room as the text"):
        count_on_disk(["a red car"], tmp_path)
    assert open_counts(tmp_path) is None
