"""What an evaluation found: a dataclass that prints as a table for people and is written as JSON for machines."""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor


@dataclass(frozen=True)
class Result:
    """The ground of all results: each names what its table shows, and has the rest from here."""

    def rows(self) -> list[tuple[str, str]]:
        """Return the lines of the table: what was measured, and its value as text."""
        raise NotImplementedError

    def __str__(self) -> str:
        rows = self.rows()
        width = max((len(name) for name, _ in rows), default=0)
        return "\n".join(f"{name:{width}}  {value}" for name, value in rows)

    def as_json(self) -> dict[str, Any]:
        """Return every field as what JSON can hold: a tensor is a list, a number that is not finite is None."""
        return {field.name: _plain(getattr(self, field.name)) for field in fields(self)}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the result as JSON, atomically: a reader sees the old file or the new one, never half of it."""
        write_json(path, self.as_json())


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Write a value as JSON, atomically."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    waiting = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        waiting.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        waiting.replace(path)
    finally:
        waiting.unlink(missing_ok=True)


def _plain(value: Any) -> Any:
    """Return a value as what JSON can hold."""
    if isinstance(value, Result):
        return value.as_json()
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Tensor | np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(one) for one in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)
