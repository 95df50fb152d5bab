"""Every notebook of the course is built alike: what CONTRIBUTING.md asks of one, held here without running any.

`faults` is the list of rules. It is tried on a small notebook that keeps them all, and on the same one with a single
rule broken at a time; then on every notebook of the course.
"""

import ast
import builtins
import copy
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager

from clip_tutor.lab.course.begin import UNWRITTEN, new_notebook
from clip_tutor.lab.course.cells import (
    SECTIONS,
    TOUR_SECTIONS,
    generated_cells,
    solution_code,
)
from clip_tutor.lab.course.formatting import IN_WORDS
from clip_tutor.lab.course.notebook_files import CHECKOUT, generated_key, update, with_generated_cells
from clip_tutor.lab.course.stills import find_drawing
from clip_tutor.lab.course.syllabus import read_syllabus
from clip_tutor.lab.exercises import exercises_of
from clip_tutor.lab.plots import common

FOLDER = CHECKOUT / "notebooks"
MOST_LINES = 20  # of a code cell; aim at 15
MOST_IMAGE_BYTES = 100_000
FIGURE_MARK = IN_WORDS  # begins the folded text below a figure that says in words what it shows
DRAWS = {"explore", "show_source", *(name for name, thing in vars(common).items() if callable(thing))} - {"canvas"}

Cell = dict[str, Any]


def faults(notebook: dict[str, Any], number: str, folder: Path = FOLDER) -> list[str]:
    """Return every rule that a notebook breaks, none for a sound one."""
    cells = notebook["cells"]
    found = [*_form(notebook), *_order(cells, number), *_sections(cells), *_images_and_links(cells, folder)]
    for cell in cells:
        if cell["cell_type"] == "code":
            found += _code_cell(cell)
    return [*found, *_figures(cells), *_names_for_solutions(cells, number)]


def _form(notebook: dict[str, Any]) -> Iterator[str]:
    try:
        nbformat.validate(copy.deepcopy(notebook))
    except nbformat.ValidationError as error:
        yield f"not a valid notebook: {error.message}"
    if set(notebook["metadata"]) != {"kernelspec"} or notebook["metadata"]["kernelspec"]["name"] != "python3":
        yield "the notebook's metadata hold just the kernelspec python3 (nbstripout takes the rest away)"


def _order(cells: list[Cell], number: str) -> Iterator[str]:
    keys = [generated_key(cell) for cell in cells]
    if keys[:2] != ["header", "setup"]:
        yield "the first two cells are header and start-up"
    if keys[-1] != "links":
        yield "the last cell links to the neighbors"
    exercises = exercises_of(number)
    if not exercises:
        yield f"no exercise: write clip_tutor/lessons/nb{number}_…/exercises.py"
    for exercise in exercises:
        wanted = [f"{part}:{exercise.id}" for part in ("exercise", "stub", "check", "solution")]
        places = [keys.index(key) if key in keys else -1 for key in wanted]
        if -1 in places or places != sorted(places):
            yield f"exercise {exercise.id} has heading, stub, check and solution, in this order"
        elif places[1] == places[0] + 1:
            yield f"exercise {exercise.id} has a cell with its statement between heading and stub"


def _sections(cells: list[Cell]) -> Iterator[str]:
    headings = [line.lstrip("# ") for cell in cells for line in _text(cell).splitlines() if _is_heading(cell, line)]
    places = []
    sections = TOUR_SECTIONS if is_tour(cells) else SECTIONS
    for section in sections:
        there = [place for place, heading in enumerate(headings) if heading.startswith(section)]
        if not there:
            yield f"no heading {section!r}"
        places += there[:1]
    if places != sorted(places):
        yield f"the sections come in the order {', '.join(sections)}"
    if any(UNWRITTEN in _text(cell) for cell in cells):
        yield f"something is still {UNWRITTEN}"


def builds(cells: list[Cell]) -> bool:
    """Return whether the learner builds in this notebook: in all but the tour."""
    return any(_text(cell).startswith("## Put it together") for cell in cells)


def is_tour(cells: list[Cell]) -> bool:
    """Return whether this is the tour, which leads from stop to stop."""
    return any(_text(cell).startswith("## Stop 1 ") for cell in cells)


def _is_heading(cell: Cell, line: str) -> bool:
    return cell["cell_type"] == "markdown" and line.startswith("#")


def _code_cell(cell: Cell) -> Iterator[str]:
    text, name = _text(cell), cell.get("id")
    if cell["outputs"] or cell["execution_count"] is not None:
        yield f"cell {name} has outputs or a count: nbstripout takes them away"
    if len(text.splitlines()) > MOST_LINES:
        yield f"cell {name} has {len(text.splitlines())} lines, more than {MOST_LINES}"
    if "raises-exception" in cell["metadata"].get("tags", []):
        yield f"cell {name} is tagged raises-exception, which lets any error pass: use lab.expect_error"
    if generated_key(cell) != "setup" and re.search(r"^\s*[%!]+\s*(pip|conda|mamba|apt)", text, re.MULTILINE):
        yield f"cell {name} installs something: whatever a notebook needs is a dependency of the kit"


def _images_and_links(cells: list[Cell], folder: Path) -> Iterator[str]:
    for cell in cells:
        if cell["cell_type"] == "code":
            continue
        for mark, alt, target in re.findall(r"(!?)\[([^\]]*)\]\(([^)#]+)[^)]*\)", _text(cell)):
            if target.startswith(("https://", "attachment:")):
                continue
            path = folder / target
            if not path.exists():
                yield f"{target} is not there"
            elif mark and not alt.strip():
                yield f"{target} has no alt text"
            elif mark and path.stat().st_size > MOST_IMAGE_BYTES:
                yield f"{target} has more than {MOST_IMAGE_BYTES:,} bytes"


def _figures(cells: list[Cell]) -> Iterator[str]:
    own = set()  # functions of the notebook that draw
    explores = False
    for place, cell in enumerate(cells):
        if cell["cell_type"] != "code" or generated_key(cell) == "setup":
            continue
        tree = _tree(cell)
        defined = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
        own |= {node.name for node in defined if _calls([node]) & (DRAWS | own)}
        called = _calls([node for node in tree.body if node not in defined])
        explores |= "explore" in called
        below = cells[place + 1] if place + 1 < len(cells) else None
        told = below and below["cell_type"] == "markdown" and FIGURE_MARK in _text(below)
        if called & (DRAWS | own) - {"show_source"} and not told:
            yield f"cell {cell.get('id')} draws: the cell below it says in words what one sees, after {FIGURE_MARK}"
    if not explores:
        yield "no widget: one lab.explore at least"


def _calls(nodes: list[ast.stmt]) -> set[str]:
    """Return the last names of all that is called; a call of pyplot counts as a drawing one."""
    called = set()
    for node in (inner for outer in nodes for inner in ast.walk(outer)):
        if isinstance(node, ast.Call):
            owner = getattr(node.func, "value", None)
            pyplot = isinstance(owner, ast.Name) and owner.id == "plt"
            called.add("explore" if pyplot else getattr(node.func, "attr", getattr(node.func, "id", "")))
    return called


def _names_for_solutions(cells: list[Cell], number: str) -> Iterator[str]:
    """A reader who pastes the solution into the stub must have all the names that it uses."""
    for exercise in exercises_of(number):
        known = set(dir(builtins))
        for cell in cells:
            if generated_key(cell) == f"stub:{exercise.id}":
                break
            if cell["cell_type"] == "code":
                known |= _binds(_tree(cell))
        uses = {node.id for node in ast.walk(ast.parse(solution_code(exercise))) if isinstance(node, ast.Name)}
        if missing := (uses & set(vars(__import__(exercise.reference.__module__, fromlist=["_"])))) - known:
            yield f"the solution of {exercise.id} uses {', '.join(sorted(missing))}: import it in a cell above"


def _binds(tree: ast.Module) -> set[str]:
    aliases = [node for node in ast.walk(tree) if isinstance(node, ast.alias)]
    stored = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    functions = {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    return stored | functions | {(alias.asname or alias.name).partition(".")[0] for alias in aliases}


def _tree(cell: Cell) -> ast.Module:
    return ast.parse(TransformerManager().transform_cell(_text(cell)))


def _text(cell: Cell) -> str:
    return "".join(cell["source"])


# ---------------------------------------------------------------------------------------- the rules, tried out


def code(source: str, name: str) -> Cell:
    cell = {"cell_type": "code", "id": name, "metadata": {}, "source": source, "outputs": []}
    return {**cell, "execution_count": None}


def sound_notebook() -> dict[str, Any]:
    """Return a notebook 00 that keeps every rule, of next to nothing."""
    course = read_syllabus()
    notebook = new_notebook()
    for cell in notebook["cells"]:
        cell["source"] = _text(cell).replace(UNWRITTEN, "Words.")
    cells = notebook["cells"]
    imports = "import torch"
    play = [code("lab.explore(lambda k: str(k), k=(1, 2))", "play-1"), copy.deepcopy(cells[0])]
    play[1] |= {"id": "alt", "source": f"{FIGURE_MARK}\n\nThe number k.\n\n</details>"}
    cells[3:3] = [code(imports, "imports"), *play]
    notebook = with_generated_cells(notebook, generated_cells(course[0], course, "https://example.org/kit"))
    for exercise in exercises_of("00"):
        place = next(n for n, c in enumerate(notebook["cells"]) if generated_key(c) == f"stub:{exercise.id}")
        statement = {**copy.deepcopy(play[1]), "id": f"statement-{place}", "source": "Write it."}
        notebook["cells"].insert(place, statement)
    return notebook


def _swap(cells: list[Cell], one: int, other: int) -> None:
    cells[one], cells[other] = cells[other], cells[one]


def _named(cells: list[Cell], name: str) -> int:
    return next(place for place, cell in enumerate(cells) if name in (cell["id"], generated_key(cell)))


def _edit(name: str, source: str) -> Callable[[dict[str, Any]], None]:
    def edit(notebook: dict[str, Any]) -> None:
        notebook["cells"][_named(notebook["cells"], name)]["source"] = source

    return edit


def _drop(name: str) -> Callable[[dict[str, Any]], None]:
    return lambda notebook: notebook["cells"].pop(_named(notebook["cells"], name))


def _change(name: str, **fields: Any) -> Callable[[dict[str, Any]], None]:
    return lambda notebook: notebook["cells"][_named(notebook["cells"], name)].update(fields)


BREAKS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "not a valid notebook": lambda notebook: notebook["cells"][0].update(id="not an id!"),
    "kernelspec python3": lambda notebook: notebook["metadata"].update(widgets={}),
    "first two cells": lambda notebook: _swap(notebook["cells"], 0, 1),
    "last cell links": _drop("links"),
    "heading, stub, check and solution": _drop("check:00.1"),
    "its statement between": lambda notebook: notebook["cells"].pop(_named(notebook["cells"], "stub:00.1") - 1),
    "no heading 'Predict first'": _drop("predict-first"),
    "the sections come in the order": lambda notebook: _swap(
        notebook["cells"], _named(notebook["cells"], "predict-first"), _named(notebook["cells"], "go-further")
    ),
    "still": _edit("play", f"## Play\n\n{UNWRITTEN}"),
    "has outputs or a count": _change("play-1", execution_count=3),
    "more than 20": _edit("imports", "import torch\n" + "k = 1\n" * 20),
    "lets any error pass": _change("imports", metadata={"tags": ["raises-exception"]}),
    "installs something": _edit("imports", "%pip install faiss\nimport torch"),
    "images/none.webp is not there": _edit("play", "## Play\n\n![A cat](images/none.webp)"),
    "has no alt text": _edit("play", "## Play\n\n![](course.toml)"),
    "in words what one sees": _edit("alt", "A number."),
    "no widget": _edit("play-1", "k = 1"),
    "uses torch": _edit("imports", "import sys"),
}


def test_a_sound_notebook_has_no_faults():
    assert faults(sound_notebook(), "00") == []


@pytest.mark.parametrize("message", BREAKS)
def test_each_broken_rule_is_found(message: str):
    notebook = sound_notebook()
    BREAKS[message](notebook)
    assert any(message in fault for fault in faults(notebook, "00"))


@pytest.mark.parametrize(
    "source",
    [
        "import matplotlib.pyplot as plt\nplt.plot([1])",
        "lab.plots.bars(names, probabilities)",
        "def draw():\n    return lab.plots.bars(['a'], [1])\ndraw()",
        "from clip_tutor.lab.plots import embedding_map\nfigure = embedding_map(panels)",
    ],
)
def test_whatever_draws_needs_words_below(source: str):
    notebook = sound_notebook()
    notebook["cells"].insert(3, code(source, "drawing"))
    assert any("cell drawing draws" in fault for fault in faults(notebook, "00"))


# ------------------------------------------------------------------------------------------ the course's own


@pytest.mark.slow
def test_every_notebook_keeps_the_rules():
    read = {path: nbformat.read(path, as_version=nbformat.NO_CONVERT) for path in sorted(FOLDER.glob("*.ipynb"))}
    found = {path.name: faults(notebook, path.name[:2]) for path, notebook in read.items()}
    assert {name: broken for name, broken in found.items() if broken} == {}


def test_the_notebooks_that_are_there_are_the_ready_ones():
    ready = [notebook.file for notebook in read_syllabus() if notebook.ready]
    assert ready == sorted(path.name for path in FOLDER.glob("*.ipynb"))


def test_each_lesson_is_one_of_a_listed_notebook():
    lessons = {path.parent.name for path in (CHECKOUT / "clip_tutor" / "lessons").glob("*/__init__.py")}
    assert lessons <= {notebook.lesson for notebook in read_syllabus()}
    assert lessons >= {notebook.lesson for notebook in read_syllabus() if notebook.ready}


def test_nothing_generated_has_drifted():
    assert update(CHECKOUT, check=True) == [], "run python -m clip_tutor.lab.course"


def test_every_still_has_a_function_and_has_been_drawn():
    for notebook in read_syllabus():
        for name in notebook.stills:
            find_drawing(notebook, name)
            path = FOLDER / notebook.still_file(name)
            assert path.exists(), f"{path.name}: run python -m clip_tutor.lab.course.stills"
            assert path.stat().st_size <= MOST_IMAGE_BYTES
