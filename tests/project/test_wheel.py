"""The wheel is complete: installed in an empty environment away from the checkout, the kit works the same."""

import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest

from tests.project.conftest import CleanVenv

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(folder)]
    done = subprocess.run([*command, str(ROOT)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    return built


def test_wheel_carries_the_data(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        for path in sorted((ROOT / "data").rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                name = f"clip_tutor/assets/{path.relative_to(ROOT / 'data').as_posix()}"
                assert name in names, f"{path.relative_to(ROOT)} is not in the wheel"
                assert archive.read(name) == path.read_bytes()
        assert archive.read("clip_tutor/assets/course.toml") == (ROOT / "notebooks" / "course.toml").read_bytes()
    assert "clip_tutor/assets/emoji/emoji.parquet" in names
    assert any(name.startswith("clip_tutor/assets/checkpoints/") and name.endswith(".safetensors") for name in names)
    assert "clip_tutor/py.typed" in names
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_wheel_carries_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"clip_tutor"}
    assert not [name for name in names if name.endswith((".pyc", ".ipynb"))]


@pytest.mark.slow
def test_wheel_works_away_from_the_checkout(
    wheel: Path, clean_venv: CleanVenv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No index: everything the wheel's metadata asks for must be met by the base dependencies that are here already.
    clean_venv.run("-m", "pip", "install", "--quiet", "--no-index", wheel, cwd=tmp_path)
    look = "import clip_tutor, clip_tutor.assets as a; print(clip_tutor.__file__, a.asset('emoji/emoji.parquet'))"
    for place in clean_venv.run("-c", look, cwd=tmp_path).split():
        assert Path(place).is_relative_to(clean_venv.folder), f"{place} is not the installed copy"

    course = tmp_path / "course"
    course.mkdir()
    notebook = nbformat.read(ROOT / "notebooks" / "00_start_here.ipynb", as_version=4)
    clean_venv.run_notebook(notebook, course, monkeypatch)
