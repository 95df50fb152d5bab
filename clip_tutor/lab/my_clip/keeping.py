"""Keep an answer that passed its check in the learner's file, and find it there again."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from clip_tutor.lab.my_clip.colab import in_colab
from clip_tutor.lab.my_clip.file import IMPORTS, MyFile, run, where
from clip_tutor.lab.my_clip.names import MissingNameError, alone

if TYPE_CHECKING:
    from clip_tutor.lab.exercises import Exercise


def keep(exercise: Exercise, thing: Callable[..., Any]) -> str:
    """Write a function or class that is right into the learner's file, and return what to tell them.

    What does not run by itself in a fresh namespace is not kept, and the sentence says what it lacks.
    """
    path = where()
    file = MyFile.read(path)
    try:
        earlier = _defined(file.code(key) for key in file.exercises if key < exercise.id)
        piece = alone(thing, earlier)
        code = "\n\n\n".join(piece.code)
        new = MyFile(file.head, file.sections | {exercise.id: f" · {exercise.title}\n{code}\n"})
        new.sections[IMPORTS] = _merged(file.code(IMPORTS), piece.imports, _defined(map(new.code, new.exercises)))
        run(new.text(), path)
    except MissingNameError as error:
        return f"It is not kept in {path.name}: {error}."
    except Exception as error:
        return f"It is not kept in {path.name}, where it does not run: {type(error).__name__}: {error}"
    if new.text() == file.text():
        return f"It is in {path.name} already."
    copied = new.write(path)
    home = " lab.download_my_clip() takes it to your computer." if in_colab() else ""
    return f"Kept in {path.name}.{home}" + (f" What stood there is in {copied.name}." if copied else "")


def find(exercise: Exercise) -> Callable[..., Any] | None:
    """Return the learner's own answer from their file, None if there is none that passes its check.

    A file that does not run, and a part that is not right (any more), are said in a line each.
    """
    from clip_tutor.lab.exercises.attempt import ExerciseError, NotAttemptedError

    path = where()
    if not path.exists() or exercise.id not in MyFile.read(path).sections:
        return None
    try:
        module = run(path.read_text(encoding="utf-8"), path)
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
        if isinstance(error, SyntaxError):
            what = f"SyntaxError, line {error.lineno}: {error.msg}"
        print(f"  {path.name} does not run ({what}), so nothing is taken from it.")
        return None
    thing: Callable[..., Any] | None = getattr(module, exercise.reference.__name__, None)
    if thing is None:
        print(f"  {path.name} has a section {exercise.id} without {exercise.reference.__name__}.")
        return None
    try:
        exercise.check(exercise.attempt(thing))
    except ExerciseError as error:
        print(f"  The {exercise.reference.__name__} in {path.name} is not right: {error.seen}")
        print("  (python -m clip_tutor.lab.my_clip --test looks at each part: the mistake may be in one that it uses.)")
        return None
    except NotAttemptedError:
        return None
    return thing


def _defined(sections: Iterable[str]) -> set[str]:
    """Return the names of the functions and classes in sections of code."""
    nodes = [node for code in sections for node in ast.parse(code).body]
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}


def _merged(text: str, lines: list[str], defined: set[str]) -> str:
    """Return the import section with these lines added, and without imports of what the file now defines itself."""
    all_lines = [line for line in text.splitlines() if line.strip()] + lines
    kept = sorted({line for line in all_lines if not (bound := _bound(line)) or bound - defined})
    return "\n" + "".join(f"{line}\n" for line in kept)


def _bound(line: str) -> set[str]:
    try:
        nodes = ast.parse(line).body
    except SyntaxError:
        return set()
    return {
        (alias.asname or alias.name).partition(".")[0]
        for node in nodes
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
