"""Train a model from a shell:

    python -m clip_tutor.training first_light --save runs/first_light.safetensors
    python -m clip_tutor.training emoji --run runs/emoji --seconds 3600 --save runs/emoji.safetensors

Each setting of a recipe has its option. With ``--run FOLDER`` a run that was stopped continues.
"""

from __future__ import annotations

import argparse
import sys
import types
import typing
from dataclasses import fields
from pathlib import Path

import torch

from clip_tutor.evaluation.report import full_report
from clip_tutor.training.config import TrainConfig
from clip_tutor.training.loop import train
from clip_tutor.training.recipes import RECIPES, prepare, with_settings
from clip_tutor.weights import save


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the options; those of `TrainConfig` come from its fields, so that the two cannot drift apart."""
    parser = argparse.ArgumentParser(prog="python -m clip_tutor.training", description=__doc__.split("\n")[0])
    parser.add_argument("recipe", choices=RECIPES, help="which model, on which objects, trained how")
    parser.add_argument("--run", type=Path, help="folder for checkpoints; a stopped run continues from there")
    parser.add_argument("--save", type=Path, help="where the finished model goes (.safetensors)")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    for field, kind in typing.get_type_hints(TrainConfig).items():
        plain = next(k for k in typing.get_args(kind) if k is not types.NoneType) if typing.get_args(kind) else kind
        parser.add_argument(f"--{field.replace('_', '-')}", type=plain, help="instead of the recipe's")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Train, measure, save."""
    options = parse(arguments)
    changed = {f.name: getattr(options, f.name) for f in fields(TrainConfig) if getattr(options, f.name) is not None}
    recipe = with_settings(RECIPES[options.recipe], **changed)
    model, tokenizer, scenes = prepare(recipe, options.device)
    history = train(model, tokenizer, scenes, recipe.train, run=options.run)
    last = history[-1]
    print(f"trained {last['step']:.0f} steps in {last['seconds']:.0f} s, loss {last['loss']:.3f}")
    report = full_report(model, tokenizer, scenes.objects)
    for name, value in report.items():
        print(f"{name:40} {value:.3f}")
    if options.save:
        notes = {
            "command": " ".join(["python -m clip_tutor.training", *(arguments or sys.argv[1:])]),
            "machine": f"{options.device}, {torch.get_num_threads()} threads, torch {torch.__version__}",
            "steps": last["step"],
            "seconds": last["seconds"],
            "figures": report,
        }
        save(options.save, model, tokenizer, notes)
        print(f"saved to {options.save}")


if __name__ == "__main__":
    main()
