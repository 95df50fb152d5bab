"""Train the Flamingo that comes with the kit, or one like it:

    python -m clip_tutor.training flamingo_clip --run runs/flamingo_clip --save runs/flamingo_clip.safetensors
    python -m clip_tutor.applications.flamingo.train --clip runs/flamingo_clip.safetensors --save flamingo.safetensors

    CLIP ─ image tower alone ─▶ places of the scenes, each once ─▶ train ─▶ save ─▶ ask about unseen scenes ─▶ save

The language model is that of the captioner that comes with the kit, frozen.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from clip_tutor.allocator import returning_freed_memory
from clip_tutor.applications.captioning import load_captioner
from clip_tutor.applications.captioning.scene_captions import scene_captions
from clip_tutor.applications.captioning.training import CaptionBatches
from clip_tutor.applications.flamingo.episodes import ASKED, NEVER_ASKED, Attribute, EpisodeMaker, Labels
from clip_tutor.applications.flamingo.few_shot import few_shot_hits
from clip_tutor.applications.flamingo.files import origin_of, save_flamingo
from clip_tutor.applications.flamingo.model import Flamingo, FlamingoConfig
from clip_tutor.applications.flamingo.places import image_places
from clip_tutor.applications.flamingo.training import FlamingoTraining, train_flamingo
from clip_tutor.data.emoji import FIRST_WORDS, find_emoji
from clip_tutor.data.scenes import Scenes
from clip_tutor.evaluation.results import write_json
from clip_tutor.images import Preprocessing
from clip_tutor.printable import printable
from clip_tutor.shell import run_from_shell
from clip_tutor.training.config import Record
from clip_tutor.training.outputs import how_it_was_made, require_places
from clip_tutor.weights import load

SEED = 19  # of the scenes
CAPTIONER = "captioner"  # whose language model it is
ATTRIBUTES: tuple[Attribute, ...] = (*ASKED, *NEVER_ASKED)
LATENTS, DEPTH, HEADS, HEAD_WIDTH = 4, 1, 4, 32  # a scene of 64 pixels has four places
LOOKED_AT = 300  # episodes of each attribute while the training goes on
ASKED_AFTER = 2000  # and of each attribute, number of shots and kind of labels when it is over
UNSEEN = 10_000  # scenes that these show
TOGETHER = 100  # scenes that are encoded at once


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(prog="python -m clip_tutor.applications.flamingo.train")
    parser.add_argument("--clip", required=True, help="whose image tower is used, as clip_tutor.load opens it")
    parser.add_argument("--scenes", type=int, default=40_000, help="that are encoded: %(default)s")
    parser.add_argument("--steps", type=int, default=FlamingoTraining.steps, help="%(default)s")
    parser.add_argument("--save", type=Path, help="where the Flamingo goes (.safetensors)")
    parser.add_argument("--curve", type=Path, help="a JSON file for what was measured on the way and at the end")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Encode, train, save, measure.

    Raises:
        KeyError, ValueError, OSError: the CLIP, the settings or a place to write cannot be used.
    """
    options = parse(arguments)
    require_places(model=options.save)
    config = FlamingoTraining(steps=options.steps)
    clip, _, clip_notes = load(options.clip)
    captioner, tokenizer, _, _ = load_captioner(CAPTIONER)
    language_model = captioner.language_model
    objects, size = find_emoji(FIRST_WORDS), clip.config.vision.image_size
    scenes, unseen = (Scenes(objects, split, size, SEED) for split in ("train", "test"))
    features = encode_places(clip.image_tower, clip.config.preprocessing, scenes, options.scenes)
    unseen_features = encode_places(clip.image_tower, clip.config.preprocessing, unseen, UNSEEN)
    captions = CaptionBatches(
        features, scene_captions(scenes, range(options.scenes)), tokenizer, config.captions, config.seed
    )
    torch.manual_seed(config.seed)
    shape = FlamingoConfig(features.shape[-1], LATENTS, DEPTH, HEADS, HEAD_WIDTH)
    flamingo = Flamingo(shape, language_model)
    episodes = EpisodeMaker(scenes, options.scenes, tokenizer, flamingo.image_id, features)
    unseen_episodes = EpisodeMaker(unseen, UNSEEN, tokenizer, flamingo.image_id)
    gates: list[list[list[float]]] = []

    def hits(attribute: Attribute, shots: int, count: int, labels: Labels = "true") -> Tensor:
        return few_shot_hits(flamingo, unseen_features, unseen_episodes, [attribute], shots, count, labels=labels)

    def look(flamingo: Flamingo) -> Record:
        gates.append(flamingo.gates().tolist())
        return {name: hits(name, config.shots[0], LOOKED_AT).float().mean().item() for name in ATTRIBUTES}

    history = train_flamingo(flamingo, features, captions, episodes, config, look)
    if not history:
        sys.exit("stopped before the first record: there is nothing to save")
    notes = {
        **how_it_was_made("clip_tutor.applications.flamingo.train", arguments),
        "steps": history[-1]["step"],
        "clip": clip_notes,
    }
    origin = origin_of(CAPTIONER, language_model)
    if options.save:  # before it is measured, which can be interrupted
        save_flamingo(options.save, flamingo, clip, origin, notes)
    kinds: tuple[Labels, ...] = ("true", "permuted", "flipped")
    shots = {
        name: {
            kind: {count: [int(hits(name, count, ASKED_AFTER, kind).sum()), ASKED_AFTER] for count in (2, 4, 8)}
            for kind in kinds
        }
        for name in ATTRIBUTES
    }
    if options.save:
        save_flamingo(options.save, flamingo, clip, origin, notes | {"shots": shots})
        print(printable(f"saved to {options.save}", sys.stdout))
    curve = {
        "steps": [record["step"] for record in history],
        "loss": [record["loss"] for record in history],
        "caption_loss": [record["caption_loss"] for record in history],
        "gates": gates,
        "accuracy": {name: [record[name] for record in history] for name in ATTRIBUTES},
        "shots": shots,
        "notes": notes,
    }
    if options.curve:
        write_json(options.curve, curve)
    for name, by_kind in shots.items():
        print(f"{name:12}", {kind: {n: right / of for n, (right, of) in by.items()} for kind, by in by_kind.items()})
    print(json.dumps(curve))


def encode_places(image_tower: nn.Module, preprocessing: Preprocessing, scenes: Scenes, count: int) -> Tensor:
    """Return (count, N, D_image), float16: what a tower finds at the places of the first scenes."""
    image_tower = image_tower.eval().to(memory_format=torch.channels_last)
    pieces = []
    for start in returning_freed_memory(tqdm(range(0, count, TOGETHER), desc="encoding scenes", unit_scale=TOGETHER)):
        pixels = scenes.batch(range(start, min(start + TOGETHER, count))).pixels
        pieces.append(image_places(image_tower, preprocessing.normalize(pixels)).half())
    return torch.cat(pieces)


if __name__ == "__main__":
    run_from_shell(main)
