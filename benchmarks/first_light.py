"""First light: train a CLIP from nothing on a given number of pairs, then ask it everything.

    python benchmarks/first_light.py                  the tiny model on a CPU, or the small one where there is a GPU
    python benchmarks/first_light.py --pairs 100000   a shorter run; its learning rate falls to zero just as well
    python benchmarks/first_light.py --seeds 3        three runs, each with its own model, scenes and test scenes
    python benchmarks/first_light.py --twins 0.5      half of the batches are made of twins, which differ in one fact

Machines differ in speed, so a run's length is given in pairs seen; the seconds that they took are reported beside them
(from the first line of preparation, tokenizer included, to the last step; measuring on the way does not count).
Tables for people come first; the last line is one JSON object.
"""

import argparse
import json
import statistics
import time
from dataclasses import replace
from typing import NamedTuple

import torch
from machine import machine

from clip_tutor.data.sources import ScenesData
from clip_tutor.evaluation.report import full_report, retrieval_on
from clip_tutor.model import CLIP
from clip_tutor.training import train
from clip_tutor.training.recipes import RECIPES, prepare, with_settings

MOMENTS = 5  # of a run at which recall is measured
HEADINGS = {
    "recall_at_1": "recall@1, caption finds image",
    "image_to_text_recall_at_1": "recall@1, image finds caption",
    "compositional_recall_at_1": "recall@1, pairs never shown",
    "zero_shot_object": "zero-shot: object",
    "zero_shot_count": "zero-shot: count (of 4)",
    "zero_shot_relation": "zero-shot: relation (of 4)",
    "zero_shot_background": "zero-shot: background (of 12)",
}


class Run(NamedTuple):
    """What one seed gave."""

    pairs: int
    seconds: float  # training and preparation
    curve: list[tuple[int, float, float]]  # pairs seen, seconds, recall@1
    report: dict[str, float]


def run(pairs: int, seed: int, device: str, twins: float = 0.0) -> Run:
    """Train on ``pairs`` pairs and measure."""
    started = time.perf_counter()
    recipe = RECIPES["first_light" if device == "cpu" else "first_light_gpu"]
    batch_size = recipe.train.batch_size
    steps = max(1, pairs // batch_size)
    recipe = replace(with_settings(recipe, seed=seed, steps=steps), data=ScenesData("everyday", twins))
    model, tokenizer, scenes = prepare(recipe, device)
    prepared, measuring = time.perf_counter() - started, [0.0]

    def look(model: CLIP) -> dict[str, float]:
        began = time.perf_counter()
        report = retrieval_on(model, tokenizer, scenes.objects, seed=seed)
        measuring.append(time.perf_counter() - began)
        return report

    every = max(1, steps // MOMENTS)
    history = train(model, tokenizer, scenes, recipe.train, evaluate=look, evaluate_every=every)
    looks = [record for record in history if "recall_at_1" in record]
    curve = [
        (
            int(record["step"]) * batch_size,
            prepared + record["seconds"] - sum(measuring[: n + 1]),
            record["recall_at_1"],
        )
        for n, record in enumerate(looks)
    ]
    return Run(steps * batch_size, curve[-1][1], curve, full_report(model, tokenizer, scenes.objects, seed=seed))


def main() -> None:
    """Train, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pairs", type=int, default=150_000, help="pairs seen in training")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=1, help="how many runs, with --seed and the seeds after it")
    parser.add_argument("--twins", type=float, default=0.0, help="the share of batches that are made of twins")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    seeds = range(options.seed, options.seed + options.seeds)
    runs = [run(options.pairs, seed, options.device, options.twins) for seed in seeds]

    print(f"\n{machine(options.device)};  {runs[0].pairs:,} pairs, seeds {', '.join(map(str, seeds))}")
    print(
        f"\n{'pairs seen':>12} {'seconds':>9}   recall@1 among 1,000 unseen scenes"
        + " (mean of the seeds)" * (len(runs) > 1)
    )
    for moments in zip(*(run.curve for run in runs), strict=True):
        pairs, seconds, recall = (statistics.mean(values) for values in zip(*moments, strict=True))
        print(f"{pairs:12,.0f} {seconds:9.1f}   {recall:.3f}")
    print(f"\n{'':34} mean    each seed")
    for key, heading in HEADINGS.items():
        values = [run.report[key] for run in runs]
        print(f"{heading:34} {statistics.mean(values):.3f}   {' '.join(f'{value:.3f}' for value in values)}")
    figures = {
        "benchmark": "first_light",
        "machine": machine(options.device),
        "pairs": runs[0].pairs,
        "seeds": list(seeds),
        "twins": options.twins,
        "seconds": statistics.mean(run.seconds for run in runs),
        "pairs_per_second": runs[0].pairs / statistics.mean(run.seconds for run in runs),
        "curve": [run.curve for run in runs],
    }
    report = {key: statistics.mean(run.report[key] for run in runs) for key in runs[0].report}
    print(json.dumps(figures | report))


if __name__ == "__main__":
    main()
