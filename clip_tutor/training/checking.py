"""What a setting may be: its kind, and the values that a run can use. Each error names the setting and its value."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple


class Allowed(NamedTuple):
    """The values that a setting may have, as a test and in words."""

    holds: Callable[[float], bool]  # NaN and infinity never do
    words: str


def at_least(least: int) -> Allowed:
    """Return the numbers from ``least`` on."""
    return Allowed(lambda value: least <= value < math.inf, f"{least} or more")


ABOVE_0 = Allowed(lambda value: 0 < value < math.inf, "a number above 0")
FROM_0 = at_least(0)
SHARE_BELOW_1 = Allowed(lambda value: 0 <= value < 1, "from 0 to just below 1")


def require_values(settings: Any, allowed: Mapping[str, Allowed]) -> None:
    """Check each field of a dataclass: its kind against its annotation, its value against what is allowed.

    Raises:
        ValueError: one of them is of another kind, or out of its range; the message names it.
    """
    for name, kind in typing.get_type_hints(type(settings)).items():
        value = getattr(settings, name)
        require_kind(kind, value, name)
        if name in allowed and value is not None and not allowed[name].holds(value):
            raise ValueError(f"{name}: is {value!r}, and must be {allowed[name].words}")


def require_kind(kind: Any, value: Any, where: str) -> None:
    """Check that a value is what a field of this type holds; a whole number is a number, too, and True is none.

    Raises:
        ValueError: it is of another kind.
    """
    choices = typing.get_args(kind)
    if dataclasses.is_dataclass(value):
        return
    if typing.get_origin(kind) is Literal:
        if value not in choices:
            raise ValueError(f"{where}: is {value!r}, and may be {', '.join(map(repr, choices))}")
    elif is_union(kind):
        if not (value is None and types.NoneType in choices):
            require_kind(without_none(kind), value, where)
    elif kind is float:
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise ValueError(f"{where}: is {value!r}, and must be a number")
    elif type(value) is not kind:
        more = " (a whole number, such as 100)" if kind is int else ""
        raise ValueError(f"{where}: is {value!r}, and must be {kind.__name__}{more}")


def is_union(kind: Any) -> bool:
    """Return whether a type is written as ``one | other``."""
    return typing.get_origin(kind) in (typing.Union, types.UnionType)


def without_none(kind: Any) -> Any:
    """Return ``float`` for ``float | None``, and any other kind as it is."""
    if not is_union(kind):
        return kind
    return next(choice for choice in typing.get_args(kind) if choice is not types.NoneType)
