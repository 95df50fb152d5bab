"""What the project tests share: the checkout's place, and an environment that has everything but the kit."""

import os
import site
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.browser.conftest import browser as browser

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class CleanVenv:
    """A virtual environment away from the checkout: the dependencies can be imported there, the kit cannot (yet)."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    def environment(self, **extra: str) -> dict[str, str]:
        """The variables of a shell in which this environment is active, and nothing that leads back to the checkout."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "JUPYTER", "PYTEST", "CONDA"))}
        path = f"{self.folder / 'bin'}{os.pathsep}{kept.get('PATH', os.defpath)}"
        return {**kept, "VIRTUAL_ENV": str(self.folder), "PATH": path, **extra}

    def run(self, *arguments: str | Path, cwd: Path) -> str:
        """Run this environment's Python and return what it printed."""
        done = subprocess.run(
            [self.python, *arguments], cwd=cwd, env=self.environment(), capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, f"python {' '.join(map(str, arguments))}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def run_notebook(
        self, notebook: nbformat.NotebookNode, cwd: Path, monkeypatch: pytest.MonkeyPatch, **extra: str
    ) -> nbformat.NotebookNode:
        """Run a notebook in ``cwd`` with a kernel of this environment; a failing cell raises ``CellExecutionError``."""
        kernel = self.folder / "share" / "jupyter" / "kernels" / "clean"
        kernel.mkdir(parents=True, exist_ok=True)
        (kernel / "kernel.json").write_text(
            f'{{"argv": ["{self.python}", "-m", "ipykernel_launcher", "-f", "{{connection_file}}"],'
            ' "display_name": "clean", "language": "python"}'
        )
        monkeypatch.setenv("JUPYTER_PATH", str(self.folder / "share" / "jupyter"))
        client = NotebookClient(notebook, timeout=600, kernel_name="clean", resources={"metadata": {"path": str(cwd)}})
        return client.execute(env=self.environment(**extra))


@pytest.fixture
def clean_venv(tmp_path: Path) -> CleanVenv:
    """A fresh virtual environment that borrows every installed package except the kit: no second download."""
    environment = CleanVenv(tmp_path / "venv")
    venv.EnvBuilder(with_pip=False, symlinks=True).create(environment.folder)
    borrowed = environment.folder / "borrowed"
    borrowed.mkdir()
    for folder in (*site.getsitepackages(), site.getusersitepackages()):
        if folder not in sys.path:
            continue
        for entry in Path(folder).iterdir():
            ours = "clip_tutor" in entry.name.replace("-", "_")
            if not (ours or entry.suffix == ".pth" or (borrowed / entry.name).exists()):
                (borrowed / entry.name).symlink_to(entry)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    (environment.folder / "lib" / version / "site-packages" / "borrowed.pth").write_text(f"{borrowed}\n")
    return environment
