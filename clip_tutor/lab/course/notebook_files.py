"""Notebooks and README as files: what `course.toml` and the exercises say is written into them.

What an author writes is never touched: generated cells are known by their metadata, see `cells`.
"""

import copy
import json
import re
from pathlib import Path
from typing import Any

from clip_tutor.lab.course.cells import EXERCISES_END_BEFORE, course_table, generated_cells
from clip_tutor.lab.course.formatting import formatted
from clip_tutor.lab.course.glossary import glossary_page, read_glossary
from clip_tutor.lab.course.minutes import minutes
from clip_tutor.lab.course.syllabus import parse_syllabus, tomllib
from clip_tutor.lab.exercises import exercises_of

CHECKOUT = Path(__file__).parents[3]
_TABLE = re.compile(r"(?<=<!-- course:start -->\n).*?(?=<!-- course:end -->)", re.DOTALL)


def update(root: Path, check: bool = False) -> list[str]:
    """Bring the notebooks and the README below ``root`` up to date, and return which of them had drifted.

    With ``check`` nothing is written.

    Raises:
        ValueError: the README has no place for the table, or a notebook has the same generated cell twice.
    """
    repository = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]["Repository"]
    course_file = root / "notebooks" / "course.toml"
    old_course = course_file.read_text(encoding="utf-8")
    there = {
        notebook.number: json.loads(path.read_text(encoding="utf-8"))
        for notebook in parse_syllabus(old_course)
        if (path := root / "notebooks" / notebook.file).exists()
    }
    new_course = with_minutes(old_course, there)
    course = parse_syllabus(new_course)
    texts = {course_file: new_course} if new_course != old_course else {}
    terms = read_glossary(root / "notebooks" / "glossary.toml")
    if terms:
        page = root / "notebooks" / "glossary.md"
        text = glossary_page(terms, course)
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            texts[page] = text
    for notebook in course:
        if (old := there.get(notebook.number)) is None:
            continue
        new = with_generated_cells(old, generated_cells(notebook, course, repository, terms))
        new["cells"] = [formatted(cell) for cell in new["cells"]]
        if new != old:
            texts[root / "notebooks" / notebook.file] = as_text(new)
    readme = root / "README.md"
    old_readme = readme.read_text(encoding="utf-8")
    if not _TABLE.search(old_readme):
        raise ValueError("README.md: put <!-- course:start --> and <!-- course:end --> on lines around the table")
    new_readme = _TABLE.sub(lambda _: course_table(course) + "\n", old_readme)
    if new_readme != old_readme:
        texts[readme] = new_readme
    if not check:
        for path, text in texts.items():
            path.write_text(text, encoding="utf-8")
    return [path.relative_to(root).as_posix() for path in texts]


def with_minutes(course: str, notebooks: dict[int, dict[str, Any]]) -> str:
    """Return the text of ``course.toml`` with the minutes of the notebooks that are there, by number."""
    for notebook in parse_syllabus(course):
        if notebook.number in notebooks:
            cells = [formatted(cell) for cell in notebooks[notebook.number]["cells"]]
            computed = minutes(cells, exercises_of(notebook.id))
            entry = rf"(^number = {notebook.number}\n(?:(?!\[\[).*\n)*?minutes = )\d+"
            course = re.sub(entry, rf"\g<1>{computed}", course, count=1, flags=re.MULTILINE)
    return course


def with_generated_cells(notebook: dict[str, Any], wanted: dict[str, tuple[str, str]]) -> dict[str, Any]:
    """Return a notebook with each generated cell as it should be: brought up to date, added, or taken away."""
    notebook = copy.deepcopy(notebook)
    cells: list[dict[str, Any]] = []
    for cell in notebook["cells"]:
        key = generated_key(cell)
        if key in wanted:
            cell["source"] = _as_lines(wanted[key][1])
        if key is None or key in wanted:
            cells.append(cell)
    there = [key for cell in cells if (key := generated_key(cell))]
    if twice := {key for key in there if there.count(key) > 1}:
        raise ValueError(f"a notebook has generated cells twice: {', '.join(sorted(twice))}")
    order = list(wanted)
    for key in reversed(order):  # so that what comes after a cell is in its place already
        if key not in there:
            cells.insert(_place(key, order, cells), make_cell(*wanted[key], key))
    return {**notebook, "cells": cells}


def _place(key: str, order: list[str], cells: list[dict[str, Any]]) -> int:
    """Return where a generated cell belongs that a notebook does not have: an exercise's before the next of them."""
    keys = [generated_key(cell) for cell in cells]
    if key in ("header", "setup"):
        return int(key == "setup" and "header" in keys)
    if key in ("words", "links"):
        return len(cells) - (key == "words" and keys[-1] == "links")
    following = order[order.index(key) + 1]
    if following in ("words", "links"):
        return next((n for n, cell in enumerate(cells) if _begins(cell, EXERCISES_END_BEFORE)), keys.index(following))
    return keys.index(following)


def generated_key(cell: dict[str, Any]) -> str | None:
    """Return "header", "stub:08.1" and so on for a generated cell, None for one that its author wrote."""
    key: str | None = cell["metadata"].get("clip_tutor")
    return key


def make_cell(kind: str, source: str, key: str, generated: bool = True) -> dict[str, Any]:
    """Return a cell, "markdown" or "code", with the metadata of ``key`` if it is a generated one."""
    metadata = {"clip_tutor": key} if generated else {}
    cell = {"cell_type": kind, "id": re.sub(r"\W+", "-", key), "metadata": metadata, "source": _as_lines(source)}
    return {**cell, "execution_count": None, "outputs": []} if kind == "code" else cell


def _begins(cell: dict[str, Any], heading: str) -> bool:
    return cell["cell_type"] == "markdown" and "".join(cell["source"]).lstrip("# ").startswith(heading)


def _as_lines(source: str) -> list[str]:
    return source.splitlines(keepends=True)


def as_text(notebook: dict[str, Any]) -> str:
    """Return the JSON just as Jupyter writes it."""
    return json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
