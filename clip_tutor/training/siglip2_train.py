"""Train one arm of SigLIP 2's recipe on scenes, with or without each of its parts:

    python -m clip_tutor.training.siglip2_train all --seed 0 --save runs/siglip2_all_0.safetensors

                                                          milliseconds a step       images in
                                                          stage 1     stage 2     600 seconds
    plain                  sigmoid loss only: SigLIP          114         114         505,000
    all                    SigLIP 2                           143         235         371,000
    no_captions            without the decoder                115         210         455,000
    no_self_distillation   without the small views            143         180         385,000
    no_masks               without masked prediction          142         204         380,000

Ten minutes of one core each, with steps of 96 images. Two things are cheaper here than in the paper: the decoder's
tasks take turns, one for each image; and in the second stage a quarter of each batch is seen in views. With views of
every image a step of that stage takes 500 milliseconds.
Arms are compared at the same seconds of one processor core: a part that makes steps dearer pays for it in images.
What is saved is the model alone, image and text tower; decoder, heads and teacher are thrown away. What is measured
at the end are unseen scenes.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torchvision.ops import box_iou

from clip_tutor.allocator import keep_freed_memory
from clip_tutor.data.captions import singular
from clip_tutor.data.emoji import FIRST_WORDS, find_emoji
from clip_tutor.data.places import boxes
from clip_tutor.data.scenes import Scenes
from clip_tutor.embedding import encode_images, encode_texts, looking_only
from clip_tutor.evaluation.results import write_json
from clip_tutor.losses.self_distillation import collapse_margin, information, teacher_answers
from clip_tutor.model import CLIP, CLIPConfig
from clip_tutor.printable import printable
from clip_tutor.shell import run_from_shell
from clip_tutor.tokenizers import BPETokenizer
from clip_tutor.tokenizers.located import LocatedTokenizer
from clip_tutor.towers import TextConfig, ViTConfig
from clip_tutor.towers.patch_tokens import patch_tokens
from clip_tutor.towers.prototypes import PrototypeConfig
from clip_tutor.training.config import Record, TrainConfig
from clip_tutor.training.outputs import how_it_was_made, require_places
from clip_tutor.training.referring import referred_boxes
from clip_tutor.training.siglip2 import train
from clip_tutor.training.siglip2_config import ARMS, SigLIP2Config, arm
from clip_tutor.training.siglip2_learner import SigLIP2Learner
from clip_tutor.weights import save

OBJECTS = 48
IMAGE_SIZE, PATCH_SIZE = 48, 8  # 6 × 6 patches
WIDTH, LAYERS, HEADS = 80, 3, 5  # of the image tower
VOCABULARY, CONTEXT, TEXT_WIDTH, TEXT_LAYERS, TEXT_HEADS = 1200, 32, 64, 2, 2
BINS = 24  # steps of a box along a side, of two pixels
TASKS_PER_IMAGE = 1  # the three take turns: a decoder of all three would double the cost of a step
LOCAL_SIZE = 24  # pixels of a small view's side: 3 × 3 patches
PROTOTYPES = PrototypeConfig(prototypes=128, hidden=96, bottleneck=32)
VIEWED = 0.25  # of each batch: views of every image would make that step four times as dear as one of plain SigLIP
SECOND_STAGE = 0.8  # published
BATCH_SIZE, LEARNING_RATE, SECONDS = 96, 1.5e-3, 600.0
READ = 5000  # captions from which the tokenizer learns
ASKED = 500  # unseen scenes that are measured


class World(NamedTuple):
    """What an arm is trained with."""

    scenes: Scenes
    located: LocatedTokenizer
    learner: SigLIP2Learner


def make_world(config: SigLIP2Config, seed: int, batch_size: int = BATCH_SIZE) -> World:
    """Return scenes, tokenizers and fresh weights of one seed: those of all arms are alike."""
    scenes = Scenes(find_emoji(FIRST_WORDS[:OBJECTS]), size=IMAGE_SIZE, seed=seed)
    captions = [scene.caption for scene in scenes.scenes(range(READ))]
    tokenizer = BPETokenizer.train(captions, VOCABULARY, CONTEXT)
    vision = ViTConfig(
        IMAGE_SIZE, PATCH_SIZE, WIDTH, LAYERS, HEADS, "gelu_tanh", ln_pre=False, patch_bias=True, pool="map"
    )
    text = TextConfig(tokenizer.vocab_size, CONTEXT, TEXT_WIDTH, TEXT_LAYERS, TEXT_HEADS, "gelu_tanh")
    torch.manual_seed(seed)
    # An untrained model should say yes as often as that is right: to one caption in a batch.
    model = CLIP(CLIPConfig(WIDTH, vision, text, logit_scale=10.0, logit_bias=-math.log(batch_size - 1)))
    located = LocatedTokenizer(tokenizer, BINS)
    return World(scenes, located, SigLIP2Learner(model, located, config))


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(prog="python -m clip_tutor.training.siglip2_train")
    parser.add_argument("arm", choices=ARMS)
    parser.add_argument("--seed", type=int, default=0, help="of scenes, weights and views: %(default)s")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of one processor core: %(default)s")
    parser.add_argument("--batch-size", type=int, default=BATCH_SIZE, help="%(default)s")
    parser.add_argument("--learning-rate", type=float, default=LEARNING_RATE, help="at the peak: %(default)s")
    parser.add_argument("--second-stage", type=float, default=SECOND_STAGE, help="its begin, a share: %(default)s")
    parser.add_argument("--save", type=Path, help="where the model goes (.safetensors, in float16)")
    parser.add_argument("--curve", type=Path, help="a JSON file for the losses against images and seconds")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Train, measure, save.

    Raises:
        ValueError, OSError: the settings or a place to write cannot be used.
    """
    options = parse(arguments)
    require_places(model=options.save)
    torch.set_num_threads(1)  # seconds are then those of one core
    keep_freed_memory()
    config = arm(
        options.arm,
        second_stage=options.second_stage,
        tasks_per_image=TASKS_PER_IMAGE,
        viewed=VIEWED,
        local_size=LOCAL_SIZE,
        heads=PROTOTYPES,
    )
    world = make_world(config, options.seed, options.batch_size)
    settings = TrainConfig(
        options.batch_size,
        options.learning_rate,
        seconds=options.seconds,
        warmup_steps=100,
        seed=options.seed,
        record_every=20,
    )
    history = train(world.learner, world.scenes, world.located, settings, _tell)
    figures = measure(world, options.seed)
    if "self_distillation" in history[-1]:
        figures["collapse_margin"] = collapse_margin(history[-1]["self_distillation"], PROTOTYPES.prototypes)
    notes: dict[str, Any] = {
        **how_it_was_made("clip_tutor.training.siglip2_train", arguments),
        "arm": options.arm,
        "seed": options.seed,
        "seconds": history[-1]["seconds"],
        "images": history[-1]["images"],
        "figures": figures,
    }
    if options.save:
        save(options.save, world.learner.model, world.located.words, notes, dtype=torch.float16)
        print(printable(f"saved to {options.save}", sys.stdout))
    if options.curve:
        names = sorted({name for record in history for name in record})
        write_json(options.curve, {name: [r.get(name) for r in history] for name in names} | {"notes": notes})
    print(json.dumps(notes))


@torch.no_grad()
def measure(world: World, seed: int) -> dict[str, float]:
    """Return how well captions find unseen images and, where there are such, what decoder and teacher say of them.

    Returns:
        recall_at_1; box_iou, of the boxes that the decoder says for a name; information, how many nats the teacher's
        answers tell of which image it is, 0 if it has collapsed.
    """
    scenes, located, learner = world
    unseen = Scenes(scenes.objects, "test", scenes.size, seed)
    indices = unseen.distinct(ASKED)
    plan = unseen.plan(indices)
    batch = unseen.show(plan, indices)
    model = learner.model
    images = encode_images(model, batch.pixels)
    texts = encode_texts(model, located.words, batch.captions)
    found = (texts @ images.T).argmax(dim=1) == torch.arange(len(indices))
    figures = {"recall_at_1": found.float().mean().item()}
    pixels = model.config.preprocessing.normalize(batch.pixels)
    if learner.teacher:
        figures["information"] = information(teacher_answers(learner.teacher(pixels).image, learner.center)).item()
    if learner.decoder:
        truth = boxes(unseen, plan)
        single = (torch.from_numpy(plan.number) == 1) | (torch.from_numpy(plan.kind) == 2)  # what is named is clear
        names = [singular(scenes.objects[int(row)].noun) for row in truth.objects[:, 0]]
        with looking_only(learner):
            patches = patch_tokens(learner.tower, pixels)
            said = referred_boxes(learner.decoder, patches, located, names)
        figures["box_iou"] = box_iou(said, truth.corners[:, 0]).diagonal()[single].mean().item()
    return figures


def _tell(record: Record) -> None:
    print("  ".join(f"{name} {value:.4g}" for name, value in record.items()), flush=True)


if __name__ == "__main__":
    run_from_shell(main)
