"""Each test begins with the look of the course, and leaves screen and settings as they were."""

import pytest

from clip_tutor.lab import style
from tests.lab.conftest import clean_up

__all__ = ["clean_up"]


@pytest.fixture(autouse=True)
def _style(clean_up: None) -> None:
    style.use_style()
