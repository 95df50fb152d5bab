"""Each test of a lesson has the look of the course, and leaves screen and settings as they were."""

from collections.abc import Callable
from typing import Any

import pytest

from clip_tutor.lab.exercises import find_exercise
from clip_tutor.lab.exercises.attempt import ExerciseError
from tests.lab.conftest import clean_up, course_style

__all__ = ["clean_up", "course_style"]


@pytest.fixture(autouse=True)
def _style(course_style: None) -> None:
    pass


def refusal(exercise_id: str, answer: Callable[..., Any]) -> ExerciseError:
    """Return what the check of an exercise says against an answer."""
    exercise = find_exercise(exercise_id)
    with pytest.raises(ExerciseError) as caught:
        exercise.check(exercise.attempt(answer))
    return caught.value
