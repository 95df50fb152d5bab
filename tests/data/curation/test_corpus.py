"""A corpus is read line by line, whatever is wrong with some of them."""

import gzip

import pytest

from clip_tutor.data.curation import corpus
from clip_tutor.data.curation.corpus import CorpusReport, read_lines


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("packed", [False, True])
def test_lines_come_one_by_one(tmp_path, packed, start):
    data = start + "un café\r\n\nno end 🐶".encode()
    (tmp_path / "corpus").write_bytes(gzip.compress(data) if packed else data)
    report = CorpusReport()
    assert [line.rstrip("\r\n") for line in read_lines(tmp_path / "corpus", report)] == ["un café", "", "no end 🐶"]
    assert report == CorpusReport(lines=3)


def test_an_empty_file_has_no_lines(tmp_path):
    (tmp_path / "corpus").touch()
    report = CorpusReport()
    assert list(read_lines(tmp_path / "corpus", report)) == []
    assert report == CorpusReport()


def test_lines_that_are_not_utf8_are_left_out_counted_and_named(tmp_path):
    (tmp_path / "corpus").write_bytes(b"first\n" + b"caf\xe9\n" * 30 + b"last\n")
    report = CorpusReport()
    assert list(read_lines(tmp_path / "corpus", report)) == ["first\n", "last\n"]
    assert (report.lines, report.broken, len(report.problems)) == (2, 30, 20)
    assert report.problems[f"line 2 of {tmp_path / 'corpus'}"] == "is not UTF-8: byte 3 is 0xe9"
    assert str(report).startswith("2 lines read, 30 broken ones left out\n  line 2 of ")


def test_a_file_in_another_encoding_is_refused(tmp_path):
    (tmp_path / "corpus").write_bytes("a cat\n".encode("utf-16"))
    with pytest.raises(ValueError, match="is UTF-16, and a corpus is read as UTF-8"):
        list(read_lines(tmp_path / "corpus", CorpusReport()))


def test_an_archive_that_was_cut_off_gives_what_it_has(tmp_path):
    text = "".join(f"line {number} {number * 7919 % 10007}\n" for number in range(50_000))
    (tmp_path / "corpus.gz").write_bytes(gzip.compress(text.encode())[:-2000])
    report = CorpusReport()
    lines = list(read_lines(tmp_path / "corpus.gz", report))
    assert text.startswith("".join(lines))
    assert 0 < report.lines == len(lines) < 50_000
    (why,) = report.problems.values()
    assert "is damaged after line" in why


def test_a_text_without_line_ends_comes_in_parts_that_end_at_words(tmp_path, monkeypatch):
    monkeypatch.setattr(corpus, "LONGEST", 20)
    text = "the quick brown fox jumps over the lazy dog again and again"
    (tmp_path / "corpus").write_text(f"{text}\nshort\n{'x' * 45}\ncaf", "utf-8")
    report = CorpusReport()
    parts = list(read_lines(tmp_path / "corpus", report))
    assert " ".join(parts[:-5]).split() == text.split()
    assert parts[-5:] == ["short\n", "x" * 20, "x" * 20, "x" * 5 + "\n", "caf"]
    assert report.broken == 0


def test_a_broken_part_has_the_number_of_its_line(tmp_path, monkeypatch):
    monkeypatch.setattr(corpus, "LONGEST", 20)
    (tmp_path / "corpus").write_bytes(b"one two three four five six seven \xe9 eight\n\xe9\n")
    report = CorpusReport()
    list(read_lines(tmp_path / "corpus", report))
    assert [name.split()[1] for name in report.problems] == ["1", "2"]
