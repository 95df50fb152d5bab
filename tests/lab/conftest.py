"""What tests of plots and widgets share: the look of the course, a clean screen, and what a figure says."""

from collections.abc import Iterator
from pathlib import Path

import ipywidgets
import matplotlib
import pytest
from matplotlib.figure import Figure

from clip_tutor.lab import style
from clip_tutor.lab.my_clip import where

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def clean_up() -> Iterator[None]:
    """Leave the screen empty and the settings as they were: both outlive the test that made them."""
    with matplotlib.rc_context():
        yield
    ipywidgets.Widget.close_all()


@pytest.fixture
def course_style(clean_up: None) -> None:
    """Give the figures of one test the look of the course."""
    style.use_style()


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the learner's own file will be."""
    monkeypatch.setenv("CLIP_TUTOR_MY_CLIP", str(tmp_path / "my_clip.py"))
    return where()


def texts(figure: Figure) -> list[str]:
    """Return what is written inside the axes of a figure; a text that matplotlib cannot lay out fails here."""
    figure.draw_without_rendering()
    return [text.get_text() for axes in figure.axes for text in axes.texts]
