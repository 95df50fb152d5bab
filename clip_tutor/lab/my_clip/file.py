"""The file itself: sections, each below a line ``# %% 07.2 · The contrastive loss``, which editors show as cells.

head      what this file is
imports   what the sections need
04.1 …    one section an exercise, in the order of the course
train     python my_clip.py
"""

from __future__ import annotations

import os
import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

IMPORTS, TRAIN = "imports", "train"
_MARK = re.compile(r"^# %% (\S+)(.*)$", re.MULTILINE)
_HEAD = '''"""My CLIP: what I wrote in the course, in its order.

    python my_clip.py                            trains it
    python -m clip_tutor.lab.my_clip --test      tests each part against the library's

Each part came here when it passed its check. Edit as you like: it is checked again when a notebook reads it.
"""
'''
_TRAIN = """if __name__ == "__main__":
    from clip_tutor.lab.my_clip.training import main

    main(__file__)
"""


def where() -> Path:
    """Return the path of the learner's file: CLIP_TUTOR_MY_CLIP, else my_clip.py in the working directory."""
    return Path(os.environ.get("CLIP_TUTOR_MY_CLIP", "my_clip.py")).absolute()


@dataclass
class MyFile:
    """The text of the file, section by section; whatever stands in one stays as it is."""

    head: str
    sections: dict[str, str]  # by "imports", "04.1", "train": the text below the mark, with the rest of its line

    @classmethod
    def read(cls, path: Path) -> MyFile:
        """Return what is there; a file that is not there yet is one without exercises."""
        if not path.exists():
            return cls(_HEAD, {IMPORTS: "\n", TRAIN: f"\n{_TRAIN}"})
        head, *pieces = _MARK.split(path.read_text(encoding="utf-8"))
        keys, rests, bodies = pieces[::3], pieces[1::3], pieces[2::3]
        sections = {key: rest + body for key, rest, body in zip(keys, rests, bodies, strict=True)}
        return cls(head, {IMPORTS: "\n", TRAIN: f"\n{_TRAIN}"} | sections)

    @property
    def exercises(self) -> list[str]:
        """The ids of the exercises that are kept, in order."""
        return sorted(key for key in self.sections if key not in (IMPORTS, TRAIN))

    def code(self, key: str) -> str:
        """Return the lines of a section below its mark."""
        return self.sections[key].partition("\n")[2]

    def text(self) -> str:
        """Return the whole file."""
        pieces = [self.head.rstrip() + "\n"]
        for key in (IMPORTS, *self.exercises, TRAIN):
            pieces.append(f"# %% {key}{self.sections[key].rstrip()}\n")
        return "\n\n".join(pieces)

    def write(self, path: Path) -> Path | None:
        """Write the file; if something that stands there would be lost, copy it first, and return the copy's path."""
        copied = None
        if path.exists():
            before = MyFile.read(path)
            kept = self.head.rstrip() == before.head.rstrip() and all(
                self.sections.get(key, "").rstrip() == text.rstrip()
                for key, text in before.sections.items()
                if key != IMPORTS
            )
            if not kept:
                copied = path.with_name(f"{path.stem}_{time.strftime('%Y-%m-%d_%H-%M-%S')}{path.suffix}")
                shutil.copy2(path, copied)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".part")
        temporary.write_text(self.text(), encoding="utf-8")
        temporary.replace(path)
        return copied


def run(text: str, path: Path) -> ModuleType:
    """Return the file as a module, run from its text in a fresh namespace.

    Raises:
        Exception: whatever its lines raise; SyntaxError where they are no Python.
    """
    module = ModuleType(path.stem)
    module.__file__ = str(path)
    exec(compile(text, str(path), "exec"), module.__dict__)
    return module
