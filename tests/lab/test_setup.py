"""The first line of every notebook, and what else needs a shell."""

import random

import matplotlib
import numpy as np
import pytest
import torch

from clip_tutor import __version__, lab
from clip_tutor.lab import show_source


def test_it_prints_one_line_and_returns_the_device(capsys: pytest.CaptureFixture):
    device = lab.setup()
    line = capsys.readouterr().out
    assert device.type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert line.count("\n") == 1
    assert __version__ in line
    assert torch.__version__ in line
    assert "seed 0" in line


def test_the_same_seed_gives_the_same_numbers():
    def throw() -> tuple:
        return random.random(), float(np.random.rand()), float(torch.rand(()))

    lab.setup(seed=3)
    first = throw()
    lab.setup(seed=3)
    assert throw() == first
    lab.setup(seed=4)
    assert throw() != first


def test_figures_take_on_the_style():
    matplotlib.rcdefaults()
    lab.setup()
    assert matplotlib.rcParams["axes.titlelocation"] == "left"


def test_in_a_kernel_figures_come_below_their_cells_and_keep_the_style(monkeypatch: pytest.MonkeyPatch):
    class Shell:
        kernel = object()

        def __init__(self) -> None:
            self.lines: list[tuple[str, str]] = []

        def run_line_magic(self, name: str, line: str) -> None:
            self.lines.append((name, line))
            matplotlib.rcdefaults()

    shell = Shell()
    monkeypatch.setitem(lab.setup.__globals__, "get_ipython", lambda: shell)
    lab.setup()
    assert shell.lines == [("matplotlib", "inline"), ("config", "InlineBackend.figure_formats = ['retina']")]
    assert matplotlib.rcParams["axes.titlelocation"] == "left"


def test_sources_stand_side_by_side_each_with_its_place():
    def mine(a, b):
        return a < b

    html = show_source(mine, lab.expect_error.__wrapped__).data
    assert "this notebook" in html
    assert "clip_tutor/lab/errors.py" in html
    assert "<script" not in html
    assert "&lt;" in html
