"""Measure a model from a shell:

    python -m clip_tutor.evaluation emoji --data scenes
    python -m clip_tutor.evaluation emoji --data scenes --task classify retrieval hard-negatives --save found.json
    python -m clip_tutor.evaluation ViT-B/32 --weights openai --data cifar10:downloads --task classify probe
    python -m clip_tutor.evaluation runs/mine.safetensors --data folder:photos --templates "a photo of a {}"

The model is one of the zoo with weights, a file of the kit, or "emoji". Tables are printed, and JSON is written where
--save says: after each task, so that a later one which fails takes nothing away. While images are encoded, their
vectors are kept beside that file; after an interruption the same command goes on behind them.

A mistake in the settings or in the data ends in one sentence and status 1, a mistake of the kit's in a traceback.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import torch

from clip_tutor.data.labelled.names import imagenet_names, read_lines
from clip_tutor.data.labelled.opening import KINDS
from clip_tutor.evaluation.prompts import OPENAI, TEMPLATES, read_templates
from clip_tutor.evaluation.results import write_json
from clip_tutor.evaluation.tasks import SCENES, TASKS, Job
from clip_tutor.printable import printable
from clip_tutor.shell import run_from_shell
from clip_tutor.weights import load


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(prog="python -m clip_tutor.evaluation", description=__doc__.split("\n")[0])
    parser.add_argument("model", help='a model of the zoo, the path of a file of the kit, or "emoji"')
    parser.add_argument("--weights", help="of a model of the zoo: a published tag, or a file")
    parser.add_argument("--data", default=SCENES, help=f"{', '.join(KINDS)}, with a place behind a colon: %(default)s")
    parser.add_argument("--task", nargs="+", choices=TASKS, default=["classify"], help="one or several: classify")
    parser.add_argument("--split", help="which is measured; not given, the test split or all there is")
    parser.add_argument("--train-split", default="train", help="of a probe and of --temperature: %(default)s")
    parser.add_argument("--names", help='a file with the name of a class a line, or "imagenet"')
    sets = ", ".join([*TEMPLATES, OPENAI])
    parser.add_argument("--templates", help=f'{sets}, "a photo of a {{}}", or a file with one a line')
    parser.add_argument("--classifier", type=Path, help="a saved classifier, instead of names and templates")
    parser.add_argument("--save-classifier", type=Path, help="where the classifier goes (.safetensors)")
    parser.add_argument("--temperature", action="store_true", help="calibrate: fit one on the training split")
    parser.add_argument("--limit", type=int, help="measure on so many images only, spread over the set")
    parser.add_argument("--save", type=Path, help="where the results go (.json)")
    parser.add_argument("--workers", type=int, default=min(16, os.cpu_count() or 1), help="threads: %(default)s")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> dict[str, Any]:
    """Measure, print, write; return what was found, by task.

    Raises:
        KeyError, ValueError, OSError: the settings, the data or a place to write cannot be used.
    """
    options = parse(arguments)
    vectors = options.save.with_name(options.save.name + ".vectors") if options.save else None
    job = job_of(options, vectors)
    found: dict[str, Any] = {
        "model": options.model,
        "weights": options.weights,
        "data": options.data,
        "split": options.split,
        "templates": job.templates,
    }
    try:
        for task in dict.fromkeys(options.task):
            result = TASKS[task](job)
            found[task] = result.as_json()
            if options.save:
                write_json(options.save, found)
            print(printable(f"{task}\n{result}\n", sys.stdout), flush=True)
    except BaseException:
        if vectors and vectors.exists():
            print(
                printable(f"not finished: the same command goes on behind what is in {vectors}", sys.stderr),
                file=sys.stderr,
            )
        raise
    if vectors:
        shutil.rmtree(vectors, ignore_errors=True)
    if options.save:
        print(printable(f"saved to {options.save}", sys.stdout))
    return found


def job_of(options: argparse.Namespace, vectors: Path | None) -> Job:
    """Return what is to be done; all that can be wrong without looking at an image is found here."""
    if options.save:
        options.save.parent.mkdir(parents=True, exist_ok=True)
    templates = read_templates(options.templates or ("scenes" if options.data.startswith(SCENES) else "photo"))
    names = None
    if options.names:
        names = imagenet_names() if options.names == "imagenet" else read_lines(options.names)
    loaded = load(options.model, weights=options.weights)
    try:
        loaded.model.to(options.device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"--device: {options.device} is not here ({str(error).splitlines()[0]}): take cpu") from error
    return Job(
        loaded,
        options.data,
        options.split,
        options.train_split,
        names,
        templates,
        options.classifier,
        options.save_classifier,
        options.temperature,
        options.limit,
        options.workers,
        vectors,
    )


def from_shell(arguments: list[str] | None = None) -> None:
    """Run `main`; what the kit raises on purpose ends in its sentence, what it does not in a traceback."""
    run_from_shell(lambda: main(arguments))


if __name__ == "__main__":
    from_shell()
