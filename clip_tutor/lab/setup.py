"""The first line of every notebook: seeds, device, style, and one line that says what was found."""

import random

import numpy as np
import torch
from IPython.core.getipython import get_ipython

from clip_tutor import __version__
from clip_tutor.lab.plots.style import use_style


def setup(seed: int = 0) -> torch.device:
    """Seed Python, NumPy and torch, take on the course's figure style, print one line, and return the device.

    The device is the GPU if there is one, else the CPU.
    """
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)  # every GPU's generator too
    use_style()
    _figures_below_cells()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    name = torch.cuda.get_device_name() if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    print(f"clip_tutor {__version__} · torch {torch.__version__} · {name} · seed {seed}")
    return device


def _figures_below_cells() -> None:
    """In a kernel: show a figure that ends a cell, with twice the pixels for screens that have them."""
    shell = get_ipython()
    if shell is None or not hasattr(shell, "kernel"):
        return
    shell.run_line_magic("matplotlib", "inline")
    shell.run_line_magic("config", "InlineBackend.figure_formats = ['retina']")
    use_style()  # the first of these two lines puts a few of matplotlib's own settings back
