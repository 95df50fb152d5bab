"""A place in a notebook's output that shows the latest figure, table or error, and can be read back by a test.

Everything it shows lies in the values of three widgets, not in an ``Output``: an ``Output`` swallows exceptions, is
empty outside a kernel, and is drawn differently by every front end.
"""

import io
from html import escape
from typing import Any

import ipywidgets
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from clip_tutor.lab.errors import own_line

ERROR_MARK = "clip-tutor-error"  # by which a test finds the red box in a notebook that was run


class Screen(ipywidgets.VBox):
    """Show one thing at a time: ``screen.show(figure)``, ``screen.show(html)``; ``screen.fail(error)`` adds a red box.

    For a live curve: ``screen = Screen()``, ``display(screen)``, and ``screen.show(training_curve(history))`` from
    the training loop's callback.
    """

    error: Exception | None = None

    def __init__(self) -> None:
        self.image = ipywidgets.Image(format="png", layout={"max_width": "100%", "display": "none"})
        self.html = ipywidgets.HTML()
        self.message = ipywidgets.HTML()
        super().__init__([self.message, self.image, self.html])

    def show(self, drawn: Any) -> None:
        """Show a matplotlib figure, an HTML string, or whatever has an HTML form (a pandas table), and no error.

        Raises:
            TypeError: it is none of these.
        """
        if isinstance(drawn, Figure):
            self.image.value = as_png(drawn)
            self.image.width = str(round(drawn.get_figwidth() * 100))
        else:
            self.html.value = _html(drawn)
        is_figure = isinstance(drawn, Figure)
        self.image.layout.display = None if is_figure else "none"
        self.html.layout.display = "none" if is_figure else None
        self.message.value = ""
        self.error = None

    def fail(self, error: Exception) -> None:
        """Say in red what went wrong, above the last good image, and keep the error in ``.error``."""
        self.error = error
        self.message.value = error_box(error, own_line(error))


def error_box(error: Exception, line: str = "") -> str:
    """Return in HTML what went wrong, and the line of code that led to it, if it says anything to the reader."""
    said = error.args[0] if isinstance(error, KeyError) and error.args else error
    text = escape(str(said)) + (f"<br><code>{escape(line)}</code>" if line else "")
    return (
        f'<div class="{ERROR_MARK}" role="alert" style="border-left:4px solid #C62828;background:#FDECEA;'
        f'color:#7F1D1D;padding:6px 10px;line-height:1.5"><b>{type(error).__name__}</b>: {text}</div>'
    )


def as_png(figure: Figure) -> bytes:
    """Return the figure as the bytes of a PNG file, sharp on most screens at 100 pixels an inch."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=150, pil_kwargs={"compress_level": 1})
    plt.close(figure)  # one made with plt.subplots would be shown below the cell a second time
    return file.getvalue()


def _html(drawn: Any) -> str:
    if isinstance(drawn, str):
        return drawn
    if hasattr(drawn, "_repr_html_"):
        return str(drawn._repr_html_())
    raise TypeError(
        f"a drawing function returns a matplotlib Figure or a string of HTML, and this one returned "
        f"{'nothing: is its `return` missing?' if drawn is None else f'a {type(drawn).__name__}'}"
    )
