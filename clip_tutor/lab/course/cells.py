"""The cells of a notebook that the course writes, not its author: what each of them says.

    header   setup   …the lesson…   exercise:08.1   stub:08.1   check:08.1   solution:08.1   …   words   links
    └── course.toml  pyproject.toml └────────── exercises.py of the lesson ────────────┘         │       └── course.toml
                                                                                                 └── glossary.toml

A cell is known by its metadata, ``{"clip_tutor": "stub:08.1"}``.
"""

import ast
import inspect
import textwrap
from collections.abc import Sequence

from clip_tutor.lab.course.glossary import Term, words_table
from clip_tutor.lab.course.syllabus import Notebook
from clip_tutor.lab.exercises import Exercise, exercises_of

# What a notebook has, in this order, each as a heading that begins like this.
SECTIONS = (
    "Why",
    "Predict first",
    "Build",
    "Put it together",
    "Same thing in the library",
    "Play",
    "Go further",
    "What goes wrong in practice",
    "What you now know",
)
# The tour, notebook 00: a few stops, and no building.
TOUR_SECTIONS = ("Predict first", *(f"Stop {n}" for n in range(1, 6)), "What you now know", "Stop 6")
EXERCISES_END_BEFORE = "What goes wrong in practice"


def generated_cells(
    notebook: Notebook, course: Sequence[Notebook], repository: str, terms: Sequence[Term] = ()
) -> dict[str, tuple[str, str]]:
    """Return for each generated cell of a notebook, in order, its type ("markdown" or "code") and its source."""
    cells = {"header": ("markdown", header(notebook, course, repository)), "setup": ("code", start_up(repository))}
    for exercise in exercises_of(notebook.id):
        cells[f"exercise:{exercise.id}"] = ("markdown", exercise_heading(exercise))
        cells[f"stub:{exercise.id}"] = ("code", stub_code(exercise))
        cells[f"check:{exercise.id}"] = ("code", check_code(exercise))
        cells[f"solution:{exercise.id}"] = ("markdown", folded_hints_and_solution(exercise))
    if table := words_table(notebook, terms):
        cells["words"] = ("markdown", table)
    return {**cells, "links": ("markdown", links(notebook, course))}


def header(notebook: Notebook, course: Sequence[Notebook], repository: str) -> str:
    """Return title, promise, image, and the line of time, needs and what it builds on."""
    earlier = [_link(other) for other in course if other.number in notebook.builds_on]
    facts = [
        f"*time* {notebook.minutes} minutes",
        f"*needs* {notebook.needs}",
        f"*builds on* {', '.join(earlier) or 'nothing'}",
    ]
    if repository.startswith("https://github.com/"):
        place = f"{repository.removeprefix('https://github.com/')}/blob/main/notebooks/{notebook.file}"
        facts.append(f"[open in Colab](https://colab.research.google.com/github/{place})")
    card = notebook.stills.get("card")
    image = [f"![{card}]({notebook.still_file('card')})"] if card else []
    return "\n\n".join([f"# {notebook.id} · {notebook.title}", notebook.promise, *image, " · ".join(facts)])


def start_up(repository: str) -> str:
    """Return the first code cell: the same in every notebook, at home and in Colab."""
    return f"""\
import importlib.util
import sys

if "google.colab" in sys.modules and importlib.util.find_spec("clip_tutor") is None:
    %pip install --quiet "clip-tutor @ git+{repository}"

from clip_tutor import lab

device = lab.setup()"""


def links(notebook: Notebook, course: Sequence[Notebook]) -> str:
    """Return the last cell: ways to the nearest notebooks before and after that are there, and to the tour's map."""
    before = [other for other in course if other.ready and other.number < notebook.number]
    after = [other for other in course if other.ready and other.number > notebook.number]
    ways = [f"← {_link(before[-1])}"] if before else []
    ways += [f"[the map of the course]({before[0].file})"] if before else []
    ways += [f"{_link(after[0])} →"] if after else []
    return "---\n\n" + " · ".join(ways)


def exercise_heading(exercise: Exercise) -> str:
    """Return the heading; the author's statement of the task stands in the cell below."""
    dots = "●" * exercise.difficulty + "○" * (3 - exercise.difficulty)
    return f"### {exercise.id} · {exercise.title}\n\n{dots} · {exercise.minutes} minutes"


def stub_code(exercise: Exercise) -> str:
    """Return the cell that the reader fills in: the reference's signatures and docstrings, and nothing done."""
    code = solution_code(exercise)
    lines, node = code.splitlines(), ast.parse(code).body[0]
    if isinstance(node, ast.FunctionDef):
        return _emptied(lines, node, exercise.id)
    assert isinstance(node, ast.ClassDef), f"{exercise.id}: the reference is a function or a class"
    methods = [part for part in node.body if isinstance(part, ast.FunctionDef)]
    head = "\n".join(lines[: methods[0].lineno - 1]).rstrip()
    return "\n\n".join([head, *(_emptied(lines, method, exercise.id) for method in methods)])


def _emptied(lines: Sequence[str], function: ast.FunctionDef, exercise_id: str) -> str:
    """Return a function's signature and docstring, and a line that raises in the place of its body."""
    end = function.body[0].end_lineno if ast.get_docstring(function) else function.body[0].lineno - 1
    indent = " " * function.body[0].col_offset
    return "\n".join([*lines[function.lineno - 1 : end], f'{indent}raise NotImplementedError("{exercise_id}")'])


def check_code(exercise: Exercise) -> str:
    """Return the cell that checks the answer, and takes the library's own if there is none."""
    name = exercise.reference.__name__
    return f'{name} = lab.check("{exercise.id}", {name})'


def folded_hints_and_solution(exercise: Exercise) -> str:
    """Return hints that unfold one inside the other, and the solution folded away: the tested reference itself."""
    hints = ""
    for number, hint in reversed(list(enumerate(exercise.hints, 1))):
        hints = f"<details><summary>Hint {number}</summary>\n\n{hint}\n\n{hints}</details>\n\n"
    code = f"```python\n{solution_code(exercise)}\n```"
    return f"{hints}<details><summary>Solution</summary>\n\n{code}\n\n</details>"


def solution_code(exercise: Exercise) -> str:
    """Return the reference's source."""
    return textwrap.dedent(inspect.getsource(exercise.reference)).strip()


def course_table(course: Sequence[Notebook]) -> str:
    """Return the README's table of the course."""
    rows = ["| | notebook | the one idea | minutes |", "|---|---|---|---|"]
    for one in course:
        title = f"[{one.title}](notebooks/{one.file})" if one.ready else f"{one.title} *(coming)*"
        rows.append(f"| {one.id} | {title} | {one.idea} | {one.minutes if one.ready else ''} |")
    return "\n".join(rows)


def _link(notebook: Notebook) -> str:
    name = f"{notebook.id} · {notebook.title}"
    return f"[{name}]({notebook.file})" if notebook.ready else f"{name} (coming)"
