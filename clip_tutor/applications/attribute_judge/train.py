"""Train the judge that comes with the kit, or one like it, on scenes alone:

    python -m clip_tutor.applications.attribute_judge.train --run runs/judge --save runs/attribute_judge.safetensors

It never sees a generated image. A little noise on the scenes keeps it from depending on pixels that are exact. One
scene in four is of the compositional split: a judge that had never seen an apple on red would look for something else
there, and could not say whether a denoiser that has not seen it either draws it. For the same reason the two objects of
every second pair change places.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from clip_tutor.applications.attribute_judge.facts import ARRANGEMENTS, FACTS, facts_of
from clip_tutor.applications.attribute_judge.files import save_judge
from clip_tutor.applications.attribute_judge.model import PREPROCESSING, AttributeJudge, JudgeConfig
from clip_tutor.applications.attribute_judge.verdicts import verdicts
from clip_tutor.data.emoji import FIRST_WORDS, find_emoji
from clip_tutor.data.scenes import Scenes, Split
from clip_tutor.printable import printable
from clip_tutor.shell import run_from_shell
from clip_tutor.training.config import Record, TrainConfig
from clip_tutor.training.minimize import minimize
from clip_tutor.training.outputs import how_it_was_made, require_places

SEED = 122  # of the scenes: others than those of the denoiser that it judges
NOISE = 0.1  # the most that is added, as a standard deviation; pixels go from -1 to 1
LOOKED_AT, ASKED = 1000, 5000  # unseen scenes while the training goes on, and at the end
COMPOSITIONAL = 4  # one scene in so many
TOGETHER = 500  # scenes that are judged at once


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(prog="python -m clip_tutor.applications.attribute_judge.train")
    parser.add_argument("--steps", type=int, default=8000, help="%(default)s")
    parser.add_argument("--batch-size", type=int, default=64, help="%(default)s")
    parser.add_argument("--learning-rate", type=float, default=2e-3, help="at the peak: %(default)s")
    parser.add_argument("--run", type=Path, help="folder for checkpoint and log; a stopped run continues there")
    parser.add_argument("--save", type=Path, help="where the judge goes (.safetensors)")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Train, measure, save.

    Raises:
        ValueError, OSError: the settings or a place to write cannot be used.
    """
    options = parse(arguments)
    require_places(options.run, options.save)
    config = TrainConfig(
        batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        steps=options.steps,
        warmup_steps=min(100, options.steps // 10),
        weight_decay=0.05,
        record_every=100,
    )
    torch.manual_seed(config.seed)
    objects = find_emoji(FIRST_WORDS)
    judge = AttributeJudge(JudgeConfig(len(objects))).to(memory_format=torch.channels_last)
    size = judge.config.image_size
    shown = [Scenes(objects, split, size, SEED) for split in ("train", "compositional")]
    unseen: dict[Split, Scenes] = {split: Scenes(objects, split, size, SEED + 1) for split in ("test", "compositional")}

    def loss_at(step: int) -> Tensor:
        generator = torch.Generator().manual_seed(config.seed << 32 | step)
        few = config.batch_size // COMPOSITIONAL
        pixels, facts = [], []
        for scenes, count in zip(shown, (config.batch_size - few, few), strict=True):
            batch = scenes.batch(range(step * count, (step + 1) * count))
            pixels.append(batch.pixels)
            facts.append(facts_of(batch.scenes, objects))
        return judge_loss(judge, *exchanged(torch.cat(pixels), torch.cat(facts)), generator)

    def look(count: int = LOOKED_AT) -> Record:
        found = {split: judge_accuracy(judge, scenes, count) for split, scenes in unseen.items()}
        return found["test"] | {f"compositional_{name}": share for name, share in found["compositional"].items()}

    history = minimize(judge, loss_at, config, options.run, look, max(1, config.steps // 10))
    if not history:
        sys.exit("stopped before the first record: there is nothing to save")
    measured = look(ASKED)
    notes = {
        **how_it_was_made("clip_tutor.applications.attribute_judge.train", arguments),
        "images": history[-1]["step"] * config.batch_size,
        "seconds": history[-1]["seconds"],
        "accuracy": measured,
    }
    if options.save:
        save_judge(options.save, judge, objects, notes)
        print(printable(f"saved to {options.save}", sys.stdout))
    print(json.dumps(notes))


def exchanged(pixels: Tensor, facts: Tensor) -> tuple[Tensor, Tensor]:
    """Return scenes (B, 3, H, W) and facts (B, 5), where the objects of every second scene have changed places.

    In a pair each object keeps to its half of the image: moved on by half of its height, the upper one is below. Scenes
    that are no pairs stay as they are.
    """
    pixels, facts = pixels.clone(), facts.clone()
    half = pixels.shape[2] // 2
    second = torch.arange(len(facts)) % 2 == 1
    for arrangement, axis in (("left of", 3), ("above", 2)):
        chosen = second & (facts[:, FACTS.index("arrangement")] == ARRANGEMENTS.index(arrangement))
        pixels[chosen] = pixels[chosen].roll(half, dims=axis)
        facts[chosen, :2] = facts[chosen, :2].flip(1)
    return pixels, facts


def judge_loss(judge: AttributeJudge, pixels: Tensor, facts: Tensor, generator: torch.Generator) -> Tensor:
    """Return the sum of the five cross-entropies on B scenes with a little noise.

    Args:
        pixels: (B, 3, H, W), uint8.
        facts: (B, 5).
        generator: draws the noise, an amount of its own for each image.
    """
    clean = PREPROCESSING.normalize(pixels)  # (B, 3, H, W)
    amount = NOISE * torch.rand(len(clean), 1, 1, 1, generator=generator)
    noisy = clean + amount * torch.randn(clean.shape, generator=generator)
    return torch.stack([F.cross_entropy(*pair) for pair in zip(judge(noisy), facts.T, strict=True)]).sum()


def judge_accuracy(judge: AttributeJudge, scenes: Scenes, count: int) -> Record:
    """Return the share of the first ``count`` scenes that a judge reads rightly, for each attribute."""
    seen, told = [], []
    for start in range(0, count, TOGETHER):
        batch = scenes.batch(range(start, min(start + TOGETHER, count)))
        seen.append(judge.read(batch.pixels))
        told.append(facts_of(batch.scenes, scenes.objects))
    right = verdicts(torch.cat(seen), torch.cat(told))
    return {name: hits.float().mean().item() for name, hits in right.items()}


if __name__ == "__main__":
    run_from_shell(main)
