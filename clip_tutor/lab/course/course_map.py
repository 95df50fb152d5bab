"""The map of the course, for the end of the tour."""

from html import escape
from itertools import groupby

from IPython.display import HTML

from clip_tutor.lab.course.syllabus import Notebook, read_syllabus
from clip_tutor.lab.plots.style import FAINT, IMAGE_COLOR, MUTED


def course_map() -> HTML:
    """Return every notebook of the course as a card, part by part; those still to be written are gray."""
    parts = groupby(read_syllabus(), key=lambda notebook: notebook.part)
    columns = "".join(
        f'<div style="flex:1 1 190px"><div style="font-weight:bold;margin-bottom:6px">{escape(part)}</div>'
        f"{''.join(map(_card, notebooks))}</div>"
        for part, notebooks in parts
    )
    return HTML(f'<div style="display:flex;flex-wrap:wrap;gap:14px;line-height:1.35">{columns}</div>')


def _card(notebook: Notebook) -> str:
    name = f"{notebook.id} · {escape(notebook.title)}"
    if notebook.ready:
        edge, ink, facts = IMAGE_COLOR, "inherit", f"{notebook.minutes} minutes"
        name = f'<a href="{notebook.file}">{name}</a>'
    else:
        edge, ink, facts = FAINT, MUTED, "coming"
    if notebook.builds_on:
        facts += f" · after {', '.join(f'{number:02}' for number in notebook.builds_on)}"
    return (
        f'<div style="border-left:4px solid {edge};padding:4px 10px;margin-bottom:10px;color:{ink}"><b>{name}</b>'
        f'<div>{escape(notebook.idea)}</div><div style="font-size:85%;color:{MUTED}">{facts}</div></div>'
    )
