"""The glossary: one file of terms, from which each notebook's table and the page of all of them are made."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from clip_tutor.lab.course.syllabus import Notebook, tomllib

WORDS_HEADING = "### Words you will meet in papers"


@dataclass(frozen=True)
class Term:
    """A word of the field; what each field means stands at the head of ``glossary.toml``."""

    term: str
    plain: str
    notebook: int
    also: tuple[int, ...] = ()


def read_glossary(path: Path) -> tuple[Term, ...]:
    """Return the terms of ``glossary.toml`` in alphabetical order, none if the file is not there.

    Raises:
        ValueError: a field is missing or unknown, or a term comes twice.
    """
    entries = tomllib.loads(path.read_text(encoding="utf-8")).get("term", []) if path.exists() else []
    try:
        terms = [Term(**{**entry, "also": tuple(entry.get("also", ()))}) for entry in entries]
    except TypeError as error:
        raise ValueError(f"glossary.toml: {error}") from None
    names = [term.term for term in terms]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"glossary.toml has these terms twice: {', '.join(twice)}")
    return tuple(sorted(terms, key=lambda term: term.term.lower()))


def words_table(notebook: Notebook, terms: Sequence[Term]) -> str:
    """Return the section of a notebook that lists its words, empty if it has none."""
    rows = [f"| **{one.term}** | {one.plain} |" for one in terms if notebook.number in (one.notebook, *one.also)]
    return "\n".join([WORDS_HEADING, "", "| | |", "|---|---|", *rows]) if rows else ""


def glossary_page(terms: Sequence[Term], course: Sequence[Notebook]) -> str:
    """Return the page of all terms, each with a link to the notebook that explains it."""
    by_number = {notebook.number: notebook for notebook in course}
    head = [
        "# Glossary",
        "",
        "The words of the field as this course uses them, and the notebook that explains each.",
        "",
    ]
    rows = []
    for one in terms:
        notebook = by_number[one.notebook]
        place = f"[{notebook.id}]({notebook.file})" if notebook.ready else notebook.id
        rows.append(f"| **{one.term}** | {one.plain} | {place} |")
    return "\n".join([*head, "| term | what it means | notebook |", "|---|---|---|", *rows]) + "\n"
