"""What a run leaves behind: the note of how a model was made, and places that are tried first."""

import sys
from pathlib import Path

import pytest
import torch

from clip_tutor.training.outputs import how_it_was_made, require_places


def test_the_note_names_the_command_and_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["train.py", "--steps", "9"])
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    assert how_it_was_made("a.train", None)["command"] == "python -m a.train --steps 9"
    assert how_it_was_made("a.train", ["--seed", "1"])["command"] == "python -m a.train --seed 1"
    assert how_it_was_made("a.train", [])["command"] == "python -m a.train"  # not what this process was given
    assert how_it_was_made("a.train", [], "cuda")["machine"] == f"cuda, 1 thread, torch {torch.__version__}"


def test_places_are_tried_without_leaving_a_trace(tmp_path: Path) -> None:
    require_places(tmp_path / "run", tmp_path / "models" / "a.safetensors")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["models", "run"]
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"run: .*checkpoint.* cannot be written .*: give a place in a folder"):
        require_places(run=tmp_path / "file")
    with pytest.raises(OSError, match=r"save: .* is a folder: give the name of a file in it"):
        require_places(model=tmp_path / "models")
