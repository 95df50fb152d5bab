"""Messages in a shell: names that a console cannot show are escaped, never too many of them, and errors are sentences.

Names come from whoever made a data set: in any script, sometimes in no valid encoding at all (`os.fsdecode` keeps
such bytes as lone surrogates). A console that shows cp1252 or ASCII, or a log in UTF-8, refuses to write them.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

PACKAGE = Path(__file__).parent


def printable(text: str, stream: TextIO | None) -> str:
    r"""Return ``text`` as ``stream`` can write it: each character that it cannot encode is escaped, as ``\u5199``.

    Args:
        stream: ``sys.stdout``, or ``sys.stderr`` for a warning. One that names no encoding takes UTF-8.
    """
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def listed(names: Iterable[str], most: int = 5) -> str:
    """Return the first names and how many more there are."""
    names = list(names)
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def sentence_of(error: Exception) -> str | None:
    """Return what an error says to people, if the kit raised it on purpose or the operating system did; else None."""
    text = str(error.args[0] if isinstance(error, KeyError) else error)
    frames = [(frame.filename, frame.line or "") for frame in traceback.extract_tb(error.__traceback__)]
    if " in DataLoader worker process " in text.split("\n")[0]:  # then its own traceback comes as text
        frames = re.findall(r'File "(.*)", line \d+, in .*\n +(.*)', text)
        text = text.rpartition(f"\n{type(error).__name__}: ")[2].strip()
    file, line = frames[-1]
    on_purpose = Path(file).is_relative_to(PACKAGE) and line.startswith("raise ")
    return text if on_purpose or isinstance(error, OSError) else None
