"""Begin a notebook: its file with a heading for every section, and the folder of its lesson.

notebooks/09_zero_shot.ipynb
clip_tutor/lessons/nb09_zero_shot/    __init__.py  exercises.py  plots.py  stills.py
"""

from pathlib import Path
from typing import Any

from clip_tutor.lab.course.cells import SECTIONS
from clip_tutor.lab.course.notebook_files import as_text, make_cell
from clip_tutor.lab.course.syllabus import Notebook

UNWRITTEN = "*(to be written)*"
_LESSON = {
    "__init__.py": '"""Notebook {id}, {name}: its exercises, plots and stills."""\n',
    "exercises.py": (
        '"""Exercises of notebook {id}, {name}."""\n\n'
        "from clip_tutor.lab.exercises import Exercise\n\n"
        "EXERCISES: tuple[Exercise, ...] = ()\n"
    ),
    "plots.py": '"""Figures of notebook {id}, {name}: plain functions from data to a matplotlib ``Figure``."""\n',
    "stills.py": '"""The stills of notebook {id}, {name}: a function for each that `course.toml` lists."""\n',
}


def begin(root: Path, notebook: Notebook) -> None:
    """Write a notebook that is listed but not there yet, and what its lesson has no file for.

    Raises:
        FileExistsError: the notebook is there.
    """
    path = root / "notebooks" / notebook.file
    with path.open("x", encoding="utf-8") as file:
        file.write(as_text(new_notebook()))
    folder = root / "clip_tutor" / "lessons" / notebook.lesson
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in _LESSON.items():
        if not (folder / name).exists():
            filled = text.format(id=notebook.id, name=notebook.name.replace("_", " "))
            (folder / name).write_text(filled, encoding="utf-8")


def new_notebook() -> dict[str, Any]:
    """Return a notebook with nothing but the headings of its sections."""
    cells = [
        make_cell("markdown", f"## {section}\n\n{UNWRITTEN}", section.lower(), generated=False) for section in SECTIONS
    ]
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    return {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
