"""``pytest --nbmake notebooks/`` runs every notebook; this makes it fail on the errors that widgets hide as well.

ipywidgets catches what a callback raises and shows it in the widget's output, so a notebook full of broken widgets runs
to its end. After the one run that nbmake makes, `hidden_errors` looks into the state of the widgets and into what
was printed. While notebooks run here, `lab.explore` also draws at both ends of every control, and after the last cell
every widget does so again: a later cell may have changed a name that it reads.

`make notebooks` names a folder in CLIP_TUTOR_EXECUTED: what passed is kept there with its outputs, for `make site`.
"""

import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import nbmake.pytest_items
from nbmake.nb_result import NotebookError, NotebookResult
from nbmake.nb_run import NotebookRun

from clip_tutor.lab.course.executed import fingerprint_of, keep

ANSI_COLORS = re.compile(r"\x1b\[[0-9;]*m")  # Python 3.13 and later print tracebacks in color
ERROR_MARK = "clip-tutor-error"  # of the red box, `clip_tutor.lab.widgets.screen`
WIDGET_STATE = "application/vnd.jupyter.widget-state+json"

os.environ["CLIP_TUTOR_SWEEP"] = "1"  # the kernels inherit it
# What a learner has built so far is theirs: notebooks run here as committed, with an empty file of their own.
os.environ["CLIP_TUTOR_MY_CLIP"] = str(Path(tempfile.mkdtemp(), "my_clip.py"))

# It prints what goes wrong and goes on, so that the state of all widgets is there for `hidden_errors` to look at.
AFTERWARDS = """
import traceback
from clip_tutor.lab.widgets.explore import sweep_again

try:
    sweep_again()
except Exception:
    traceback.print_exc()
"""


def hidden_errors(notebook: dict[str, Any]) -> list[str]:
    """Return what went wrong in a notebook that ran to its end all the same."""
    found = []
    for cell in notebook["cells"]:
        found += _in_outputs(cell.get("outputs", ()))
    for model in notebook["metadata"].get("widgets", {}).get(WIDGET_STATE, {}).get("state", {}).values():
        found += _in_outputs(model["state"].get("outputs", ()), caught=True)
        value = model["state"].get("value")
        if isinstance(value, str) and ERROR_MARK in value:
            found.append(f"a widget shows an error: {re.sub('<[^>]*>', ' ', value).strip()}")
    return found


def _in_outputs(outputs: Any, caught: bool = False) -> Iterator[str]:
    for output in outputs:
        text = ANSI_COLORS.sub("", "".join(output.get("text", "")))
        if "Traceback (most recent call last)" in text:
            yield f"a traceback was printed, and nobody stopped: {text.strip().splitlines()[-1]}"
        if caught and output["output_type"] == "error":
            yield f"a widget caught {output['ename']}: {output['evalue']}"


class WatchedRun(NotebookRun):
    """nbmake's run of a notebook, which sweeps its widgets after the last cell, and fails on hidden errors too."""

    def execute(self) -> NotebookResult:
        fingerprint = fingerprint_of(self.filename)  # before the run: what changes during it makes the copy stale
        notebook = nbformat.read(self.filename, nbformat.NO_CONVERT)
        notebook.cells.append(nbformat.v4.new_code_cell(AFTERWARDS, id="afterwards"))
        with tempfile.TemporaryDirectory() as folder:
            self.filename = Path(folder, self.filename.name)
            nbformat.write(notebook, self.filename)
            result = super().execute()
        if result.error is None and (found := hidden_errors(result.nb)):
            result.error = NotebookError(summary=found[0], trace="\n".join(found), failing_cell_index=-1)
        if result.error is None and (folder := os.environ.get("CLIP_TUTOR_EXECUTED")):
            del result.nb.cells[-1]  # AFTERWARDS
            keep(result.nb, Path(folder, self.filename.name), fingerprint)
        return result


nbmake.pytest_items.NotebookRun = WatchedRun
