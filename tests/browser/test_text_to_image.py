"""Notebook 22 in a browser: the widgets answer to each of their controls."""

from collections.abc import Callable

import pytest

from clip_tutor.lessons.nb22_text_to_image.embeddings import ARC
from tests.browser.conftest import NotebookPage
from tests.browser.controls import turn_all


@pytest.mark.browser
@pytest.mark.slow
def test_the_widgets_answer_to_their_controls(open_notebook: Callable[..., NotebookPage]) -> None:
    notebook = open_notebook("22_text_to_image", only=["draw-board", "film-board", "three-board", "turn-board"])
    notebook.run_all(timeout=900)
    assert notebook.problems() == []
    turn_all(
        notebook,
        "22_draw",
        sliders=[(0, 0.8), (1, 0.05), (2, 0.5)],  # guidance, steps, seed
        text="a star on a black background",
    )
    turn_all(
        notebook,
        "22_film",
        sliders=[(2, 0.9), (0, 0.6), (1, 0.5)],  # frame, guidance, seed
        text="two tiny words",
    )
    turn_all(
        notebook,
        "22_three",
        sliders=[(0, 0.9), (1, 0.5)],  # guidance, seed
        text="a star on a black background",
    )
    turn_all(
        notebook,
        "22_turn",
        sliders=[(0, 0.5), (1, 0.7), (2, 0.5)],  # number, share, seed
        menus=[(0, ARC)],
        text="a huge frog on a white background",
    )
    assert notebook.problems() == []
