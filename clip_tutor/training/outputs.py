"""What a run leaves behind: places that are tried before it starts, since a finished model that cannot be written is
lost; and the note in the model's file that says how to make it again.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import torch

from clip_tutor.training.config import CHECKPOINT


def require_places(run: Path | None = None, model: Path | None = None) -> None:
    """Make the folders that a run is told to write to, and try whether they can be written.

    Args:
        run: the folder of its checkpoints, if it keeps any.
        model: the file of the finished model, if it is to be saved.

    Raises:
        OSError: they cannot; the message says where and why.
    """
    if run:
        _require_writable(run / CHECKPOINT, "run")
    if model and model.is_dir():
        example = model / "model.safetensors"
        raise OSError(f"save: {model} is a folder: give the name of a file in it, such as {example}")
    if model:
        _require_writable(model, "save")


def how_it_was_made(program: str, arguments: list[str] | None, device: str = "cpu") -> dict[str, str]:
    """Return the command and the machine, with which the notes of a model begin.

    Args:
        program: the module that trains, such as ``clip_tutor.training``.
        arguments: what follows it; ``None`` stands for those that this process was started with.
        device: where the model was trained.
    """
    threads = torch.get_num_threads()
    return {
        "command": " ".join([f"python -m {program}", *(sys.argv[1:] if arguments is None else arguments)]),
        "machine": f"{device}, {threads} thread{'s' * (threads > 1)}, torch {torch.__version__}",
    }


def _require_writable(path: Path, setting: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}."):
            pass
    except OSError as error:
        raise OSError(
            f"{setting}: {path} cannot be written ({error.strerror or error}): give a place in a folder of your own, "
            "with room on its disk"
        ) from error
