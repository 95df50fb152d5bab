"""``pytest --nbmake notebooks/`` catches what widgets hide: proven on small notebooks that are broken on purpose.

The course's own notebooks are run by that command, once; `notebooks/conftest.py` looks at the result of that one run.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import nbformat
import pytest

CHECKOUT = Path(__file__).parents[2]

# Cells that run to their end, and the error that each of them hides.
HIDDEN = {
    """
from clip_tutor.lab import explore
box = explore(lambda k: str(1 / (4 - k)), k=[1, 2])
box.controls["k"].options = [1, 2, 4]
box.controls["k"].value = 4
""": "a widget shows an error: ZeroDivisionError",
    "import ipywidgets\nipywidgets.interact(lambda k: 1 / (k - 5), k=(0, 10))": "a widget caught ZeroDivisionError",
    "import ipywidgets\nout = ipywidgets.Output()\nwith out:\n    int('cat')": "a widget caught ValueError",
    "import threading\nthread = threading.Thread(target=int, args=['dog'])\nthread.start()\nthread.join()": (
        "traceback was printed, and nobody stopped: ValueError"
    ),
}
SWEPT = ["from clip_tutor.lab import explore\nexplore(lambda k: str(1 / k), k=(0, 12))"]
OVERWRITTEN = [
    "from clip_tutor.lab import explore\nlimit = 20\nexplore(lambda k: str(1 / (limit - k)), k=(0, 12))",
    "limit = 12",
]
SOUND = [
    "from clip_tutor.lab import explore\nexplore(lambda k, words: f'{k} {words}', k=(0, 12), words='cat')",
    "import ipywidgets\nipywidgets.interact(lambda k: 1 / (k - 5), k=(6, 10))",
]


def run(folder: Path, **notebooks: Iterable[str]) -> str:
    """Run notebooks the way that the Makefile runs the course's, and return what pytest says."""
    shutil.copy(CHECKOUT / "notebooks" / "conftest.py", folder)
    for name, cells in notebooks.items():
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(notebook, folder / f"{name}.ipynb")
    command = [sys.executable, "-m", "pytest", "--nbmake", "-v", "-p", "no:cacheprovider", "--rootdir", folder, folder]
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT), "CLIP_TUTOR_EXECUTED": str(folder / "kept")}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False).stdout


@pytest.mark.slow
def test_errors_that_widgets_hide_fail_the_notebook(tmp_path: Path):
    said = run(tmp_path, hidden=HIDDEN, swept=SWEPT, overwritten=OVERWRITTEN, sound=SOUND)
    assert re.search(r"sound.ipynb PASSED", said), said
    assert re.search(r"swept.ipynb FAILED", said), said
    assert "ZeroDivisionError: division by zero" in said, "the end of the slider"
    assert re.search(r"overwritten.ipynb FAILED", said), "a later cell took a name away"
    assert re.search(r"hidden.ipynb FAILED", said), said
    for message in HIDDEN.values():
        assert message in said
    assert [kept.name for kept in (tmp_path / "kept").iterdir()] == ["sound.ipynb"], (
        "only what passed is shown on the site"
    )
    kept = nbformat.read(tmp_path / "kept" / "sound.ipynb", nbformat.NO_CONVERT)
    assert [cell.source for cell in kept.cells] == SOUND and all(cell.outputs for cell in kept.cells)
