"""Train a model from a shell:

    python -m clip_tutor.training first_light --save runs/first_light.safetensors
    python -m clip_tutor.training emoji --run runs/emoji --seconds 3600 --save runs/emoji.safetensors
    python -m clip_tutor.training config.yaml
    torchrun --nproc-per-node 2 --max-restarts 3 -m clip_tutor.training config.yaml

A recipe or a file says everything; each setting of `TrainConfig` has its option, too, and wins. With a run folder, a
run that was stopped, or lost one of its processes, continues.
"""

from __future__ import annotations

import argparse
import json
import sys
import types
import typing
from dataclasses import fields, replace
from pathlib import Path

import torch

from clip_tutor.data.scenes import Scenes
from clip_tutor.data.sources import each_pair
from clip_tutor.evaluation.report import full_report, photo_report
from clip_tutor.training.config import TrainConfig
from clip_tutor.training.loop import train
from clip_tutor.training.processes import LostProcessError, joined, own_device
from clip_tutor.training.recipes import RECIPES, Kit, prepare
from clip_tutor.training.settings import RunConfig, read_settings
from clip_tutor.weights import save


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the options; those of `TrainConfig` come from its fields, so that the two cannot drift apart."""
    parser = argparse.ArgumentParser(prog="python -m clip_tutor.training", description=__doc__.split("\n")[0])
    parser.add_argument("recipe", help=f"{', '.join(RECIPES)}, or a YAML file (see clip_tutor.training.settings)")
    parser.add_argument("--run", help="folder for checkpoints and log; a stopped run continues from there")
    parser.add_argument("--save", help="where the finished model goes (.safetensors)")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    for field, kind in typing.get_type_hints(TrainConfig).items():
        # The kinds are float, or float | None, or Literal["a", "b"] | None: what can be given is what is not None.
        given = next((k for k in typing.get_args(kind) if k is not types.NoneType), kind)
        literal = kind if typing.get_origin(kind) is typing.Literal else given
        how: dict[str, typing.Any] = {"type": given}
        if typing.get_origin(literal) is typing.Literal:
            how = {"choices": typing.get_args(literal)}
        elif given is bool:
            how = {"action": argparse.BooleanOptionalAction}
        parser.add_argument("--" + field.replace("_", "-"), help="instead of the recipe's", **how)
    return parser.parse_args(arguments)


def settings_of(options: argparse.Namespace) -> RunConfig:
    """Return the run that the options describe."""
    settings = RECIPES[options.recipe] if options.recipe in RECIPES else read_settings(options.recipe)
    changed = {f.name: getattr(options, f.name) for f in fields(TrainConfig) if getattr(options, f.name) is not None}
    train_config = replace(settings.train, **changed)
    return replace(settings, train=train_config, run=options.run or settings.run, save=options.save or settings.save)


def main(arguments: list[str] | None = None) -> None:
    """Train, measure, save."""
    options = parse(arguments)
    settings = settings_of(options)
    device = own_device(options.device)
    with joined(device, settings.patience) as here:
        kit = prepare(settings, device)
        history = train(*kit, settings.train, run=settings.run)
        if here.rank > 0:
            return
        last = history[-1]
        print(f"trained {last['step']:.0f} steps in {last['seconds']:.0f} s, loss {last['loss']:.3f}")
        report = measure(kit, settings)
        for name, value in report.items():
            print(f"{name:40} {value:.3f}")
        if settings.save:
            notes = {
                "command": " ".join(["python -m clip_tutor.training", *(arguments or sys.argv[1:])]),
                "machine": f"{options.device}, {torch.get_num_threads()} threads, torch {torch.__version__}",
                "steps": last["step"],
                "seconds": last["seconds"],
                "figures": report,
            }
            save(Path(settings.save), kit.model, kit.tokenizer, notes)
            print(f"saved to {settings.save}")
        print(json.dumps({"steps": last["step"], "seconds": last["seconds"], "loss": last["loss"]} | report))


def measure(kit: Kit, settings: RunConfig) -> dict[str, float]:
    """Return what the finished model can do, on pairs it has not seen."""
    if isinstance(kit.source, Scenes):
        return full_report(kit.model, kit.tokenizer, kit.source.objects)
    if settings.test:
        return photo_report(kit.model, kit.tokenizer, list(each_pair(settings.test.pairs())))
    return {}


if __name__ == "__main__":
    try:
        main()
    except LostProcessError as error:
        sys.exit(str(error))
