"""In Colab a runtime's files are gone when it ends: the learner's file is taken to their computer, and brought back."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from clip_tutor.lab.my_clip.file import MyFile, where


def in_colab() -> bool:
    """Return whether this is a Colab runtime."""
    return "google.colab" in sys.modules


def download_my_clip() -> None:
    """Have the browser save my_clip.py; where this is not Colab, say where the file lies.

    Raises:
        FileNotFoundError: no part has passed its check yet.
    """
    path = where()
    if not path.exists():
        raise FileNotFoundError(
            f"there is no {path.name} yet: it comes into being when the first part passes its check"
        )
    if in_colab():
        _files().download(str(path))
    else:
        print(f"It lies on this machine already: {path}")


def upload_my_clip() -> None:
    """Ask for a my_clip.py and go on with it; what stood there before is copied. Without Colab, say where to put it.

    Raises:
        ValueError: no file was chosen, or it is none that the course wrote.
    """
    path = where()
    if not in_colab():
        print(f"Put your file here: {path}")
        return
    chosen: dict[str, bytes] = _files().upload()
    if not chosen:
        raise ValueError(f"no file was chosen: run this cell again and choose your {path.name}")
    name, content = next(iter(chosen.items()))
    with tempfile.TemporaryDirectory() as folder:
        brought = Path(folder) / path.name
        brought.write_bytes(content)
        file = MyFile.read(brought)
    if not file.exercises:
        raise ValueError(f"{name} holds no part of the course: choose the {path.name} that you downloaded")
    copied = file.write(path)
    print(
        f"{path.name} holds {', '.join(file.exercises)}."
        + (f" What stood there is in {copied.name}." if copied else "")
    )


def _files() -> Any:
    from google.colab import files

    return files
