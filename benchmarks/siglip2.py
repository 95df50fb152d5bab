"""SigLIP 2's recipe against SigLIP's in the same seconds: do features know where, and what does each part give?

    for seed in 0 1 2 4 5 6; do for arm in plain all no_captions no_self_distillation no_masks; do
        python -m clip_tutor.training.siglip2_train $arm --seed $seed --save runs/siglip2_${arm}_$seed.safetensors \\
            --curve runs/siglip2_${arm}_$seed.json
    done; done
    python benchmarks/siglip2.py runs                     a minute a file

Every model is frozen and asked about scenes that no training saw: `mIoU` of a linear probe that names what each patch
shows; `pointing`, how often the patch that is most like "a cat" lies on the cat of a pair, and `mixed up`, how often on
the other thing, as a model that finds things and does not know them would do every second time; `recall@1`, how often a
caption finds its image among 500. `collapse` is how far the self-distillation loss ended below that of a teacher that
says nothing, ln K.

The arms of one seed start from the same weights and are asked about the same scenes, so differences are taken seed by
seed. Each seed has unseen scenes of its own: its difference holds the chance of the training and that of the test, the
differences of several seeds are independent, and intervals are 95 % t intervals over them. They are wide with few
seeds, and should be. Seed 3 is not among them, since the recipe was chosen with it. What a part contributes is what the
whole recipe has more than the recipe without it, in the same seconds: a part that is dear must pay for the images that
it cost. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from machine import machine
from scipy import stats
from torch import Tensor

from clip_tutor.data.emoji import FIRST_WORDS, find_emoji
from clip_tutor.data.scenes import Scenes
from clip_tutor.embedding import encode_images, encode_texts
from clip_tutor.evaluation import retrieval_report
from clip_tutor.evaluation.dense import pointing, probe_mean_iou
from clip_tutor.evaluation.results import write_json
from clip_tutor.losses.self_distillation import collapse_margin
from clip_tutor.training.siglip2_config import ARMS
from clip_tutor.training.siglip2_train import OBJECTS, PROTOTYPES
from clip_tutor.weights import load

CANDIDATES = 500  # among which a caption finds its image; with 2,000 unseen scenes, four times
NAME = re.compile(r"siglip2_(?P<arm>\w+)_(?P<seed>\d+)\.safetensors")
MEASURES = ("mean_iou", "pointing", "recall_at_1")
PARTS = {"captions": "no_captions", "self_distillation": "no_self_distillation", "masks": "no_masks"}


@dataclass(frozen=True)
class Run:
    """What one model of one arm and seed can do."""

    mean_iou: float
    pointing: float
    pointing_mixed_up: float  # at the other object
    pointing_chance: float
    recall_at_1: float
    box_iou: float | None  # measured at the end of its training, where there was a decoder
    collapse_margin: float | None  # nats, where there was a teacher
    images: float  # seen in training
    seconds: float  # of one core


def look(path: Path, seed: int, known_scenes: int, scenes: int) -> Run:
    """Return what the model in a file can do, on unseen scenes of its seed."""
    model, tokenizer, notes = load(path)
    objects, size = find_emoji(FIRST_WORDS[:OBJECTS]), model.config.vision.image_size
    known, unseen = Scenes(objects, "train", size, seed), Scenes(objects, "test", size, seed)
    pointed = pointing(model, tokenizer, Scenes(objects, "test", size, seed, kinds=("pair",)), scenes)
    pairs = unseen.batch(unseen.distinct(scenes))
    return Run(
        mean_iou=probe_mean_iou(model, known, unseen, known_scenes, scenes),
        pointing=pointed.accuracy,
        pointing_mixed_up=pointed.mixed_up,
        pointing_chance=pointed.chance,
        recall_at_1=recall(encode_images(model, pairs.pixels), encode_texts(model, tokenizer, pairs.captions)),
        box_iou=notes["figures"].get("box_iou"),
        collapse_margin=margin_in(path.with_suffix(".json")),
        images=notes["images"],
        seconds=notes["seconds"],
    )


def recall(images: Tensor, texts: Tensor, candidates: int = CANDIDATES) -> float:
    """Return how often a caption finds its image among so many candidates, the mean of as many sets as there are.

    Args:
        images, texts: (B, E), row by row a pair.
    """
    sets = zip(images.split(candidates), texts.split(candidates), strict=True)
    return float(np.mean([retrieval_report(*one)["recall_at_1"] for one in sets]))


def margin_in(curve: Path) -> float | None:
    """Return the collapse margin at the end of a training, None where there is no curve or no self-distillation."""
    losses = json.loads(curve.read_text(encoding="utf-8")).get("self_distillation") if curve.exists() else None
    last = [loss for loss in losses or [] if loss is not None][-1:]
    return collapse_margin(last[0], PROTOTYPES.prototypes) if last else None


def interval(differences: Sequence[float]) -> list[float] | None:
    """Return the 95 % t interval of a mean of independent differences, None where there is only one."""
    n = len(differences)
    if n < 2:
        return None
    half = stats.t.ppf(0.975, n - 1) * np.std(differences, ddof=1) / n**0.5
    return [float(np.mean(differences) - half), float(np.mean(differences) + half)]


def gain(runs: dict[str, dict[int, Run]], arm: str, over: str, measure: str) -> tuple[float, list[float] | None] | None:
    """Return what an arm has more than another, and its interval; None where they have no seed in common."""
    seeds = sorted(runs.get(arm, {}).keys() & runs.get(over, {}).keys())
    differences = [getattr(runs[arm][seed], measure) - getattr(runs[over][seed], measure) for seed in seeds]
    return (float(np.mean(differences)), interval(differences)) if differences else None


def shown(found: tuple[float, list[float] | None] | None) -> str:
    """Return a gain as text."""
    if found is None:
        return "      –"
    mean, bounds = found
    return f"{mean:+7.3f}" + (f" ({bounds[0]:+.3f} to {bounds[1]:+.3f})" if bounds else "")


def means(of_arm: dict[int, Run]) -> dict[str, float | None]:
    """Return the mean of each figure over seeds, None where no run has it."""
    values = {name: [getattr(run, name) for run in of_arm.values()] for name in Run.__dataclass_fields__}
    known = {name: [value for value in column if value is not None] for name, column in values.items()}
    return {name: float(np.mean(column)) if column else None for name, column in known.items()}


def main() -> None:
    """Look at every file, print two tables and a line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="holds siglip2_ARM_SEED.safetensors, and the curves beside them")
    parser.add_argument("--scenes", type=int, default=2000, help="unseen ones for each measure: %(default)s")
    parser.add_argument("--known", type=int, default=1000, help="from which the probe learns: %(default)s")
    parser.add_argument("--save", type=Path, help="a file for the figures, as JSON")
    options = parser.parse_args()
    runs: dict[str, dict[int, Run]] = {}
    print(f"\n{machine()};  {options.scenes} unseen scenes a seed\n")
    for path in sorted(options.folder.glob("siglip2_*.safetensors")):
        named = NAME.fullmatch(path.name)
        if named and named["arm"] in ARMS:
            seed = int(named["seed"])
            run = runs.setdefault(named["arm"], {})[seed] = look(path, seed, options.known, options.scenes)
            print(f"  {path.stem:32}mIoU {run.mean_iou:.3f}  pointing {run.pointing:.3f}", flush=True)
    if not runs:
        parser.error(
            f"{options.folder} holds no siglip2_ARM_SEED.safetensors: train some, as {__file__} says at its top"
        )
    columns = ("mIoU", "pointing", "mixed up", "recall@1", "box IoU", "collapse", "images", "seconds")
    print("\n  " + "arm".ljust(24) + "".join(name.rjust(10) for name in columns))
    for arm, of_arm in runs.items():
        figures = [value for name, value in means(of_arm).items() if name != "pointing_chance"]
        cells = ["–" if v is None else f"{v:.0f}" if v > 100 else f"{v:.3f}" for v in figures]
        print("  " + f"{arm}, {len(of_arm)} seeds".ljust(24) + "".join(cell.rjust(10) for cell in cells))
    print("\n  what has more".ljust(35) + "".join(name.ljust(28) for name in ("mIoU", "pointing", "recall@1")))
    comparisons = {"SigLIP 2 than SigLIP": ("all", "plain")}
    comparisons |= {f"all than without {part}": ("all", without) for part, without in PARTS.items()}
    for name, (arm, over) in comparisons.items():
        cells = [shown(gain(runs, arm, over, measure)).ljust(28) for measure in MEASURES]
        print("  " + name.ljust(32) + "".join(cells))
    found = {measure: gain(runs, "all", "plain", measure) or (None, None) for measure in MEASURES}
    result = {
        "benchmark": "siglip2",
        "machine": machine(),
        "siglip2_miou_gain": found["mean_iou"][0],
        "siglip2_miou_gain_interval": found["mean_iou"][1],
        "siglip2_pointing_gain": found["pointing"][0],
        "siglip2_pointing_gain_interval": found["pointing"][1],
        "recall_difference": found["recall_at_1"][0],
        "recall_difference_interval": found["recall_at_1"][1],
        "collapse_margin": means(runs["all"])["collapse_margin"] if "all" in runs else None,
        "contributions": {
            part: {measure: gain(runs, "all", without, measure) for measure in MEASURES}
            for part, without in PARTS.items()
        },
        "arms": {arm: means(of_arm) for arm, of_arm in runs.items()},
        "seeds": {arm: sorted(of_arm) for arm, of_arm in runs.items()},
        "runs": {arm: {seed: asdict(run) for seed, run in of_arm.items()} for arm, of_arm in runs.items()},
    }
    if options.save:
        write_json(options.save, result)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
