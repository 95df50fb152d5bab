"""The stills of notebook 08, of a run that is over at once."""

import pytest

from clip_tutor.lessons.nb08_training import stills


@pytest.mark.slow
def test_the_stills_can_be_drawn(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(stills, "MOMENTS", (0, 1, 2))
    stills._run.cache_clear()
    card, board = stills.card(), stills.board()
    stills._run.cache_clear()
    card.draw_without_rendering()
    board.draw_without_rendering()
    assert [axes.get_title(loc="left") for axes in card.axes[:3]] == ["0 steps", "1 steps", "2 steps"]
