"""What filters did: how many pairs each one dropped, the first of them, and the thresholds that decided."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from clip_tutor.data.curation.web_pair import WebPair

SHOWN = 5  # pairs that each filter dropped, as examples
_LONGEST = 120  # characters of an example


@dataclass
class FilterReport:
    """How many pairs came, how many were kept, and what dropped the others."""

    pairs: int = 0
    kept: int = 0
    dropped: dict[str, int] = field(default_factory=dict)  # by the filter
    examples: dict[str, list[str]] = field(default_factory=dict)  # its first five

    def count(self, pair: WebPair, why: str) -> None:
        """Count a pair: dropped for a reason, most often the name of a filter; kept without one."""
        self.pairs += 1
        if not why:
            self.kept += 1
            return
        self.dropped[why] = self.dropped.get(why, 0) + 1
        shown = self.examples.setdefault(why, [])
        if len(shown) < SHOWN:
            shown.append(f"{pair.name}: {pair.caption}"[:_LONGEST])

    def add(self, other: FilterReport) -> None:
        """Count what another report has counted, of another shard."""
        self.pairs += other.pairs
        self.kept += other.kept
        for why, number in other.dropped.items():
            self.dropped[why] = self.dropped.get(why, 0) + number
            self.examples[why] = [*self.examples.get(why, []), *other.examples.get(why, [])][:SHOWN]

    def __str__(self) -> str:
        lines = [f"{self.kept:,} of {self.pairs:,} pairs kept"]
        for why, number in self.dropped.items():
            lines.append(f"  {number:,} dropped: {why}")
            lines += [f"      {example}" for example in self.examples[why]]
        return "\n".join(lines)


def name_of(function: Callable[..., Any]) -> str:
    """Return what a filter is called; `functools.partial` does not change that.

    >>> name_of(partial(sorted, reverse=True))
    'sorted'
    """
    while isinstance(function, partial):
        function = function.func
    return str(getattr(function, "__name__", type(function).__name__))


def settings_of(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the thresholds of a filter, given ones and defaults, as values that JSON can hold.

    >>> settings_of(partial(round, ndigits=2))
    {'ndigits': 2}
    """
    settings = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.default is not parameter.empty:
            settings[name] = plain(parameter.default)
    return settings


def plain(value: Any) -> Any:
    """Return a value as JSON can hold it.

    A collection, such as the counts that a filter looks up, is told by its size and a fingerprint.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, tuple | list):
        return [plain(one) for one in value]
    if isinstance(value, Mapping):
        return f"{len(value):,} entries, {_fingerprint(f'{key!r}: {one!r}' for key, one in value.items())}"
    if isinstance(value, Collection):
        return f"{len(value):,} entries, {_fingerprint(map(repr, value))}"
    return name_of(value) if callable(value) else repr(value)


def _fingerprint(entries: Any) -> str:
    """Return eight letters that tell collections apart, in whatever order their entries come."""
    total = 0
    for entry in entries:
        total += int.from_bytes(hashlib.blake2b(entry.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
    return f"{total % 2**32:08x}"
