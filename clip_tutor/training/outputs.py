"""Where a run writes: tried before it starts, since a finished model that cannot be written is lost."""

from __future__ import annotations

import tempfile
from pathlib import Path

from clip_tutor.training.config import CHECKPOINT


def require_place_for_run(run: Path) -> None:
    """Make the folder of a run, and try whether its checkpoints can be written.

    Raises:
        OSError: they cannot; the message says where and why.
    """
    _require_writable(run / CHECKPOINT, "run")


def require_place_for_model(path: Path) -> None:
    """Make the folder in which a finished model is to be saved, and try whether it can be written.

    Raises:
        OSError: it cannot; the message says where and why.
    """
    if path.is_dir():
        raise OSError(f"save: {path} is a folder: give the name of a file in it, such as {path / 'model.safetensors'}")
    _require_writable(path, "save")


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
