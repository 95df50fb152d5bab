"""Every notebook that builds also runs with every solution written in, as far as *Put it together*.

What it builds is kept in a `my_clip.py`, which then runs by itself in a fresh process.
"""

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from clip_tutor.lab.course.cells import solution_code
from clip_tutor.lab.course.notebook_files import CHECKOUT, generated_key
from clip_tutor.lab.course.syllabus import Notebook, read_syllabus
from clip_tutor.lab.exercises import exercises_of
from tests.notebooks.shorter import shorten
from tests.notebooks.test_anatomy import builds

LAST_SECTION = "## Put it together"


def building() -> list[Notebook]:
    """Return the notebooks in which the learner builds."""
    ready = [notebook for notebook in read_syllabus() if notebook.ready]
    return [one for one in ready if builds(json.loads((CHECKOUT / "notebooks" / one.file).read_text())["cells"])]


def solved(notebook: Notebook) -> nbformat.NotebookNode:
    """Return a notebook with every solution in the place of its stub, cut after *Put it together*."""
    read = nbformat.read(CHECKOUT / "notebooks" / notebook.file, nbformat.NO_CONVERT)
    solutions = {f"stub:{exercise.id}": solution_code(exercise) for exercise in exercises_of(notebook.id)}
    cells, inside = [], False
    shorten(read.cells, notebook.id)
    for cell in read.cells:
        if inside and cell.source.startswith("## ") and not cell.source.startswith(LAST_SECTION):
            break
        inside |= cell.source.startswith(LAST_SECTION)
        cell.source = solutions.get(generated_key(cell), cell.source)
        cells.append(cell)
    read.cells = cells
    return read


@pytest.mark.slow
@pytest.mark.parametrize("notebook", building(), ids=lambda notebook: notebook.id)
def test_a_notebook_runs_with_every_solution(notebook: Notebook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = tmp_path / "my_clip.py"
    monkeypatch.setenv("CLIP_TUTOR_MY_CLIP", str(file))
    monkeypatch.setenv("CLIP_TUTOR_STRICT", "1")  # a stub that is left would fail
    run = NotebookClient(solved(notebook), timeout=1200, resources={"metadata": {"path": CHECKOUT / "notebooks"}})
    said = str(run.execute())
    here = [one for one in exercises_of(notebook.id) if one.kept and f"stub:{one.id}" in said]
    assert file.exists() == bool(here), "what passed its check is kept"
    names = runpy.run_path(str(file)) if here else {}
    assert [one.reference.__name__ for one in here if one.reference.__name__ not in names] == []
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    command = [sys.executable, "-c", f"import runpy; runpy.run_path({str(file)!r})"] if here else [sys.executable, "-V"]
    assert subprocess.run(command, env=environment, capture_output=True, text=True, check=False).stderr == ""
