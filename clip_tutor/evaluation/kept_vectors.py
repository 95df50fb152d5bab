"""Vectors that survive an interruption: written as they come, and found again by the same command.

    batch ─▶ batch ─▶ batch ─ every half minute, and when it ends in whatever way ─▶ file
                                        the same again ─▶ goes on behind the last row

The file is of use to the same model and the same set alone: both are written into it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

from clip_tutor.data.labelled import LabelledImages
from clip_tutor.evaluation.encoding import WORKERS, Encode, Encoded, encode_pieces, joined, require_some
from clip_tutor.model import CLIP
from clip_tutor.weights import read_tensors, write_tensors

EVERY = 30.0  # seconds


def encode_keeping(
    model: CLIP,
    labelled: LabelledImages,
    path: Path | None,
    key: str,
    encode: Encode | None = None,
    workers: int = WORKERS,
    seen: Callable[[int], object] = lambda rows: None,
) -> Encoded:
    """Return what `encode_labelled` does, from where an earlier call was interrupted.

    Args:
        path: the file; None: nothing is kept.
        key: says which model and which set these are: another key, another beginning.
        seen: is told how many rows were just done.

    Raises:
        ValueError: not one image can be decoded and encoded.
        OSError: the file cannot be written.
    """
    done, kept = _read(path, key) if path else (0, joined([]))
    pieces = [kept]
    seen(done)
    written, saved = time.monotonic(), done
    try:
        for end, piece in encode_pieces(model, labelled, workers, encode, start=done):
            pieces.append(piece)
            seen(end - done)
            done = end
            if path and time.monotonic() - written > EVERY:
                pieces = [joined(pieces)]
                _write(path, key, done, pieces[0])
                written, saved = time.monotonic(), done
    finally:
        encoded = joined(pieces)
        if path and done > saved:
            _write(path, key, done, encoded)
    require_some(encoded)
    return encoded


def _write(path: Path, key: str, done: int, encoded: Encoded) -> None:
    tensors = {"features": encoded.features, "labels": encoded.labels, "rows": encoded.rows}
    facts = {"key": key, "done": str(done), "problems": json.dumps(encoded.problems)}
    write_tensors(path, tensors, facts)


def _read(path: Path, key: str) -> tuple[int, Encoded]:
    """Return how many rows were done, and what they gave; nothing where the file is another's, or no good."""
    try:
        tensors, facts = read_tensors(path)
        if facts.get("key") != key:
            return 0, joined([])
        found = Encoded(tensors["features"], tensors["labels"], tensors["rows"], json.loads(facts["problems"]))
        return int(facts["done"]), found
    except (FileNotFoundError, KeyError, ValueError):
        return 0, joined([])
