"""The exercises of the course: `exercises.py` of each lesson holds those of one notebook, in its tuple ``EXERCISES``.

    reference   the solution, a function or a class: the notebook folds away its source, and makes the stub of its
                signatures and docstrings
    check       calls the reader's function with inputs of its own making, and says what it verified
    mutants     known mistakes, each a wrong function and the thought behind it; an answer that is wrong in just the
                way that one of them is wrong is told so

`tests/lab/test_exercises.py` holds every exercise to this, without being told of it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from clip_tutor.lab.course.syllabus import Notebook, read_syllabus
from clip_tutor.lab.exercises.attempt import Attempt


@dataclass(frozen=True)
class Mutant:
    """A known mistake: a function that makes it, and what one may have thought who made it."""

    function: Callable[..., Any]
    think: str


@dataclass(frozen=True)
class Exercise:
    """One task of a notebook. ``difficulty`` is 1, 2 or 3; ``hints`` unfold one by one, the first is a nudge.

    Attributes:
        kind: a step of the build, or a harder one under *Go further*.
        kept: a part of the learner's own CLIP, which goes into their `my_clip.py`.
        use: how the check uses a class: from the class and arguments to a result. A function is called as it is, unless
            the exercise says how to call it.
    """

    id: str  # "08.1": the first of notebook 08
    title: str
    difficulty: int
    minutes: int
    reference: Callable[..., Any]
    check: Callable[[Attempt], str]
    hints: tuple[str, ...]
    mutants: tuple[Mutant, ...]
    kind: Literal["build", "further"] = "build"
    kept: bool = False
    use: Callable[..., Any] | None = None

    def attempt(self, answer: Callable[..., Any]) -> Attempt:
        """Return an answer ready to be checked."""
        return Attempt(self.as_function(answer), self.id, told=self.use is None)

    def as_function(self, answer: Callable[..., Any]) -> Callable[..., Any]:
        """Return what the check calls: the answer itself, or what ``use`` makes of a class."""
        return partial(self.use, answer) if self.use else answer


def exercises_of(notebook: str) -> tuple[Exercise, ...]:
    """Return the exercises of a notebook ("08"), none if its lesson has no such file."""
    return tuple(exercise for one in read_syllabus() if one.id == notebook for exercise in _exercises(one))


def find_exercise(exercise_id: str) -> Exercise:
    """Return the exercise called, say, "08.1".

    Raises:
        KeyError: there is none.
    """
    there = exercises_of(exercise_id.partition(".")[0])
    for exercise in there:
        if exercise.id == exercise_id:
            return exercise
    ids = ", ".join(exercise.id for exercise in there)
    raise KeyError(f"there is no exercise {exercise_id!r}; this notebook has {ids or 'none'}")


def all_exercises() -> list[Exercise]:
    """Return every exercise of the course, in order."""
    return [exercise for notebook in read_syllabus() for exercise in _exercises(notebook)]


def _exercises(notebook: Notebook) -> tuple[Exercise, ...]:
    module = notebook.lesson_module("exercises")
    return () if module is None else module.EXERCISES
