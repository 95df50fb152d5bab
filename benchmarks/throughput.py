"""How many pairs a second training takes in, and how many scenes a second are drawn.

    python benchmarks/throughput.py                       this checkout
    python benchmarks/throughput.py --against ../before   the same of another checkout, taking turns with this one

Each measurement is a process of its own, so that none inherits another's memory. A table for people comes first; the
last line is one JSON object.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from machine import machine

from clip_tutor.data.emoji import load_emoji
from clip_tutor.data.scenes import Scenes
from clip_tutor.training import train
from clip_tutor.training.recipes import RECIPES, prepare, with_settings

HERE = Path(__file__).resolve().parents[1]
BATCH = 256
TITLES = {
    "pairs_per_second": "pairs trained a second, tiny model",
    "loss": "its loss after these steps",
    "scenes_per_second_at_first": "scenes drawn a second, all 1,870 emoji, the first 2,560",
    "scenes_per_second": "the same, after 25,600",
}


def measure(steps: int) -> dict[str, float]:
    """Return one measurement of the code that Python finds first."""
    recipe = with_settings(RECIPES["first_light"], seconds=None, steps=steps, workers=0, record_every=5)
    model, tokenizer, scenes = prepare(recipe)
    history = train(model, tokenizer, scenes, recipe.train)
    drawn = [_draw(Scenes(load_emoji(), seed=0), 0)]
    everything = Scenes(load_emoji(), seed=1)
    for k in range(10):
        _draw(everything, k)
    drawn.append(_draw(everything, 10))
    paces = [record["pairs_per_second"] for record in history[1:]]
    return {
        "pairs_per_second": statistics.median(paces),
        "loss": history[-1]["loss"],
        "scenes_per_second_at_first": drawn[0],
        "scenes_per_second": drawn[1],
    }


def _draw(scenes: Scenes, k: int) -> float:
    """Return how many scenes a second ten batches take."""
    began = time.perf_counter()
    for n in range(10 * k, 10 * k + 10):
        scenes.batch(range(n * BATCH, (n + 1) * BATCH))
    return 10 * BATCH / (time.perf_counter() - began)


def main() -> None:
    """Measure, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--against", help="the folder of another checkout")
    parser.add_argument("--steps", type=int, default=40, help="training steps of a measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measure(options.steps)))
        return
    checkouts = {"here": HERE} | ({"there": Path(options.against).resolve()} if options.against else {})
    found: dict[str, list[dict[str, float]]] = {name: [] for name in checkouts}
    for _ in range(options.rounds):
        for name, folder in checkouts.items():
            command = [sys.executable, __file__, "--child", "--steps", str(options.steps)]
            environment = os.environ | {"PYTHONPATH": str(folder)}
            ran = subprocess.run(command, capture_output=True, text=True, check=True, env=environment, cwd=folder)
            found[name].append(json.loads(ran.stdout.strip().split("\n")[-1]))
    medians = {
        name: {key: statistics.median(one[key] for one in measured) for key in TITLES}
        for name, measured in found.items()
    }
    print(f"{machine()};  medians of {options.rounds} rounds of {options.steps} steps\n")
    print(f"{'':58}" + "".join(f"{name:>12}" for name in medians) + ("       ratio" if options.against else ""))
    for key, title in TITLES.items():
        values = [median[key] for median in medians.values()]
        ratio = f"{values[0] / values[1]:12.2f}" if options.against else ""
        print(f"{title:58}" + "".join(f"{value:12,.2f}" for value in values) + ratio)
    figures = {"benchmark": "throughput", "machine": machine(), "steps": options.steps, "rounds": options.rounds}
    if options.against:
        figures |= {f"{key}_ratio": medians["here"][key] / medians["there"][key] for key in TITLES}
    print(json.dumps(figures | medians["here"]))


if __name__ == "__main__":
    main()
