"""Show code in a notebook: what you built and what the library has, side by side."""

import inspect
from html import escape
from pathlib import Path
from typing import Any

from IPython.display import HTML
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from clip_tutor.lab.my_clip.names import source_of


def show_source(*things: Any) -> HTML:
    """Return the source of functions or classes in columns, each below the place where it stands."""
    columns = "".join(_column(thing) for thing in things)
    return HTML(f'<div style="display:flex;flex-wrap:wrap;gap:12px;align-items:flex-start">{columns}</div>')


def _column(thing: Any) -> str:
    place = "this notebook"  # where inspect finds no class before Python 3.13
    if str(thing.__module__).startswith("clip_tutor"):
        file = inspect.getsourcefile(thing) or ""
        place = "/".join(Path(file).parts[-len(thing.__module__.split(".")) :])
    code = highlight(
        source_of(thing),
        PythonLexer(),
        HtmlFormatter(
            noclasses=True,
            nobackground=True,
            prestyles="font-size:12px;line-height:1.45;margin:0;white-space:pre;background:none",
        ),
    )
    return (
        '<div style="flex:1 1 420px;min-width:0;overflow-x:auto;background:#F7F7F5;color:#26282B;padding:10px;'
        f'border-radius:6px"><div style="font-weight:bold;margin-bottom:6px">{escape(place)}</div>{code}</div>'
    )
