"""The start-up cell of the notebooks in a fresh Colab runtime: the kit is not there, the cell installs it.

What pip builds and installs there is a wheel, in an environment away from the checkout, so the tour goes on in the same
kernel: the kit works the same from its wheel. `test_wheel.py` looks at what is in it.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from tests.project.conftest import CleanVenv

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
URL = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]["Repository"]
# Git must neither ask nor read this machine's settings.
GIT = ["git", "-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A git repository that holds the checkout as it lies on the disk, with what is not committed yet."""
    listed = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        text=True,
    )
    if listed.returncode:
        pytest.skip(f"this test copies the checkout with git, and git says: {listed.stderr.strip()}")
    copy = tmp_path / "repository"
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name)
    for command in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "-m", "the checkout as it is"]):
        subprocess.run([*GIT, *command], cwd=copy, check=True, env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull})
    return copy


def setup_cell(name: str) -> str:
    """The source of the one cell that is marked as the start-up cell."""
    notebook = nbformat.read(ROOT / "notebooks" / name, as_version=4)
    (cell,) = [cell for cell in notebook.cells if cell.metadata.get("clip_tutor") == "setup"]
    return cell.source


def cells_behind_it(name: str) -> list[str]:
    """The source of the other code cells."""
    notebook = nbformat.read(ROOT / "notebooks" / name, as_version=4)
    return [
        one.source for one in notebook.cells if one.cell_type == "code" and one.metadata.get("clip_tutor") != "setup"
    ]


@pytest.mark.slow
@pytest.mark.posix
def test_colab_start_installs_a_kit_that_runs_the_tour(
    repository: Path, clean_venv: CleanVenv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = setup_cell("00_start_here.ipynb")
    assert f"git+{URL}" in source, f"the start-up cell does not install the kit from {URL}"
    # What tells Colab from every other Jupyter: the package google.colab, imported before the first cell runs.
    stand_in = tmp_path / "stand_in" / "google" / "colab"
    stand_in.mkdir(parents=True)
    (stand_in / "__init__.py").touch()
    before = f"""
import importlib.util, sys
sys.path.append({str(stand_in.parents[1])!r})
import google.colab
sys.path.pop()
assert importlib.util.find_spec("clip_tutor") is None
"""
    after = f"""
import clip_tutor, json, importlib.metadata
from clip_tutor.assets import asset
from pathlib import Path
for path in (clip_tutor.__file__, asset("emoji/emoji.parquet")):
    assert Path(path).is_relative_to({str(clean_venv.folder)!r}), f"{{path}} is not the installed copy"
origin = json.loads(importlib.metadata.distribution("clip-tutor").read_text("direct_url.json"))
print(origin["vcs_info"]["commit_id"])
del sys.modules["google.colab"]  # the tour is that of any Jupyter
"""
    tour = cells_behind_it("00_start_here.ipynb")
    notebook = new_notebook(cells=[new_code_cell(cell) for cell in (before, source, after, *tour)])
    content = tmp_path / "content"
    content.mkdir()
    surroundings = {
        # The cell runs as it is: git itself goes to the local repository wherever the kit's address is asked for.
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{repository.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": URL,
        # Nothing else is fetched: the base dependencies that are here must meet what the wheel's metadata asks for.
        # pip spells the first one backwards: 0 means that the borrowed hatchling builds.
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_NO_INDEX": "1",
    }
    clean_venv.run_notebook(notebook, content, monkeypatch, **surroundings)

    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=repository, check=True, capture_output=True, text=True)
    assert notebook.cells[2].outputs[0].text == head.stdout, "the kit came from somewhere else"
    started = "".join(output.get("text", "") for output in notebook.cells[1].outputs)
    assert "clip_tutor" in started and "torch" in started, f"lab.setup() said nothing; the cell printed {started!r}"
