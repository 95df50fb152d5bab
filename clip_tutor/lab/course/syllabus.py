"""The course as ``course.toml`` lists it, and where the code of each of its lessons lies."""

import importlib
import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from clip_tutor.assets import asset

if sys.version_info >= (3, 11):
    import tomllib as tomllib  # `notebook_files` takes it from here
else:
    import tomli as tomllib


@dataclass(frozen=True)
class Notebook:
    """One line of the course; what each field means stands at the head of ``course.toml``."""

    number: int
    name: str
    part: str
    title: str
    idea: str
    promise: str
    minutes: int
    needs: str
    builds_on: tuple[int, ...]
    ready: bool
    stills: dict[str, str]

    @property
    def id(self) -> str:
        """Two digits: "08"."""
        return f"{self.number:02}"

    @property
    def file(self) -> str:
        """The notebook's file: "08_training.ipynb"."""
        return f"{self.id}_{self.name}.ipynb"

    @property
    def lesson(self) -> str:
        """The folder of its own code in `clip_tutor.lessons`: "nb08_training"."""
        return f"nb{self.id}_{self.name}"

    def lesson_module(self, part: str) -> ModuleType | None:
        """Return a module of its lesson, "exercises" or "stills", None if the lesson has none."""
        lesson = f"clip_tutor.lessons.{self.lesson}"
        if importlib.util.find_spec(lesson) is None or importlib.util.find_spec(f"{lesson}.{part}") is None:
            return None
        return importlib.import_module(f"{lesson}.{part}")

    def still_file(self, still: str) -> str:
        """Return the file of one of its still images, seen from the notebook."""
        return f"images/{self.id}_{still}.webp"


def read_syllabus(path: Path | None = None) -> tuple[Notebook, ...]:
    """Return every notebook of the course, in order, those still to be written too.

    Raises:
        ValueError: a field is missing or unknown, a number comes twice, or a notebook builds on a later one.
    """
    return parse_syllabus((path or asset("course.toml")).read_text(encoding="utf-8"))


def parse_syllabus(text: str) -> tuple[Notebook, ...]:
    """Return every notebook of a course that is written as ``course.toml`` is; see `read_syllabus`."""
    course = tomllib.loads(text)
    notebooks = tuple(_notebook(entry) for entry in course["notebook"])
    numbers = [notebook.number for notebook in notebooks]
    if numbers != sorted(set(numbers)):
        raise ValueError(f"course.toml: the numbers must rise from notebook to notebook, and they are {numbers}")
    for notebook in notebooks:
        if unknown := [n for n in notebook.builds_on if n not in numbers or n >= notebook.number]:
            raise ValueError(f"course.toml: notebook {notebook.id} cannot build on {unknown}: name earlier notebooks")
    return notebooks


def _notebook(entry: dict[str, Any]) -> Notebook:
    fields = {"ready": False, "stills": {}, **entry}
    fields["builds_on"] = tuple(entry.get("builds_on", ()))
    try:
        return Notebook(**fields)
    except TypeError as error:
        raise ValueError(f"course.toml, notebook {entry.get('number', '?')}: {error}") from None
