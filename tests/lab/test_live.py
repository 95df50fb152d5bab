"""A live figure: first and last call are drawn, in one place, and drawing never takes over."""

import pytest
from IPython.display import DisplayHandle, Image
from matplotlib.figure import Figure

from clip_tutor.lab.widgets import live
from clip_tutor.lab.widgets.live import Live

PNG = b"\x89PNG"


class Screen:
    """Stands in for the clock and the notebook: drawing takes ``cost`` seconds of a time that only moves by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, cost: float) -> None:
        self.now, self.cost = 100.0, cost
        self.drawn: list[tuple] = []
        self.shown: list[str] = []
        monkeypatch.setattr(live.time, "perf_counter", lambda: self.now)
        monkeypatch.setattr(DisplayHandle, "display", lambda _, image: self.keep("display", image))
        monkeypatch.setattr(DisplayHandle, "update", lambda _, image: self.keep("update", image))

    def draw(self, *arguments: int) -> Figure:
        self.now += self.cost
        self.drawn.append(arguments)
        return Figure(figsize=(3, 1))

    def keep(self, how: str, image: Image) -> None:
        assert image.data.startswith(PNG)
        assert image.width == 300
        self.shown.append(how)


def test_the_first_and_the_last_call_are_drawn_in_one_place(monkeypatch: pytest.MonkeyPatch):
    screen = Screen(monkeypatch, cost=0.0)
    with Live(screen.draw, pause=2.0) as show:
        for n in range(4):
            show(n, 10 * n)
    assert screen.drawn == [(0, 0), (3, 30)]
    assert screen.shown == ["display", "update"]


@pytest.mark.parametrize(("cost", "share", "most"), [(0.0, 0.05, 50), (0.5, 0.05, 10), (0.5, 0.5, 50)])
def test_drawing_keeps_to_its_pause_and_its_share(
    monkeypatch: pytest.MonkeyPatch, cost: float, share: float, most: int
):
    screen = Screen(monkeypatch, cost)
    with Live(screen.draw, pause=2.0, share=share) as show:
        while screen.now < 200:
            show(0)
            screen.now += 0.1
    assert most - 2 <= len(screen.drawn) <= most + 1


def test_nothing_is_drawn_twice_and_nothing_without_a_call(monkeypatch: pytest.MonkeyPatch):
    screen = Screen(monkeypatch, cost=0.0)
    with Live(screen.draw):
        pass
    assert screen.drawn == []
    with Live(screen.draw) as show:
        show(1)
    assert screen.drawn == [(1,)]


def test_a_broken_figure_fails_at_the_first_call_and_hides_no_other_error():
    def draw(history: list) -> Figure:
        raise KeyError("loss")

    with pytest.raises(KeyError, match="loss"), Live(draw) as show:
        show([])
    calls: list[int] = []

    def count(n: int) -> Figure:
        calls.append(n)
        return Figure()

    with pytest.raises(RuntimeError, match="out of memory"), Live(count) as show:
        show(1)
        show(2)
        raise RuntimeError("out of memory")
    assert calls == [1]
