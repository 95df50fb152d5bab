"""What a search gives: hits, what their scores mean, and what should be said about the query."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, overload


class Hit(NamedTuple):
    """One image that was found."""

    name: str
    score: float  # cosine similarity to the query, -1 to 1
    row: int  # its place in the index
    z: float | None = None  # standard deviations above chance: see `clip_tutor.search.chance`
    fits: bool = True  # whether that is more than chance
    is_query: bool = False  # it is the image that was searched with
    copies: tuple[str, ...] = ()  # names of the same image elsewhere in the index


@dataclass(frozen=True)
class Answer:
    """The hits of one search, the best first; a sequence of `Hit`.

    >>> answer = Answer((Hit("cat.jpg", 0.31, 0, 4.2),), "The best score is 0.31.")
    >>> answer[0].name, len(answer), answer.fits
    ('cat.jpg', 1, True)
    """

    hits: tuple[Hit, ...]
    explanation: str = ""  # whether the best score is high, for this model and these images
    notes: tuple[str, ...] = ()  # what was not read of the query, what a filter left out

    @property
    def fits(self) -> bool:
        """Whether anything was found that fits better than chance; the query image itself does not count."""
        return any(hit.fits for hit in self.hits if not hit.is_query)

    def __len__(self) -> int:
        return len(self.hits)

    def __iter__(self) -> Iterator[Hit]:
        return iter(self.hits)

    @overload
    def __getitem__(self, place: int) -> Hit: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Hit, ...]: ...
    def __getitem__(self, place: int | slice) -> Hit | tuple[Hit, ...]:
        return self.hits[place]

    def __str__(self) -> str:
        lines = [
            f"{hit.score:6.3f}  {'' if hit.z is None else f'{hit.z:+5.1f}'}  {hit.name}"
            + ("  (the query itself)" if hit.is_query else "")
            + (f"  (and {len(hit.copies)} more of it: {', '.join(hit.copies)})" if hit.copies else "")
            for hit in self.hits
        ]
        return "\n".join([*lines, *filter(None, [self.explanation]), *self.notes])
