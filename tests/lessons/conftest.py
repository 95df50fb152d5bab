"""Each test of a lesson has the look of the course, and leaves screen and settings as they were."""

import pytest

from tests.lab.conftest import clean_up, course_style

__all__ = ["clean_up", "course_style"]


@pytest.fixture(autouse=True)
def _style(course_style: None) -> None:
    pass
