"""A notebook that was run becomes a page of the site.

header    followed by links to the file: on the web, and beside the page
input     hidden where the notebook hides it (`jupyter.source_hidden`)
figure    WebP in a folder of their own, a fraction of the PNG in the notebook
widget    its still, from the fold "No kernel here?" below it; without one, what it showed when the notebook was run
links     left out: the site has its own ways to the lectures before and after
words     linked to the glossary: those of the table, and each where it stands in **bold** for the first time
"""

import hashlib
import io
import re
from base64 import b64decode
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image
from widget_pictures import STATE, VIEW, picture

from clip_tutor.lab.course.formatting import IN_WORDS
from clip_tutor.lab.course.glossary import Term
from clip_tutor.lab.course.notebook_files import generated_key
from clip_tutor.lab.course.syllabus import Notebook

FILES = "files"  # the folder of notebooks to download
FIGURES = "figures"
_STILL = re.compile(
    r"<details><summary>No kernel here\?[^<]*</summary>\n\n(!\[.*?\]\(.*?\))\n\n</details>\n*", re.DOTALL
)

Cell = dict[str, Any]


def lecture(
    executed: dict[str, Any], notebook: Notebook, repository: str, terms: Sequence[Term], folder: Path
) -> dict[str, Any]:
    """Return the page of a notebook, itself a notebook, made in place of its executed copy; figures go to ``folder``.

    Raises:
        ValueError: a cell has failed, or has not run.
    """
    states = executed["metadata"].pop("widgets", {}).get(STATE, {}).get("state", {})
    cells = executed["cells"] = [cell for cell in executed["cells"] if generated_key(cell) != "links"]
    for cell in cells:
        cell["source"] = "".join(cell["source"])
    for cell, below in zip(cells, [*cells[1:], None], strict=True):
        if cell["cell_type"] == "code":
            _check_that_it_ran(cell, notebook)
            _hide_input(cell)
            _show_widgets(cell, below, states)
            _show_figures(cell, below, folder)
        elif generated_key(cell) == "header":
            cell["source"] += f" · {_file_links(notebook, repository)}"
    _link_words(cells, [one for one in terms if notebook.number in (one.notebook, *one.also)], notebook)
    return executed


def word_place(term: Term) -> str:
    """Return the name of the place where a term stands in bold for the first time."""
    return "word-" + re.sub(r"\W+", "-", term.term.lower())


def _check_that_it_ran(cell: Cell, notebook: Notebook) -> None:
    failed = [output["ename"] for output in cell["outputs"] if output["output_type"] == "error"]
    if failed or (cell["source"] and cell["execution_count"] is None):
        what = f"failed with {failed[0]}" if failed else "has not run"
        raise ValueError(f"{notebook.file} makes no page, since a cell {what}:\n\n{cell['source']}")


def _hide_input(cell: Cell) -> None:
    if cell["metadata"].get("jupyter", {}).get("source_hidden"):
        cell["metadata"]["tags"] = [*cell["metadata"].get("tags", []), "remove-input"]


def _show_widgets(cell: Cell, below: Cell | None, states: dict[str, Any]) -> None:
    """Put pictures in place of a cell's widgets: the still that is folded away below it, or what each showed."""
    widgets = [output for output in cell["outputs"] if VIEW in output.get("data", {})]
    if widgets and below and (still := _STILL.search(below["source"])):
        cell["outputs"] = [output for output in cell["outputs"] if output not in widgets]
        below["source"] = f"{still[1]}\n\n{_STILL.sub('', below['source'])}"
    for output in widgets:
        output["data"] = {"text/html": picture(states, output["data"][VIEW]["model_id"])}


def _show_figures(cell: Cell, below: Cell | None, folder: Path) -> None:
    """Write a cell's figures into ``folder``, and put a line of Markdown in the place of each."""
    alt = "A figure, told in words below" if below and IN_WORDS in below["source"] else "A figure"
    for output in cell["outputs"]:
        if png := output.get("data", {}).get("image/png"):
            image = Image.open(io.BytesIO(b64decode(png)))
            width = output["metadata"].get("image/png", {}).get("width", image.width)
            name = f"{hashlib.sha256(png.encode()).hexdigest()[:16]}.webp"
            folder.mkdir(exist_ok=True)
            image.save(folder / name, "WEBP", quality=90)
            output["data"] = {"text/markdown": f"![{alt}]({folder.name}/{name}){{width={width}px}}"}


def _file_links(notebook: Notebook, repository: str) -> str:
    on_the_web = f"[notebook on the web]({repository}/blob/main/notebooks/{notebook.file})"
    return f"{on_the_web} · [download it](path:../{FILES}/{notebook.file})"


def _link_words(cells: Sequence[Cell], terms: Sequence[Term], notebook: Notebook) -> None:
    """Link each term of a notebook to the glossary: in its table and, with a place to link back to, in its text."""
    prose = [cell for cell in cells if cell["cell_type"] == "markdown" and generated_key(cell) is None]
    table = next((cell for cell in cells if generated_key(cell) == "words"), None)
    for one in terms:
        if table:
            table["source"] = table["source"].replace(f"| **{one.term}** |", f"| {{term}}`{one.term}` |")
        bold = re.compile(rf"\*\*({re.escape(one.term)})\*\*", re.IGNORECASE)
        first = next((cell for cell in prose if bold.search(cell["source"])), None)
        if first and one.notebook == notebook.number:
            link = rf"[{{term}}`\1 <{one.term}>`]{{#{word_place(one)}}}"
            first["source"] = bold.sub(link, first["source"], count=1)
