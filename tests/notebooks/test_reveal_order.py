"""No answer is shown before its question: the reference's own lines stand in no cell above the stub, in no notebook.

Held for the notebooks in which the learner builds (`builds`). What ``lab.show_source`` shows counts as standing there.
"""

import ast
import importlib
import inspect
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from IPython.core.inputtransformer2 import TransformerManager

from clip_tutor.lab.course.cells import solution_code
from clip_tutor.lab.course.glossary import read_glossary
from clip_tutor.lab.course.notebook_files import CHECKOUT, generated_key
from clip_tutor.lab.course.syllabus import read_syllabus
from clip_tutor.lab.exercises import Exercise, exercises_of
from tests.notebooks.test_anatomy import builds

SHORTEST = 14  # characters of a line, without blanks, that can give an answer away
COMMON = {  # nobody's secret
    *("super().__init__()", "optimizer.zero_grad()", "loss.backward()", "optimizer.step()"),
    *("withtorch.no_grad():", "@torch.no_grad()", "forgroupinoptimizer.param_groups:"),
}


def distinctive_lines(code: str) -> list[str]:
    """Return the lines of a solution that give it away: neither signature, docstring nor comment, without blanks."""
    tree = ast.parse(code)
    hidden = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
            hidden |= set(range(node.lineno, first.lineno))
    lines = [line for number, line in enumerate(code.splitlines(), 1) if number not in hidden]
    bare = [squeezed(line) for line in lines]
    return [line for line in bare if len(line) >= SHORTEST and line not in COMMON]


def squeezed(text: str) -> str:
    """Return text without comments and blanks, so that layout does not matter."""
    return "\n".join(re.sub(r"\s+", "", line.partition("  #")[0]) for line in text.splitlines())


def given_away(exercise: Exercise, above: str) -> list[str]:
    """Return the lines of the solution that stand in the (squeezed) text above its stub."""
    return [line for line in distinctive_lines(solution_code(exercise)) if line in above]


def texts_above(notebooks: list[tuple[str, list[dict[str, Any]]]]) -> Iterator[tuple[str, str]]:
    """Yield each exercise and what a reader of the course has seen before its stub, squeezed: one walk for them all."""
    seen: list[str] = []
    for number, cells in notebooks:
        names: dict[str, Any] = {}
        for cell in cells:
            kind, _, exercise_id = (generated_key(cell) or "").partition(":")
            if kind == "stub":
                assert exercise_id.startswith(f"{number}."), f"the stub of {exercise_id} stands in notebook {number}"
                yield exercise_id, "\n".join(seen)
            text = "".join(cell["source"])
            seen.append(squeezed(text))
            if cell["cell_type"] == "code":
                seen += [squeezed(source) for source in shown_sources(text, names)]


def shown_sources(code: str, names: dict[str, Any]) -> Iterator[str]:
    """Yield what ``show_source`` shows of the library in a cell; ``names`` grows by what the cell imports."""
    tree = ast.parse(TransformerManager().transform_cell(code))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                importlib.import_module(alias.name)
                names[alias.asname or alias.name.partition(".")[0]] = importlib.import_module(
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("clip_tutor"):
            exec(compile(ast.Module([node], []), "import", "exec"), names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("show_source"):
            for argument in node.args:
                with suppress(NameError, AttributeError):  # the notebook's own: its source stands in a cell
                    yield inspect.getsource(eval(ast.unparse(argument), names))


@pytest.fixture(scope="module")
def notebooks() -> list[tuple[str, list[dict[str, Any]]]]:
    """Every notebook of the course that is there, in order."""
    return [
        (one.id, json.loads((CHECKOUT / "notebooks" / one.file).read_text(encoding="utf-8"))["cells"])
        for one in read_syllabus()
        if one.ready
    ]


def test_distinctive_lines_are_those_that_do_the_work():
    code = 'def f(x):\n    """Say."""\n    # why\n    similarity = x @ x.T / 2  # (B, B)\n    return y\n'
    assert distinctive_lines(code) == ["similarity=x@x.T/2"]


def test_what_is_shown_of_the_library_counts():
    names: dict[str, Any] = {}
    cell = "from clip_tutor import lab, losses\nlab.show_source(mine, losses.contrastive_loss)"
    (source,) = shown_sources(cell, names)
    assert source.startswith("def contrastive_loss(")


def test_no_answer_stands_before_its_question(notebooks):
    asked = {one.id: one for number, cells in notebooks if builds(cells) for one in exercises_of(number)}
    found = {}
    for exercise_id, above in texts_above(notebooks):
        if exercise_id in asked and (lines := given_away(asked.pop(exercise_id), above)):
            found[exercise_id] = lines
    assert found == {}
    assert not asked, f"without a stub: {', '.join(asked)}"


def test_each_term_stands_in_bold_where_it_comes_first(notebooks):
    found = []
    for term in read_glossary(CHECKOUT / "notebooks" / "glossary.toml"):
        for number, cells in notebooks:
            own = [cell for cell in cells if cell["cell_type"] == "markdown" and generated_key(cell) != "words"]
            bold = f"**{term.term.lower()}**" in "\n".join("".join(cell["source"]) for cell in own).lower()
            if int(number) == term.notebook and not bold:
                found.append(f"{term.term}: not in bold in notebook {number}")
            if int(number) < term.notebook and bold and builds(cells):
                found.append(f"{term.term}: in bold in notebook {number} already")
    assert found == []
