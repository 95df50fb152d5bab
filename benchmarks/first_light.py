"""First light: train a CLIP from nothing in at most 180 seconds, then ask it everything.

    python benchmarks/first_light.py                  the tiny model on a CPU, or the small one where there is a GPU
    python benchmarks/first_light.py --seed 1         another model, another stream of scenes, other test scenes

The clock runs from the first line of preparation (tokenizer included) to the last step. Tables for people come
first; the last line is one JSON object.
"""

import argparse
import json
import time

import torch
from machine import cpu_name

from clip_tutor.evaluation.report import full_report
from clip_tutor.training import train
from clip_tutor.training.recipes import RECIPES, prepare, with_settings


def main() -> None:
    """Train, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=180.0, help="wall time for preparation and training together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    started = time.perf_counter()
    recipe = with_settings(RECIPES["first_light" if options.device == "cpu" else "first_light_gpu"], seed=options.seed)
    model, tokenizer, scenes = prepare(recipe, options.device)
    left = options.seconds - (time.perf_counter() - started) - 3  # grace for the last step and for stopping the worker
    recipe = with_settings(recipe, seconds=left)
    history = train(model, tokenizer, scenes, recipe.train)
    train_seconds = time.perf_counter() - started
    report = full_report(model, tokenizer, scenes.objects, seed=options.seed)

    where = torch.cuda.get_device_name() if options.device != "cpu" else cpu_name()
    last, batch_size = history[-1], recipe.train.batch_size
    parameters = sum(p.numel() for p in model.parameters())
    print(f"\n{where}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    print(f"model {recipe.model}: {parameters / 1e6:.2f} M parameters; {len(scenes.objects)} objects, {scenes.size} px")
    print(f"{last['step']:.0f} steps of {batch_size} pairs in {train_seconds:.1f} s, preparation included\n")
    print(f"{'1,000 unseen scenes':34} @1     @5     @10")
    for title, key in (
        ("caption finds picture", "recall_at_"),
        ("picture finds caption", "image_to_text_recall_at_"),
        ("caption finds picture, unseen pairs", "compositional_recall_at_"),
    ):
        print(f"{title:34} " + "  ".join(f"{report[f'{key}{k}']:.3f}" for k in (1, 5, 10)))
    print(f"95 % interval of the first figure: {report['recall_at_1_low']:.3f} to {report['recall_at_1_high']:.3f}\n")
    print(f"{'zero-shot':34} one prompt   ensemble")
    for name in ("object", "count", "relation", "background"):
        print(f"{name:34} {report[f'zero_shot_{name}']:.3f}        {report[f'zero_shot_{name}_ensemble']:.3f}")
    figures = {
        "benchmark": "first_light",
        "machine": where,
        "threads": torch.get_num_threads(),
        "seed": options.seed,
        "parameters": parameters,
        "steps": last["step"],
        "train_seconds": train_seconds,
        "pairs_per_second": last["step"] * batch_size / train_seconds,
    }
    print(json.dumps(figures | report))


if __name__ == "__main__":
    main()
