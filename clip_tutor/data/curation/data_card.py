"""The card of a data set: how many pairs came and went, what decided it, and what could not be read.

curated/00000.tar
        00001.parquet
        cards/00000.tar.json       a card of each shard, written last: with it, the shard counts as finished
        cards/00001.parquet.json
        data_card.md               all of them together, for people
        data_card.json             the same for programs
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from clip_tutor.data.curation.filter_report import FilterReport
from clip_tutor.data.whole_files import whole_file

CARDS, CARD = "cards", "data_card"


@dataclass
class DataCard:
    """What a step did to some shards."""

    settings: dict[str, Any]  # of the step
    shards: int = 0
    report: FilterReport = field(default_factory=FilterReport)
    faults: dict[str, str] = field(default_factory=dict)  # of shards that could not be read to their end

    def add(self, other: DataCard) -> None:
        """Count what the card of other shards has counted."""
        self.shards += other.shards
        self.report.add(other.report)
        self.faults |= other.faults

    def write(self, path: Path, **more: Any) -> None:
        """Write it as JSON.

        Raises:
            OSError: it could not be written.
        """
        with whole_file(path) as file:
            file.write(json.dumps({**asdict(self), **more}, indent=1).encode())

    @classmethod
    def of(cls, said: dict[str, Any]) -> DataCard:
        """Return the card that was written as this.

        Raises:
            KeyError, TypeError: it was something else.
        """
        return cls(said["settings"], said["shards"], FilterReport(**said["report"]), said["faults"])

    def __str__(self) -> str:
        lines = [
            "# Data card",
            "",
            f"{self.shards:,} shards: {self.report.kept:,} of {self.report.pairs:,} pairs kept.",
        ]
        lines += ["", "| rule | settings |", "|---|---|"]
        lines += [f"| {name} | {_said(settings)} |" for name, settings in self.settings.items()]
        lines += ["", "| dropped | pairs | share |", "|---|---|---|"]
        for why, number in self.report.dropped.items():
            lines.append(f"| {why} | {number:,} | {number / self.report.pairs:.1%} |")
        for why, examples in self.report.examples.items():
            lines += ["", f"Dropped first by {why}:" if why in self.settings else f"Dropped first, {why}:", ""]
            lines += [f"    {' '.join(example.split())}" for example in examples]
        if self.faults:
            lines += ["", f"{len(self.faults):,} shards could not be read to their end. What came before counts:", ""]
            lines += [f"    {shard}: {fault}" for shard, fault in self.faults.items()]
        return "\n".join([*lines, ""])


def _said(settings: Any) -> str:
    if not isinstance(settings, dict):
        return str(settings)
    return ", ".join(f"{name} = {value}" for name, value in settings.items()) or "none"
