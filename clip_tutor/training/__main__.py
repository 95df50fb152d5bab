"""Train a model from a shell:

    python -m clip_tutor.training first_light --save runs/first_light.safetensors
    python -m clip_tutor.training emoji --run runs/emoji --seconds 3600 --save runs/emoji.safetensors
    python -m clip_tutor.training config.yaml
    torchrun --nproc-per-node 2 --max-restarts 3 -m clip_tutor.training config.yaml

A recipe or a file says everything; each setting of `TrainConfig` has its option, too, and wins. With a run folder, a
run that was stopped, or lost one of its processes, continues.

    try the test set and the places to write ─▶ prepare ─▶ train ─▶ save ─▶ measure ─▶ save with the figures

A mistake in the settings or in the data ends in one sentence and status 1, a mistake of the kit's in a traceback.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import typing
import warnings
from collections.abc import Sequence
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

import torch

from clip_tutor import zoo
from clip_tutor.data.pairs import PairSet, PairStream
from clip_tutor.data.scenes import Scenes
from clip_tutor.evaluation.report import brief_report, full_report, photo_report
from clip_tutor.evaluation.usable import require_usable
from clip_tutor.printable import printable
from clip_tutor.shell import run_from_shell
from clip_tutor.training.checking import without_none
from clip_tutor.training.config import CHECKPOINT, Record, flat_types
from clip_tutor.training.loop import train
from clip_tutor.training.outputs import how_it_was_made, require_places
from clip_tutor.training.processes import failing_together, gathered, init_distributed, local_device
from clip_tutor.training.recipes import RECIPES, RunParts, prepare, with_settings
from clip_tutor.training.run_folder import LastCheckpointError
from clip_tutor.training.settings import Recipe, read_settings
from clip_tutor.weights import save

ASKED = 10_000  # unseen scenes that a finished model is asked about
LOOKS = 19  # points of a curve


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the options; those of `TrainConfig` and `Efficiency` come from their fields, so that none is forgotten."""
    parser = argparse.ArgumentParser(prog="python -m clip_tutor.training", description=__doc__.split("\n")[0])
    parser.add_argument("recipe", help=f"{', '.join(RECIPES)}, or a YAML file (see clip_tutor.training.settings)")
    parser.add_argument("--run", help="folder for checkpoints and log; a stopped run continues from there")
    parser.add_argument("--save", help="where the finished model goes (.safetensors)")
    parser.add_argument("--curve", help="a JSON file for what a model of scenes can do against the pairs it has seen")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    for field, kind in flat_types().items():
        # The kinds are float, or float | None, or Literal["a", "b"] | None: what can be given is what is not None.
        given = without_none(kind)
        how: dict[str, typing.Any] = {"type": given}
        if typing.get_origin(given) is typing.Literal:
            how = {"choices": typing.get_args(given)}
        elif given is bool:
            how = {"action": argparse.BooleanOptionalAction}
        parser.add_argument("--" + field.replace("_", "-"), help="instead of the recipe's", **how)
    return parser.parse_args(arguments)


def settings_of(options: argparse.Namespace) -> Recipe:
    """Return the run that the options describe."""
    settings = RECIPES[options.recipe] if options.recipe in RECIPES else read_settings(options.recipe)
    changed = {name: getattr(options, name) for name in flat_types() if getattr(options, name) is not None}
    places = {name: getattr(options, name) or getattr(settings, name) for name in ("run", "save", "curve")}
    return replace(with_settings(settings, **changed), **places)


def main(arguments: list[str] | None = None) -> None:
    """Train, save, measure.

    Raises:
        ValueError, KeyError, OSError: the settings, the data, the test set or a place to write cannot be used.
    """
    options = parse(arguments)
    settings = settings_of(options)
    device = _usable_device(options.device)
    with init_distributed(device, settings.timeout) as here:
        with failing_together():
            test = ready(settings)
            parts = prepare(settings, device)
        unsaved: LastCheckpointError | None = None
        try:
            history = train(*parts, settings.train, run=settings.run, **_looks(parts, settings))
        except LastCheckpointError as error:  # the model may still be saved, on another disk perhaps
            unsaved, history, settings = error, error.history, replace(settings, run=None)
        parts = parts._replace(model=gathered(parts.model))
        if here.rank > 0:
            return
        if not history:
            sys.exit("stopped before the first step: there is nothing to save")
        last = history[-1]
        notes = {
            **how_it_was_made("clip_tutor.training", arguments, options.device),
            "steps": last["step"],
            "seconds": last["seconds"],
        }
        if settings.curve:
            write_curve(Path(settings.curve), history, goes_on=settings.start_from is not None)
        keep(parts, settings, notes)  # before a word is printed: nobody may be there any more to read it
        print(f"trained {last['step']:.0f} steps in {last['seconds']:.0f} s, loss {last['loss']:.3f}")
        if settings.save:
            print(printable(f"saved to {settings.save}", sys.stdout))
        if unsaved:
            raise unsaved
        try:
            report = measure(parts, test)
        except BaseException:  # Ctrl-C, too
            print(f"the model was not measured to the end; {_whereabouts(settings)}", file=sys.stderr)
            raise
        for name, value in report.items():
            print(f"{name:40} {value:.3f}")
        if settings.save:
            save(settings.save, parts.model, parts.tokenizer, notes | {"figures": report}, dtype=_dtype(settings))
        print(json.dumps({"steps": last["step"], "seconds": last["seconds"], "loss": last["loss"]} | report))


def ready(settings: Recipe) -> PairSet | PairStream | None:
    """Try whatever a run needs in the end, before it begins, and return its test set; scenes have none.

    Raises:
        KeyError, ValueError, OSError: there is no such model, nothing to measure on, or no place to write.
    """
    zoo.config(settings.model)
    run, save = (Path(place) if place else None for place in (settings.run, settings.save))
    require_places(run, save)
    if settings.train.warmup_steps >= settings.train.steps:
        warnings.warn(
            f"warmup_steps: {settings.train.warmup_steps} are as many as the run has, so that it ends before the "
            "learning rate begins to fall: take fewer",
            stacklevel=2,
        )
    if settings.test is None:
        return None
    if _places(settings.test) == _places(settings.data):
        warnings.warn(
            "test: these are the pairs that the model is trained on, so the figures will say what it has learned by "
            "heart: give pairs that were held out",
            stacklevel=2,
        )
    test = settings.test.pairs()
    require_usable(test, f"test: {settings.test}")
    return test


def keep(parts: RunParts, settings: Recipe, notes: dict[str, Any]) -> None:
    """Save the finished model, if it is to be saved; if that fails in a run without checkpoints, somewhere else.

    Raises:
        OSError: it could not be written where it should be; the message says where it is now.
    """
    if not settings.save:
        return
    try:
        save(settings.save, parts.model, parts.tokenizer, notes, dtype=_dtype(settings))
    except OSError as error:
        try:
            elsewhere = _checkpoint(settings) or Path(tempfile.mkdtemp(), Path(settings.save).name)
            if not settings.run:
                save(elsewhere, parts.model, parts.tokenizer, notes, dtype=_dtype(settings))
        except OSError:
            raise OSError(f"{error}. Nor is there room for temporary files: the model is lost") from error
        raise OSError(f"{error}. The model is in {elsewhere}: clip_tutor.weights.load opens it") from error


def _dtype(settings: Recipe) -> torch.dtype | None:
    return torch.float16 if settings.half else None


def _looks(parts: RunParts, settings: Recipe) -> dict[str, Any]:
    """Return what `train` needs to look at a model of scenes ``LOOKS`` times on its way."""
    if settings.curve is None or not isinstance(parts.source, Scenes):
        return {}
    objects = parts.source.objects
    every = max(1, settings.train.steps // LOOKS)
    return {"evaluate": lambda model: brief_report(model, parts.tokenizer, objects), "evaluate_every": every}


def write_curve(path: Path, history: Sequence[Record], goes_on: bool = False) -> None:
    """Write each figure of `brief_report` as a list, beside the list of pairs seen.

    Args:
        goes_on: the curve that stands there is that of the weights from which this run started; it is made longer.
    """
    looks = [record for record in history if "recall_at_1" in record]
    names = [name for name in looks[0] if name == "recall_at_1" or name.startswith("zero_shot_")] if looks else []
    curve = {"pairs": [record["step"] * record["batch_size"] for record in looks]}
    curve |= {name: [round(record[name], 4) for record in looks] for name in names}
    if goes_on and path.exists():
        first = json.loads(path.read_text(encoding="utf-8"))
        curve["pairs"] = [first["pairs"][-1] + pairs for pairs in curve["pairs"]]
        curve = {name: first[name] + values for name, values in curve.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(curve, indent=1) + "\n", encoding="utf-8")


def measure(parts: RunParts, test: PairSet | PairStream | None) -> dict[str, float]:
    """Return what the finished model can do, on pairs it has not seen."""
    if isinstance(parts.source, Scenes):
        return full_report(parts.model, parts.tokenizer, parts.source.objects, asked=ASKED)
    return photo_report(parts.model, parts.tokenizer, test) if test is not None else {}


def from_shell(arguments: list[str] | None = None) -> None:
    """Run `main`; what the kit raises on purpose ends in its sentence, what it does not in a traceback."""
    run_from_shell(lambda: main(arguments))


def _usable_device(name: str) -> torch.device:
    try:
        device = local_device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"--device: {name} is not here ({str(error).splitlines()[0]}): take cpu") from error
    return device


def _places(data: Any) -> tuple[object, ...]:
    """Return which pairs these settings mean, however their paths are written."""
    return type(data), *(Path(value).resolve() if isinstance(value, str) else value for value in astuple(data))


def _whereabouts(settings: Recipe) -> str:
    place = settings.save or _checkpoint(settings)
    return f"it is saved in {place}" if place else "it is not saved: name a file to save"


def _checkpoint(settings: Recipe) -> Path | None:
    return Path(settings.run) / CHECKPOINT if settings.run else None


if __name__ == "__main__":
    from_shell()
