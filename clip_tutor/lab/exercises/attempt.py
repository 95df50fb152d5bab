"""A reader's function under test: called with inputs made for it, watched, and its failures put into words."""

import math
import textwrap
from collections.abc import Callable
from typing import Any

import torch

from clip_tutor.lab.errors import readers_line


class NotAttemptedError(Exception):
    """The stub's own ``raise NotImplementedError`` was reached."""


class ExerciseError(AssertionError):
    """An answer that is not right yet: what was seen, what was expected, and what may have been thought."""

    def __init__(self, seen: str, expected: str, think: str = "", heading: str = "Not right yet") -> None:
        super().__init__(seen, expected, think, heading)
        self.seen, self.expected, self.think, self.heading = seen, expected, think, heading

    def __str__(self) -> str:
        rows = [("seen", self.seen), ("expected", self.expected), ("perhaps", self.think)]
        return "\n".join([self.heading, *(f"  {name:<9} {text}" for name, text in rows if text)])

    def _render_traceback_(self) -> list[str]:
        """Jupyter shows these lines instead of a stack of calls that are not the reader's."""
        return [in_lines(str(self), indent=12)]


def in_lines(text: str, indent: int) -> str:
    """Return a text in lines of 110 characters: JupyterLab breaks longer ones in the middle of a word."""
    fold = textwrap.TextWrapper(110, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False)
    return "\n".join(fold.fill(line) for line in text.split("\n"))


def demand(holds: object, seen: str, expected: str, think: str = "") -> None:
    """Go on if ``holds``, else raise an `ExerciseError` that says the rest."""
    if not holds:
        raise ExerciseError(seen, expected, think)


class Attempt:
    """Calls the reader's function like the function itself, and keeps each call in ``.calls``.

    Raises:
        NotAttemptedError: the stub is still there, in this path through the function at least.
        ExerciseError: the function raised an error, returned nothing, or changed its inputs.
    """

    def __init__(self, function: Callable[..., Any], exercise_id: str, told: bool = True) -> None:
        self.function = function
        self.told = told  # are the arguments those that the reader's function takes?
        self.exercise_id = exercise_id
        self.calls: list[tuple[tuple[Any, ...], Any]] = []  # arguments as they were, result or error

    def __call__(self, *arguments: Any) -> Any:
        before = copy(arguments)
        self.calls.append((before, None))
        try:
            result = self.function(*arguments)
        except Exception as error:
            if isinstance(error, NotImplementedError) and error.args == (self.exercise_id,):
                raise NotAttemptedError from None
            self.calls[-1] = (before, error)
            line = readers_line(error)
            told = self.told or any(isinstance(argument, torch.Tensor) for argument in before)
            raise ExerciseError(
                f"{type(error).__name__} {f'at your {line}' if line else 'when the check used your answer'}"
                f"\n{'':12}{error}",
                f"an answer for {', '.join(map(describe, before))}" if told else "no error",
            ) from error
        demand(
            all(map(same, before, arguments)),
            "your function changed the values that it was given",
            "inputs left as they are",
            "+=, .append, and whatever ends in an underscore work in place: the caller's data change too",
        )
        self.calls[-1] = (before, result)
        demand(result is not None, "your function returned nothing", "a result", "is its `return` missing?")
        return result


def copy(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the arguments with every tensor and every list copied, gradients asked for where they were."""
    return tuple(map(_copy, arguments))


def _copy(argument: Any) -> Any:
    if isinstance(argument, torch.Tensor):
        return argument.detach().clone().requires_grad_(argument.requires_grad)
    return list(map(_copy, argument)) if isinstance(argument, list) else argument


def same(one: Any, other: Any) -> bool:
    """Tell whether two results are of one kind, and equal up to rounding; two errors, whether they say the same."""
    if type(one) is not type(other):
        return False
    if isinstance(one, torch.Tensor):
        alike = (one.shape, one.dtype, one.requires_grad) == (other.shape, other.dtype, other.requires_grad)
        return alike and torch.allclose(one.detach(), other.detach(), rtol=1e-4, atol=1e-6, equal_nan=True)
    if isinstance(one, float):
        return one == other or abs(one - other) <= 1e-6 + 1e-4 * abs(other) or (math.isnan(one) and math.isnan(other))
    if isinstance(one, (tuple, list)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, Exception):
        return str(one) == str(other)
    return bool(one == other)


def describe(value: Any) -> str:
    """Return ``a tensor (5, 8)`` for a tensor of several numbers, in a tuple, too, else the value."""
    if isinstance(value, torch.Tensor):
        return f"a tensor {tuple(value.shape)}" if value.ndim else f"{value.item():.4g}"
    if isinstance(value, tuple) and any(isinstance(one, torch.Tensor) for one in value):
        return f"a tuple of {' and '.join(map(describe, value))}"
    return f"{value:.4g}" if isinstance(value, float) else repr(value)
