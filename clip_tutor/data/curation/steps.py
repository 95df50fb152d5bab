"""What a step over shards does with some pairs: it says of each why it is dropped, or nothing.

pairs ─ step ─▶ ["", "min_side", "", "caption_length", …]

A step decides about each pair alone, from the pair and from what it was given (thresholds, counts of the whole
collection, a seed). So the shards may come in any order, on any machine, and give the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from clip_tutor.data.curation.filter_report import name_of, settings_of
from clip_tutor.data.curation.filters import Filter, dropped_by
from clip_tutor.data.curation.web_pair import WebPair


class Step(Protocol):
    """A rule that drops pairs; the card of a data set names it by its settings."""

    @property
    def settings(self) -> dict[str, Any]:
        """Everything that decides what it drops, as values that JSON holds: thresholds, counts, seeds."""
        ...

    @property
    def all_captions(self) -> bool:
        """Whether a record with several captions stays only if all of them are to stay; else one is enough."""
        ...

    def __call__(self, pairs: Sequence[WebPair], /) -> list[str]:
        """Return why each pair is dropped; nothing for one that stays."""
        ...


class FilterStep:
    """The step that drops what any of some filters drops, and of several captions a record with a bad one.

    Args:
        filters: from `clip_tutor.data.curation.filters`, the cheap ones first.

    Raises:
        ValueError: two filters have one name, or one has none.
    """

    all_captions = True

    def __init__(self, filters: Iterable[Filter]) -> None:
        self._filters = list(filters)
        names = [name_of(keeps) for keeps in self._filters]
        if "<lambda>" in names or len(set(names)) < len(names):
            raise ValueError(
                f"a data card calls filters by their names, and these are {', '.join(names)}: give each a name of its "
                "own, with def"
            )
        self.settings: dict[str, Any] = {name_of(keeps): settings_of(keeps) for keeps in self._filters}

    def __call__(self, pairs: Sequence[WebPair], /) -> list[str]:
        """Return the name of the first filter that drops each pair."""
        return [dropped_by(pair, self._filters) for pair in pairs]
