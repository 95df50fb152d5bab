"""Encodings that say what they are, and an error that says what to do about the others."""

import pytest

from clip_tutor.data.text_files import in_utf8, open_text

TEXT = "file_name,caption\r\n1.jpg,un café 🐶\n"
UNAMBIGUOUS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]


@pytest.mark.parametrize("encoding", UNAMBIGUOUS)
def test_what_says_its_encoding_is_read(tmp_path, encoding):
    (tmp_path / "a.csv").write_bytes(TEXT.encode(encoding))
    with open_text(tmp_path / "a.csv") as lines:
        assert list(lines) == TEXT.splitlines(keepends=True)
    with in_utf8(tmp_path / "a.csv") as file:
        assert file.read_bytes() == TEXT.encode()
        assert (file == tmp_path / "a.csv") == (encoding == "utf-8")


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_code_page_is_an_error_that_names_file_line_and_way_out(tmp_path, encoding, end):
    file = tmp_path / "a.csv"
    file.write_bytes(end.join(["file_name,caption", "1.jpg,a dog", "2.jpg,un café noir"]).encode(encoding))
    said = rf"line 3 of {file} is not UTF-8 text: byte \d+ is 0xe9.*un café noir'.*save the file as UTF-8.*cp1252"
    with pytest.raises(ValueError, match=said), open_text(file) as lines:
        lines.read()


def test_a_code_page_shows_as_late_as_the_last_line(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"1.jpg,a dog\n" * 100_000 + b"2.jpg,caf\xe9\n")
    with pytest.raises(ValueError, match="line 100001 of"), open_text(tmp_path / "a.csv") as lines:
        list(lines)


def test_half_of_a_utf16_letter_is_an_error(tmp_path):
    (tmp_path / "a.csv").write_bytes(TEXT.encode("utf-16")[:-1])
    with (
        pytest.raises(ValueError, match=r"line 2 of .* is not UTF-16 text.*cut off"),
        open_text(tmp_path / "a.csv") as f,
    ):
        f.read()
