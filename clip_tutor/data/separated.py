r"""Rows of text files whose cells are separated by commas, semicolons, tabs or bars, as people really have them.

    1.jpg,"a dog, brown"           a cell in quotes may hold the separator and line ends; "" in it is one quote
    1.jpg,a 12" ruler              a quote elsewhere is a quote, and so is
    1.jpg,"Stop" sign              one whose partner does not end the cell
    1.jpg,"a dog                   one that is never closed would swallow the rows that follow:
    2.jpg,a cat                      commas and semicolons ─▶ an error that names the row
                                     tabs and bars ─▶ a quote, for many such files do not quote at all

What `csv` and pandas do with sound files, this does; they take an unclosed quote, too, for the beginning of a caption
that goes on to the next quote of the file, wherever that is.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator

SEPARATORS = ",\t;|"
_MAY_NOT_QUOTE = "\t|"


def separator_of(heading: str) -> str:
    """Return the separator that a heading has most of, outside of quotes."""
    return max(SEPARATORS, key=re.sub(r'"[^"]*"', "", heading).count)


class Separated:
    """The rows of a file, one after the other, each with the number of its first line.

    Args:
        lines: the file's lines, with their ends.
        file: what an error calls it.

    Attributes:
        separator: the one that the heading has most of.
        heading: the cells of the first row that is not blank; none in an empty file.
        is_row: set it once the heading is understood. A quoted cell that goes over several lines is not believed
            where one of them looks like a row of its own.

    Raises:
        ValueError: a quote in the heading is never closed.
    """

    def __init__(self, lines: Iterable[str], file: str) -> None:
        self._lines = enumerate(lines, start=1)
        self._waiting: deque[tuple[int, str]] = deque()  # lines that were read, and are to be read again
        self._file = file
        self.is_row: Callable[[list[str]], bool] = lambda cells: False
        first = next((numbered for numbered in self._lines if numbered[1].strip()), (0, ""))
        self._waiting.append(first)
        self.separator = separator_of(first[1])
        mark = re.escape(self.separator)
        self._quoted = re.compile(rf' *"([^"]*(?:""[^"]*)*)" *(?={mark}|\Z)')
        self._open = re.compile(r' *"[^"]*(?:""[^"]*)*\Z')
        self._plain = re.compile(rf"[^{mark}\r\n]*")
        self.heading = next(self.rows(), (0, list[str]()))[1]

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield (number, cells) of each row that is not blank.

        Raises:
            ValueError: a quote is never closed.
        """
        for number, line in self._next_lines():
            text = line.rstrip("\r\n")
            cells = self._cells(text) if '"' in text else text.split(self.separator)
            if cells is None:
                cells = self._over_several_lines(number, line)
            if any(cell.strip() for cell in cells):
                yield number, cells

    def _next_lines(self) -> Iterator[tuple[int, str]]:
        while following := self._waiting.popleft() if self._waiting else next(self._lines, None):
            yield following

    def _cells(self, text: str) -> list[str] | None:
        """Return the cells of a row; None if a quote is still open, and [] if a line ends in a cell without quotes."""
        cells: list[str] = []
        at = 0
        while True:
            if match := self._quoted.match(text, at):
                cells.append(match[1].replace('""', '"'))
                at = match.end()
            elif self._open.match(text, at):
                return None
            elif match := self._plain.match(text, at):
                cells.append(match[0])
                at = match.end()
            if at == len(text):
                return cells
            if text[at] != self.separator:
                return []
            at += 1

    def _over_several_lines(self, number: int, line: str) -> list[str]:
        """Return the cells of a row whose last cell is still open where its first line ends."""
        parts, more = [line], list[tuple[int, str]]()
        for following in self._next_lines():
            more.append(following)
            parts.append(following[1])
            if self.is_row(following[1].split(self.separator)):
                break
            if '"' in following[1]:
                cells = self._cells("".join(parts).rstrip("\r\n"))
                if cells:
                    return cells
                if cells is not None:  # the next quote of the file ends no cell
                    break
        if self.separator not in _MAY_NOT_QUOTE:
            raise ValueError(
                f"the quote that opens in row {number} of {self._file} is never closed: {line.strip()[:80]!r}. End the "
                'cell with a straight quote ("), and write a quote inside of it twice ("")'
            )
        self._waiting.extendleft(reversed(more))
        return line.rstrip("\r\n").split(self.separator)
