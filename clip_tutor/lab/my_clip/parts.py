"""The parts that later notebooks go on with: the learner's where they have them, else the library's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from clip_tutor.lab.my_clip.file import where
from clip_tutor.lab.my_clip.keeping import find


def my_parts(*exercise_ids: str) -> tuple[Callable[..., Any], ...]:
    """Return the functions and classes of these exercises, and print in a line which are whose.

        MyViT, contrastive_loss = lab.my_parts("04.6", "07.2")

    Raises:
        KeyError: there is no such exercise.
    """
    from clip_tutor.lab.exercises import find_exercise

    exercises = [find_exercise(exercise_id) for exercise_id in exercise_ids]
    own = [find(exercise) for exercise in exercises]
    names = [f"{exercise.reference.__name__} ({exercise.id})" for exercise in exercises]
    yours = ", ".join(name for name, thing in zip(names, own, strict=True) if thing)
    ours = ", ".join(name for name, thing in zip(names, own, strict=True) if not thing)
    said = [f"yours, from {where().name}: {yours}"] if yours else []
    said += [f"the library's: {ours}"] if ours else []
    print(" · ".join(said))
    return tuple(thing or exercise.reference for thing, exercise in zip(own, exercises, strict=True))
