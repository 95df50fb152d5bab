"""Write into notebooks and README what `course.toml` and the exercises say: ``python -m clip_tutor.lab.course``.

    python -m clip_tutor.lab.course             bring every generated cell and the README's table up to date
    python -m clip_tutor.lab.course --check     only say what has drifted, and exit with 1 if anything has
    python -m clip_tutor.lab.course --new 9     begin notebook 09 and the folder of its lesson

What an author writes is never touched.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from clip_tutor.lab.course.begin import begin
from clip_tutor.lab.course.notebook_files import CHECKOUT, update
from clip_tutor.lab.course.syllabus import read_syllabus


def _begin(root: Path, number: int) -> None:
    course = read_syllabus(root / "notebooks" / "course.toml")
    found = [notebook for notebook in course if notebook.number == number]
    if not found:
        sys.exit(f"course.toml lists no notebook {number}: add it there first")
    try:
        begin(root, found[0])
    except FileExistsError:
        sys.exit(f"{found[0].file} is there already")
    print(f"began notebooks/{found[0].file} and clip_tutor/lessons/{found[0].lesson}")


def main(arguments: Sequence[str] | None = None, root: Path = CHECKOUT) -> int:
    """Write what `course.toml` decides, or say what has drifted; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m clip_tutor.lab.course", description=(__doc__ or "").split(":")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if something has drifted")
    parser.add_argument("--new", type=int, metavar="N", help="begin notebook N of course.toml, and its lesson")
    options = parser.parse_args(arguments)
    if options.new is not None:
        _begin(root, options.new)
    drifted = update(root, check=options.check)
    for name in drifted:
        print(
            f"{name} has drifted: run python -m clip_tutor.lab.course"
            if options.check
            else f"{name} brought up to date"
        )
    return int(options.check and bool(drifted))


if __name__ == "__main__":
    sys.exit(main())
