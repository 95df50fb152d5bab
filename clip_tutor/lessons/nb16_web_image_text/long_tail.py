"""The same small CLIP trained on all pairs of a long tail, on balanced ones, and on as few at random.

    8,000 pairs of 48 things ─┬─ all of them ──────────────────┐
                              ├─ balanced with t ──────────────┼─ as many steps ─▶ which unseen images are named right
                              └─ as many at random, for each t ┘

Each of three seeds has other pairs, another order of the things and another model. What it took seven minutes of one
CPU core to train ships in ``data/curves``, made by

    python -m clip_tutor.lessons.nb16_web_image_text.long_tail data/curves/long_tail.json

A run that is stopped goes on where it was.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from clip_tutor.allocator import keep_freed_memory
from clip_tutor.assets import asset
from clip_tutor.data.batches import as_ids
from clip_tutor.data.captions import singular
from clip_tutor.data.curation.automaton import QueryMatcher
from clip_tutor.data.curation.balancing import BalanceReport, balance, count_matches
from clip_tutor.embedding import encode_images
from clip_tutor.evaluation.zero_shot import class_features
from clip_tutor.lessons.nb16_web_image_text.corpus import (
    HEAD,
    MIDDLE,
    PIXELS,
    TAIL,
    encyclopaedia,
    list_queries,
    long_tail,
    things,
    unseen,
)
from clip_tutor.model import CLIP, CLIPConfig
from clip_tutor.tokenizers import BPETokenizer
from clip_tutor.towers import TextConfig, ViTConfig
from clip_tutor.training.plain import train_step
from clip_tutor.training.schedule import make_optimizer, warmup_cosine

PAIRS, EACH = 8000, 20  # of the pool; unseen images of each thing
BATCH, STEPS, WARMUP, RATE = 256, 300, 20, 3e-3
THRESHOLDS = (100, 30, 10)
SEEDS = (0, 1, 2)
VOCABULARY, CONTEXT = 1000, 16


class Run(NamedTuple):
    """What became of one training."""

    way: str  # "all", "balanced" or "random"
    t: int  # 0 where all pairs were used
    seed: int
    pairs: int  # different ones
    right: tuple[float, ...]  # (M,) the share of unseen images of each thing that were named, by rank

    @property
    def groups(self) -> tuple[float, float, float]:
        """Accuracy on the things of the head, the middle and the tail."""
        head, middle, tail = (float(np.mean(self.right[part])) for part in (HEAD, MIDDLE, TAIL))
        return head, middle, tail


class Task:
    """The pairs of one seed, and what a model that learned from some of them is asked."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.pool, self.unseen = long_tail(PAIRS, seed), unseen(EACH, seed)
        self.words = BPETokenizer.train(self.pool.captions, VOCABULARY, CONTEXT)
        self.ids = as_ids(self.words, self.pool.captions)
        self.queries = list_queries(encyclopaedia()).queries
        self.matches = QueryMatcher(self.queries).match(self.pool.captions)
        self.counts = count_matches([self.matches], len(self.queries))

    def balanced(self, t: int) -> NDArray[np.int64]:
        """Return the numbers of the pairs that stay."""
        names = [f"pair {n}" for n in range(PAIRS)]
        return np.flatnonzero(balance(names, self.matches, self.counts, BalanceReport(t, self.seed)))

    def random(self, pairs: int) -> NDArray[np.int64]:
        """Return the numbers of some pairs, drawn without looking at them."""
        return np.random.default_rng([self.seed, 2]).permutation(PAIRS)[:pairs]

    def learn(self, rows: NDArray[np.int64], steps: int = STEPS) -> CLIP:
        """Return a model that was trained with some of the pairs, each as often as the others."""
        torch.manual_seed(self.seed)
        model = fresh().train()
        optimizer, generator = make_optimizer(model, 0.1), np.random.default_rng([self.seed, 3])
        epochs = -(-steps * BATCH // len(rows))
        order = np.concatenate([generator.permutation(rows) for _ in range(epochs)])
        for step in range(steps):
            now = torch.from_numpy(order[step * BATCH : (step + 1) * BATCH])
            lr = warmup_cosine(step, steps, WARMUP, RATE)
            train_step(model, optimizer, self.pool.pixels[now], self.ids[now], lr)
        return model.eval()

    def named_right(self, model: CLIP) -> Tensor:
        """Return (M,): which share of the unseen images of each thing gets its name among all 48."""
        names = [[singular(thing.noun)] for thing in things(self.seed)]
        classes = class_features(model, self.words, names)  # (M, E)
        named = (encode_images(model, self.unseen.pixels) @ classes.T).argmax(dim=1).numpy()
        return torch.from_numpy(named == self.unseen.ranks).float().view(len(names), EACH).mean(dim=1)

    def run(self, way: str, t: int, rows: NDArray[np.int64]) -> Run:
        """Train with some of the pairs and say what became of it."""
        right = tuple(round(share, 3) for share in self.named_right(self.learn(rows)).tolist())
        return Run(way, t, self.seed, len(rows), right)


def fresh() -> CLIP:
    """Return an untrained model, smaller than the kit's own ones."""
    vision = ViTConfig(PIXELS, 16, 64, layers=2, heads=2, activation="gelu", stem_channels=(16, 32, 64))
    text = TextConfig(VOCABULARY, CONTEXT, 64, layers=1, heads=2, activation="gelu")
    return CLIP(CLIPConfig(64, vision, text)).to(memory_format=torch.channels_last)


def shipped() -> list[Run]:
    """Return the runs that come with the kit."""
    written = json.loads(asset("curves/long_tail.json").read_text(encoding="utf-8"))
    return [_as_run(one) for one in written["runs"]]


def _as_run(one: dict[str, Any]) -> Run:
    return Run(one["way"], one["t"], one["seed"], one["pairs"], tuple(one["right"]))


def main(file: Path) -> None:
    """Train what is not there yet, and write each run as soon as it is over."""
    keep_freed_memory()
    runs = [_as_run(one) for one in json.loads(file.read_text("utf-8"))["runs"]] if file.exists() else []
    for seed in SEEDS:
        task = Task(seed)
        wanted = [("all", 0, np.arange(PAIRS))]
        for t in THRESHOLDS:
            chosen = task.balanced(t)
            wanted += [("balanced", t, chosen), ("random", t, task.random(len(chosen)))]
        for way, t, rows in wanted:
            if any((run.way, run.t, run.seed) == (way, t, seed) for run in runs):
                continue
            runs.append(task.run(way, t, rows))
            print(*runs[-1][:4], *(f"{share:.3f}" for share in runs[-1].groups), flush=True)
            text = ",\n".join(json.dumps(run._asdict()) for run in runs)
            file.write_text(f'{{"steps": {STEPS}, "batch": {BATCH}, "runs": [\n{text}\n]}}\n', encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
