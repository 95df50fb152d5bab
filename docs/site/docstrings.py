"""The kit's docstrings as reStructuredText, which they almost are: drawings and `names` need a word to Sphinx.

A paragraph is a drawing when all of it is indented, or when it holds lines, arrows or columns.
"""

import re
from collections.abc import Iterator
from typing import Any

_DRAWN = re.compile(r"[─│┌┐└┘├┤┬┴┼▶◀▲▼╱╲]|\S {3,}\S")
_LIST = re.compile(r"\s*(?:[-*] |\d+\. )")
_CODE_OR_BAR = re.compile(r"(?P<code>(?P<tick>`{1,2})[^`]+(?P=tick))(?P<letter>(?=\w))?|\|")
_SECTION = re.compile(r"(?:Args|Arguments|Returns|Yields|Raises|Attributes|Example|Examples|Note|Source):\s*$")


def drawings_as_they_stand(app: Any, what: str, name: str, of: Any, options: Any, lines: list[str]) -> None:
    """Mark the drawings in a docstring as literal; Sphinx's event ``autodoc-process-docstring``."""
    lines[:] = [line for paragraph in _paragraphs(lines) for line in (*_marked(paragraph), "")]


def _paragraphs(lines: list[str]) -> Iterator[list[str]]:
    paragraph: list[str] = []
    for line in [*lines, ""]:
        if line.strip():
            paragraph.append(line)
        elif paragraph:
            yield paragraph
            paragraph = []


def _marked(paragraph: list[str]) -> list[str]:
    first = paragraph[0]
    if _SECTION.match(first) or _LIST.match(first) or first.lstrip().startswith((">>>", "..")):
        return paragraph
    indented = all(line.startswith("    ") for line in paragraph)
    if indented or any(_DRAWN.search(line) for line in paragraph):
        return [".. code-block:: text", "", *(f"    {line}" for line in paragraph)]
    return _CODE_OR_BAR.sub(_escaped, "\n".join(paragraph)).split("\n")


def _escaped(found: re.Match[str]) -> str:
    """Return code as it stands, apart from a letter that follows (`Module`s), and a bar outside code as a mere bar."""
    if found["code"] is None:
        return r"\|"
    return found["code"] if found["letter"] is None else f"{found['code']}\\ "


def setup(app: Any) -> dict[str, bool]:
    """Let Sphinx call it before the part that reads "Args:" and "Raises:"."""
    app.connect("autodoc-process-docstring", drawings_as_they_stand, priority=400)
    return {"parallel_read_safe": True}
