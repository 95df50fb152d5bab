"""Messages in a shell: names that a console cannot show are escaped, never too many of them.

Names come from whoever made a data set: in any script, sometimes in no valid encoding at all (`os.fsdecode` keeps
such bytes as lone surrogates). A console that shows cp1252 or ASCII, or a log in UTF-8, refuses to write them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TextIO


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
