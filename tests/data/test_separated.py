"""CSV and its like: what `csv` and pandas write comes back, and a quote that is out of place swallows nothing."""

import csv
import io
import random
import sys

import pandas as pd
import pytest

from clip_tutor.data.separated import SEPARATORS, Separated, separator_of

ODD = [
    '"',
    '""',
    "'",
    "“",
    "”",
    ",",
    ";",
    "\t",
    "|",
    "\n",
    "\r\n",
    " ",
    "\\",
    "\u2028",
    "\x0b",
    "\x85",
    "é",
    "🐶",
    *(["\0"] if sys.version_info >= (3, 11) else []),  # csv itself refuses it before
]


def rows_of(text: str, is_row: bool = False) -> list[list[str]]:
    table = Separated(io.StringIO(text, newline=""), "captions.csv")
    if is_row:
        table.is_row = lambda cells: len(cells) == 2 and cells[0].endswith(".jpg")
    return [table.heading, *(cells for _, cells in table.rows())]


@pytest.mark.parametrize("separator", SEPARATORS)
def test_what_csv_and_pandas_write_comes_back(separator):
    rng = random.Random(0)
    captions = ["".join(rng.choices([*ODD, "a dog", '12"', "1.jpg"], k=rng.randint(1, 9))) for _ in range(200)]
    rows = [["file_name", "caption"], *([f"{n}.jpg", caption] for n, caption in enumerate(captions))]
    for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC):
        for end in ("\n", "\r\n"):
            written = io.StringIO(newline="")
            csv.writer(written, delimiter=separator, quoting=quoting, lineterminator=end).writerows(rows)
            expected = [row for row in csv.reader(io.StringIO(written.getvalue(), newline=""), delimiter=separator)]
            assert rows_of(written.getvalue()) == expected
    written_by_pandas = pd.DataFrame(rows[1:], columns=rows[0]).to_csv(
        sep=separator, index=False, lineterminator="\r\n"
    )
    assert rows_of(written_by_pandas) == rows


def test_old_macs_ended_lines_otherwise():
    assert rows_of('a,b\r1,"x\ry"\r2,z\r') == [["a", "b"], ["1", "x\ry"], ["2", "z"]]


@pytest.mark.parametrize("row", ['1.jpg,a 12" ruler', '1.jpg,"Stop" sign', '1.jpg,"12" ruler"', "1.jpg,“a dog”"])
def test_a_quote_that_does_not_enclose_a_cell_is_a_quote(row):
    assert rows_of(f"name,caption\n{row}\n2.jpg,a cat\n")[1:] == [row.split(","), ["2.jpg", "a cat"]]


UNCLOSED = ['"a dog\n2.jpg,a cat\n', '"a dog”\n2.jpg,"a cat, brown"\n', '"a dog\n2.jpg,a cat\n3.jpg,a 12"\n4.jpg,a\n']


@pytest.mark.parametrize("rest", UNCLOSED)
@pytest.mark.parametrize("separator", [",", ";"])
def test_a_quote_that_is_never_closed_is_named(separator, rest):
    text = f"name,caption\n0.jpg,a pig\n\n1.jpg,{rest}".replace(",", separator)
    with pytest.raises(ValueError, match=r"the quote that opens in row 4 of captions.csv is never closed: '1.jpg"):
        rows_of(text, is_row=True)


@pytest.mark.parametrize("rest", UNCLOSED)
@pytest.mark.parametrize("separator", ["\t", "|"])
def test_files_that_do_not_quote_have_quotes_in_captions(separator, rest):
    text = f"name,caption\n1.jpg,{rest}".replace(", ", "; ").replace(",", separator)
    names = [cells[0] for cells in rows_of(text, is_row=True)[1:]]
    assert names == [f"{n + 1}.jpg" for n in range(rest.count("\n"))]


def test_a_long_file_after_an_unclosed_quote_is_read_once():
    text = "name,caption\n" + '1,"a dog\n' + "2,a cat that sits on the mat\n" * 100_000
    with pytest.raises(ValueError, match=r"row 2 of captions.csv is never closed"):
        rows_of(text)


def test_blank_lines_and_rows_are_no_rows_but_count():
    table = Separated(io.StringIO("\n  \nname,caption\n\n1.jpg,a\n , \n2.jpg,b"), "captions.csv")
    assert list(table.rows()) == [(5, ["1.jpg", "a"]), (7, ["2.jpg", "b"])]


def test_the_heading_says_what_separates():
    assert [separator_of(heading) for heading in ("a,b", "a;b", "a\tb", "a|b", '"a, b, c";d')] == [*",;\t|;"]
    assert rows_of("") == [[]]
