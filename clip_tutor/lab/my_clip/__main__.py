"""Test each part of the learner's file against the library's: ``python -m clip_tutor.lab.my_clip --test``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from clip_tutor.lab.exercises import Exercise, all_exercises
from clip_tutor.lab.exercises.attempt import ExerciseError, NotAttemptedError
from clip_tutor.lab.my_clip.file import run, where


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a table: part, verdict, what is missing. Return 1 if a part is wrong or the file does not run."""
    parser = argparse.ArgumentParser(prog="python -m clip_tutor.lab.my_clip", description=(__doc__ or "").split(":")[0])
    parser.add_argument("file", nargs="?", help="instead of notebooks/my_clip.py or the one in this folder")
    parser.add_argument("--test", action="store_true", required=True, help="run the checks of every part")
    path = _found(parser.parse_args(arguments).file)
    if path is None:
        print("there is no my_clip.py here: it comes into being when the first part passes its check")
        return 1
    try:
        names = vars(run(path.read_text(encoding="utf-8"), path))
    except Exception as error:
        print(f"{path.name} does not run: {type(error).__name__}: {error}")
        return 1
    rows = [(one.id, one.reference.__name__, *verdict(one, names)) for one in all_exercises() if one.kept]
    for number, name, right, said in [("", "part", "", ""), *rows]:
        print(f"{number:5} {name:24} {right:7} {said}".rstrip())
    return int(any(right == "wrong" for _, _, right, _ in rows))


def _found(given: str | None) -> Path | None:
    places = [Path(given)] if given else [where(), Path("notebooks", "my_clip.py")]
    return next((place for place in places if place.exists()), None)


def verdict(exercise: Exercise, names: dict[str, object]) -> tuple[str, str]:
    """Return "right", "wrong" or "missing" for one part, and what was verified or seen."""
    answer = names.get(exercise.reference.__name__)
    if not callable(answer) or answer is exercise.reference:
        return "missing", f"exercise {exercise.id}"
    try:
        return "right", exercise.check(exercise.attempt(answer))
    except NotAttemptedError:
        return "missing", f"exercise {exercise.id} is a stub"
    except ExerciseError as error:
        return "wrong", f"{error.seen}; expected {error.expected}"


if __name__ == "__main__":
    sys.exit(main())
