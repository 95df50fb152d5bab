"""Colab has ipywidgets 7.7: what the widgets' tests ask for holds there, too."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

LAB = Path(__file__).parent
# jupyterlab_widgets and widgetsnbextension are the browser's half, which these tests do not open.
OLDER = ("ipywidgets==7.7.5", "ipython_genutils==0.2.0")
WIDGET_TESTS = ("comparisons", "embedding_explorer", "explore", "gap_board", "image_search", "own_folder", "predict")


@pytest.mark.slow
def test_widgets_work_with_ipywidgets_7(tmp_path):
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(tmp_path), *OLDER]
    installed = subprocess.run(install, capture_output=True, text=True)
    if installed.returncode:
        pytest.skip(f"ipywidgets 7.7 cannot be had here: {installed.stderr.strip().splitlines()[-1]}")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(tmp_path), str(LAB.parents[1])))}
    version = "import ipywidgets; print(ipywidgets.__version__)"
    found = subprocess.run([sys.executable, "-c", version], env=environment, capture_output=True, text=True)
    assert found.stdout.strip() == "7.7.5"
    files = [str(LAB / f"test_{name}.py") for name in WIDGET_TESTS]
    tests = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", "-m", "not slow", *files]
    run = subprocess.run(tests, env=environment, cwd=LAB.parents[1], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout[-3000:]
