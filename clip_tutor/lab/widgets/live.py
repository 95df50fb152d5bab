"""A figure that keeps up with something that runs, always in the same place below its cell.

    with Live(training_curve) as show:
        train(model, tokenizer, scenes, config, on_record=show)

What runs comes first: a figure takes a fifth of a second to draw, and a training run would call for one as often.
"""

import time
from collections.abc import Callable
from typing import Any

from IPython.display import DisplayHandle, Image
from matplotlib.figure import Figure

from clip_tutor.lab.widgets.screen import as_png


class Live:
    """Call it with whatever ``draw`` takes; it shows ``draw(...)`` in place of the figure before.

    The first call draws at once, so that a broken figure fails early. A later one draws if ``pause`` seconds have
    passed and drawing took no more than ``share`` of the time; else it is only noted. The end of the ``with`` block
    draws what was noted last. Unlike a widget, the last figure is saved with the notebook.
    """

    def __init__(self, draw: Callable[..., Figure], pause: float = 2.0, share: float = 0.05) -> None:
        self.draw, self.pause, self.share = draw, pause, share
        self._handle: DisplayHandle | None = None
        self._noted: tuple[Any, ...] | None = None
        self._rest_until = 0.0

    def __enter__(self) -> "Live":
        return self

    def __call__(self, *arguments: Any) -> None:
        self._noted = arguments
        if time.perf_counter() >= self._rest_until:
            self._show()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None and self._noted is not None:
            self._show()

    def _show(self) -> None:
        started = time.perf_counter()
        figure = self.draw(*(self._noted or ()))
        image = Image(data=as_png(figure), width=round(figure.get_figwidth() * 100))
        if self._handle is None:
            self._handle = DisplayHandle()
            self._handle.display(image)
        else:
            self._handle.update(image)
        self._noted = None
        self._rest_until = started + max(self.pause, (time.perf_counter() - started) / self.share)
