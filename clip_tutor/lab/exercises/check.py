"""Check a reader's answer to an exercise, and hand back the function that the rest of the notebook goes on with."""

import os
from collections.abc import Callable
from typing import Any

from clip_tutor.lab import my_clip
from clip_tutor.lab.exercises import Exercise, find_exercise
from clip_tutor.lab.exercises.attempt import Attempt, ExerciseError, NotAttemptedError, copy, in_lines, same


def check(exercise_id: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``function`` if it is right; if it was not written yet, the one in `my_clip.py`, else the library's own.

    A part of the learner's own CLIP that is right is kept in `my_clip.py`.
    With CLIP_TUTOR_STRICT=1 in the environment a function that was not written yet fails too.

    Raises:
        ExerciseError: it is wrong; the message says what was seen, what was expected, and what may be behind it.
    """
    exercise = find_exercise(exercise_id)
    heading = f"{exercise.id} {exercise.title}: not right yet"
    strict = os.environ.get("CLIP_TUTOR_STRICT") == "1"
    if not callable(function):
        raise ExerciseError(f"a {type(function).__name__}", "the function itself, not what it returns", "", heading)
    attempt = exercise.attempt(function)
    try:
        if function is exercise.reference and not strict:  # this cell was run again, the one above was not
            raise NotAttemptedError
        verified = exercise.check(attempt)
    except NotAttemptedError:
        if strict:
            raise ExerciseError("the stub", "an answer", "", f"{exercise.id} is not attempted yet") from None
        if exercise.kept and (own := my_clip.find(exercise)):
            print(f"● {exercise.id} {exercise.title}: yours, from {my_clip.where().name}.")
            return own
        print(
            f"○ {exercise.id} {exercise.title}: not attempted yet, so the notebook goes on with the library's.\n"
            f"  Write your {exercise.reference.__name__} in the cell above, run that cell, then this one again."
        )
        return exercise.reference
    except ExerciseError as error:
        think = _known_mistake(exercise, attempt) or error.think
        raise ExerciseError(error.seen, error.expected, think, heading) from error.__cause__
    print(in_lines(f"● {exercise.id} {exercise.title}: right. Verified: {verified}.", indent=2))
    if exercise.kept and function is not exercise.reference:
        print(f"  {my_clip.keep(exercise, function)}")
    return function


def _known_mistake(exercise: Exercise, attempt: Attempt) -> str:
    """Return the thought behind the first known mistake that answers every call so far as the reader's function did."""
    for mutant in exercise.mutants:
        wrong = exercise.as_function(mutant.function)
        if all(same(_outcome(wrong, arguments), outcome) for arguments, outcome in attempt.calls):
            return mutant.think
    return ""


def _outcome(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    try:
        return function(*copy(arguments))
    except Exception as error:
        return error
