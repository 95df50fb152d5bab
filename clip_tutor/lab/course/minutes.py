"""How long a notebook takes: computed from what stands in it, and never typed.

words at 200 a minute + lines of code at 15 a minute + the minutes of each exercise, rounded to five
"""

import re
from collections.abc import Sequence
from typing import Any

from clip_tutor.lab.exercises import Exercise

WORDS_A_MINUTE, LINES_A_MINUTE = 200, 15
_FOLDED = re.compile(r"<details>.*?</details>", re.DOTALL)
_WORD = re.compile(r"\w[\w'’-]*")


def minutes(cells: Sequence[dict[str, Any]], exercises: Sequence[Exercise]) -> int:
    """Return the minutes of a notebook with these cells and exercises.

    What is folded away, the start-up cell, and what an exercise's own minutes cover (its stub and its check) do not
    count, nor do empty lines and cells whose input is hidden.
    """
    words = lines = 0
    for cell in cells:
        source, key = "".join(cell["source"]), cell["metadata"].get("clip_tutor", "")
        if cell["cell_type"] == "markdown":
            words += len(_WORD.findall(_FOLDED.sub("", source)))
        elif key != "setup" and not key.startswith(("stub:", "check:")) and not is_hidden(cell):
            lines += sum(bool(line.strip()) for line in source.splitlines())
    total = words / WORDS_A_MINUTE + lines / LINES_A_MINUTE + sum(exercise.minutes for exercise in exercises)
    return max(5, 5 * round(total / 5))


def is_hidden(cell: dict[str, Any]) -> bool:
    """Return whether a code cell shows its output only."""
    return bool(cell["metadata"].get("jupyter", {}).get("source_hidden"))
