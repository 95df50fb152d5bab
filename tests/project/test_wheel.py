"""The wheel is complete. That it works away from the checkout is seen where Colab installs it: `test_colab.py`."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import clip_tutor

ROOT = Path(__file__).parents[2]
MOST = 45_000_000  # bytes


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


def test_wheel_is_small_and_has_the_version_of_the_library(wheel: Path) -> None:
    assert wheel.stat().st_size < MOST
    assert wheel.name == f"clip_tutor-{clip_tutor.__version__}-py3-none-any.whl"
