"""The grid of runs that this notebook stands on: noise × scale, filters, kinds of damage, smoothing, two shapes.

    python -m clip_tutor.lessons.nb15_learning_from_noise.grid data/curves

writes ``noise.json``, and goes on where it stopped. One seed after the other, so that what is there at any time is
whole for the seeds before.
"""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor

from clip_tutor.assets import asset
from clip_tutor.lessons.nb15_learning_from_noise import filtering
from clip_tutor.lessons.nb15_learning_from_noise.damage import KINDS, SEED, choose_damage, still_true
from clip_tutor.lessons.nb15_learning_from_noise.runs import Outcome, Shape, learn
from clip_tutor.lessons.nb15_learning_from_noise.world import Pool, World

ONE = 3200  # pairs at 1×
SCALES = (1, 2, 4)
SHARES = (0.0, 0.25, 0.5, 0.75)  # of the captions, damaged
SEEDS = (0, 1, 2)
FILTERED_AT, FILTERED_SHARE = 2, 0.5  # the scale and the share at which filters, kinds and smoothing are compared
FILTERS = ("caption length", "shared caption", "common words", "no boilerplate", "all four", "CLIP score", "the truth")
SMOOTHING = 0.1  # ALIGN's
FILE = "noise.json"


class Run(NamedTuple):
    """What makes one run of the grid."""

    scale: float  # times ONE pairs
    share: float  # of damaged captions
    seed: int
    kind: str = "all"  # of damage
    kept_by: str = ""  # a filter
    smoothing: float = 0.0
    shape: Shape = "CLIP"


def planned(seed: int) -> Iterator[Run]:
    """Yield the runs of one seed."""
    yield from (Run(scale, share, seed) for share in SHARES for scale in SCALES)
    yield Run(0.5, 0.0, seed)
    here = Run(FILTERED_AT, FILTERED_SHARE, seed)
    yield from (here._replace(kept_by=name) for name in FILTERS)
    yield from (here._replace(kind=kind) for kind in KINDS)
    yield from (here._replace(share=share, smoothing=SMOOTHING) for share in SHARES)
    yield from (here._replace(share=share, shape="ALIGN") for share in SHARES)


def damage_of(run: Run, numbers: Tensor) -> Tensor:
    """Return (N,) which damage each pair of a run has."""
    kinds = choose_damage(numbers, "train", run.share, len(KINDS), SEED)
    return kinds if run.kind == "all" else torch.where(kinds > 0, 1 + KINDS.index(run.kind), 0)


def take(world: World, pool: Pool, run: Run) -> tuple[Outcome, int]:
    """Train one run of the grid on the first pairs of a pool; return what came of it, and how many pairs it had."""
    pool = pool.take(torch.arange(round(run.scale * ONE)))
    kinds = damage_of(run, pool.numbers)
    captions = world.captions(pool, kinds)
    kept = None
    if run.kept_by == "the truth":
        kept = still_true(kinds)
    elif run.kept_by == "CLIP score":
        kept = filtering.score_mask(world, pool, captions)
    elif run.kept_by:
        kept = filtering.text_masks(pool, captions)[run.kept_by]
    _, outcome = learn(world, pool, captions, run.seed, kept, run.smoothing, run.shape)
    return outcome, len(captions) if kept is None else int(kept.sum())


def shipped() -> dict[Run, Outcome]:
    """Return the runs that come with the kit."""
    return _read(asset(f"curves/{FILE}"))


def _read(path: Path) -> dict[Run, Outcome]:
    if not path.exists():
        return {}
    written = json.loads(path.read_text(encoding="utf-8"))
    return {Run(**one["run"]): Outcome(**one["outcome"]) for one in cast(list[dict[str, dict[str, Any]]], written)}


def main(folder: Path) -> None:
    """Train what is missing of the grid."""
    path, world = folder / FILE, World()
    done = _read(path)
    for seed in SEEDS:
        missing = [run for run in planned(seed) if run not in done]
        pool = world.pool(max(SCALES) * ONE if missing else 0, seed)
        for run in missing:
            began = time.process_time()
            done[run], pairs = take(world, pool, run)
            _write(path, done)
            print(*run, pairs, done[run], f"{time.process_time() - began:.1f} s", flush=True)


def _write(path: Path, done: dict[Run, Outcome]) -> None:
    lines = []
    for run, outcome in done.items():
        rounded = {name: round(value, 5) for name, value in outcome._asdict().items()}
        lines.append(json.dumps({"run": run._asdict(), "outcome": rounded}))
    path.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]))
