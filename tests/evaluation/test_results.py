"""A result prints as a table and is written as JSON."""

import json
from dataclasses import dataclass, field

import numpy as np
import torch

from clip_tutor.evaluation.results import Result


@dataclass(frozen=True)
class Part(Result):
    top: float = 0.5

    def rows(self) -> list[tuple[str, str]]:
        return [("top", f"{self.top:.2f}"), ("longer name", "1")]


@dataclass(frozen=True)
class Whole(Result):
    part: Part = field(default_factory=Part)
    table: torch.Tensor = field(default_factory=lambda: torch.tensor([[1, 2], [3, 4]]))
    shares: dict[str, float] = field(default_factory=lambda: {"ä": float("nan"), "b": np.float32(0.5)})

    def rows(self) -> list[tuple[str, str]]:
        return self.part.rows()


def test_a_result_prints_as_a_table():
    assert str(Whole()) == "top          0.50\nlonger name  1"


def test_a_result_is_written_as_json(tmp_path):
    Whole().save(tmp_path / "deep" / "result.json")
    read = json.loads((tmp_path / "deep" / "result.json").read_text(encoding="utf-8"))
    assert read == {"part": {"top": 0.5}, "table": [[1, 2], [3, 4]], "shares": {"ä": None, "b": 0.5}}
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["result.json"]
