"""How many captions of unseen scenes are true? A captioner's figures, beside those of its controls.

captioner ─┐
shuffled  ─┤
blind     ─┼─ captions ─ read back into facts ─▶ share that is right, for each fact and for all at once
nearest   ─┘
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from clip_tutor.applications.captioning.controls import Collapse, collapse
from clip_tutor.applications.captioning.facts import FACTS, CaptionReader, facts_right
from clip_tutor.data.scenes import Scene
from clip_tutor.evaluation.results import Result
from clip_tutor.evaluation.retrieval import bootstrap_interval

ALL = "all facts"


@dataclass(frozen=True)
class Share:
    """How often captions are right about a fact, with the 95 % bootstrap interval."""

    right: float
    low: float
    high: float
    asked: int

    @classmethod
    def of(cls, hits: Tensor) -> Share:
        """Return the share of (N,) hits."""
        return cls(hits.float().mean().item(), *bootstrap_interval(hits), len(hits))

    def __str__(self) -> str:
        return f"{self.right:.3f} ({self.low:.3f} to {self.high:.3f})   n = {self.asked:,}"


@dataclass(frozen=True)
class CaptionReport(Result):
    """What the captions of some scenes are right about, and how alike they are."""

    shares: dict[str, Share]  # of each fact; "object" of scenes of one, of several, of a pair; "all facts"
    collapse: Collapse

    def rows(self) -> list[tuple[str, str]]:
        """Return one line a fact."""
        rows = [(name, str(share)) for name, share in self.shares.items()]
        rows.append(("captions that differ", f"{self.collapse.distinct:.3f}"))
        most = f"{self.collapse.most_frequent:.3f}: {self.collapse.caption!r}"
        return [*rows, ("the most frequent one", most)]


def fact_hits(captions: Sequence[str], scenes: Sequence[Scene], reader: CaptionReader) -> dict[str, Tensor]:
    """Return for each fact, of the scenes that have it, whether the caption is right about it: a bool a scene.

    "all facts" has every scene. "object, one", "object, several" and "object, pair" have those of a kind.
    """
    found = [facts_right(reader.read(caption), scene) for caption, scene in zip(captions, scenes, strict=True)]
    hits = {fact: [right[fact] for right in found if fact in right] for fact in FACTS}
    for kind in ("one", "several", "pair"):
        of_kind = zip(found, scenes, strict=True)
        hits[f"object, {kind}"] = [right["object"] for right, scene in of_kind if scene.kind == kind]
    hits[ALL] = [all(right.values()) for right in found]
    return {name: torch.tensor(values) for name, values in hits.items() if values}


def caption_report(captions: Sequence[str], scenes: Sequence[Scene], reader: CaptionReader) -> CaptionReport:
    """Return what N captions of N scenes are right about.

    Raises:
        ValueError: there are none.
    """
    shares = {name: Share.of(hits) for name, hits in fact_hits(captions, scenes, reader).items()}
    return CaptionReport(shares, collapse(captions))
