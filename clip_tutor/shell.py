"""How a program of the kit's ends in a shell: with one sentence where a setting or the data is wrong.

What the kit raises on purpose, and what the operating system says, is for people: one sentence and status 1. Anything
else is a mistake of the kit's and keeps its traceback.
"""

from __future__ import annotations

import re
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

PACKAGE = Path(__file__).parent


def run_from_shell(main: Callable[[], object]) -> None:
    """Run a program; Ctrl-C ends it with status 130."""
    try:
        main()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    except Exception as error:
        if (sentence := sentence_of(error)) is None:
            raise
        sys.exit(sentence)


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
