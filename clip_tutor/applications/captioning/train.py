"""Train the captioner that comes with the kit, or one like it:

    python -m clip_tutor.applications.captioning.train --run runs/captioner --save runs/captioner.safetensors
    python -m clip_tutor.applications.captioning.train --everyday --clip emoji_plain --scenes 40000 --steps 4000

    encode the scenes, each once ─▶ train mapper and language model ─▶ save ─▶ measure on unseen scenes ─▶ save

With a run folder, the vectors and the training go on where they were stopped.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import torch
from torch import Tensor

from clip_tutor.applications.captioning.captioner import Captioner, CaptionerConfig
from clip_tutor.applications.captioning.facts import CaptionReader
from clip_tutor.applications.captioning.files import origin_of, save_captioner
from clip_tutor.applications.captioning.mappers import MapperConfig, MLPMapperConfig, TransformerMapperConfig
from clip_tutor.applications.captioning.report import caption_report
from clip_tutor.applications.captioning.scene_captions import encode_scenes, scene_captions
from clip_tutor.applications.captioning.training import CaptionBatches, train_captioner
from clip_tutor.applications.captioning.writing import write_captions
from clip_tutor.applications.language_model import LanguageModel, LanguageModelConfig
from clip_tutor.data.emoji import FIRST_WORDS, find_emoji, load_emoji
from clip_tutor.data.scenes import Scenes
from clip_tutor.evaluation.results import write_json
from clip_tutor.printable import printable
from clip_tutor.shell import run_from_shell
from clip_tutor.training.config import Efficiency, Record, TrainConfig
from clip_tutor.training.outputs import how_it_was_made, require_places
from clip_tutor.weights import load

SEED = 18  # of the scenes: others than those that the CLIP has seen
CONTEXT = 64  # 10 tokens of the prefix, and the longest caption of a scene, which has 40
WIDTH, LAYERS, HEADS = 128, 2, 4  # of the language model
MAPPERS: dict[str, MapperConfig] = {"mlp": MLPMapperConfig(), "transformer": TransformerMapperConfig()}
LOOKED_AT = 500  # unseen scenes whose captions are read while the training goes on
ASKED = 5000  # unseen scenes that the finished captioner is measured on


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(prog="python -m clip_tutor.applications.captioning.train")
    parser.add_argument(
        "--clip", default="emoji", help="whose vectors are read, as clip_tutor.load knows it: %(default)s"
    )
    parser.add_argument("--scenes", type=int, default=300_000, help="that are encoded: %(default)s")
    parser.add_argument(
        "--everyday", action="store_true", help="scenes of 104 everyday objects only: learned in minutes"
    )
    parser.add_argument("--mapper", choices=MAPPERS, default="mlp", help="%(default)s")
    parser.add_argument("--steps", type=int, default=16_000, help="%(default)s")
    parser.add_argument("--seconds", type=float, help="of training; the learning rate ends with whichever comes first")
    parser.add_argument("--batch-size", type=int, default=32, help="%(default)s")
    parser.add_argument("--learning-rate", type=float, default=2e-3, help="at the peak: %(default)s")
    parser.add_argument(
        "--run", type=Path, help="folder for vectors, checkpoint and log; a stopped run continues there"
    )
    parser.add_argument("--save", type=Path, help="where the finished captioner goes (.safetensors)")
    parser.add_argument("--curve", type=Path, help="a JSON file for the figures against the captions seen")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Encode, train, save, measure.

    Raises:
        KeyError, ValueError, OSError: the settings or a place to write cannot be used.
    """
    options = parse(arguments)
    require_places(options.run, options.save)
    config = TrainConfig(
        batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        steps=options.steps,
        seconds=options.seconds,
        warmup_steps=min(100, options.steps // 10),
        weight_decay=0.05,
        efficiency=Efficiency(precision="float32"),
    )
    clip, tokenizer, _ = load(options.clip)
    objects = find_emoji(FIRST_WORDS) if options.everyday else load_emoji()
    size = clip.config.vision.image_size
    scenes, unseen = (Scenes(objects, split, size, SEED) for split in ("train", "test"))
    folder = options.run / "vectors" if options.run else None
    features = encode_scenes(clip, scenes, options.scenes, folder)
    batches = CaptionBatches(
        features, scene_captions(scenes, range(options.scenes)), tokenizer, config.batch_size, config.seed
    )
    torch.manual_seed(config.seed)
    language_model = LanguageModel(LanguageModelConfig(tokenizer.vocab_size, CONTEXT, WIDTH, LAYERS, HEADS))
    captioner = Captioner(CaptionerConfig(clip.config.embed_dim, mapper=MAPPERS[options.mapper]), language_model)
    captioner.standardize(features)
    reader = CaptionReader(objects)
    looked_at = encode_scenes(clip, unseen, LOOKED_AT).float()

    def figures(captioner: Captioner, vectors: Tensor = looked_at) -> Record:
        captions = write_captions(captioner, tokenizer, vectors)
        found = caption_report(captions, unseen.scenes(range(len(vectors))), reader)
        return {name: share.right for name, share in found.shares.items()} | {"distinct": found.collapse.distinct}

    origin = origin_of(options.clip, clip)
    history = train_captioner(
        captioner, tokenizer, origin, batches, config, options.run, figures, max(1, config.steps // 14)
    )
    if not history:
        sys.exit("stopped before the first record: there is nothing to save")
    notes = {
        **how_it_was_made("clip_tutor.applications.captioning.train", arguments),
        "steps": history[-1]["step"],
        "seconds": history[-1]["seconds"],
    }
    if options.save:  # before it is measured, which can be interrupted
        save_captioner(options.save, captioner, tokenizer, origin, notes)
    measured = figures(captioner, encode_scenes(clip, unseen, ASKED).float())
    if options.save:
        save_captioner(options.save, captioner, tokenizer, origin, notes | {"figures": measured})
        print(printable(f"saved to {options.save}", sys.stdout))
    if options.curve:
        curve = [record for record in history if "background" in record]
        write_json(
            options.curve,
            {name: [record[name] for record in curve] for name in curve[0]} | {"notes": notes, "figures": measured},
        )
    for name, value in measured.items():
        print(f"{name:20} {value:.3f}")
    print(json.dumps(notes | measured))


if __name__ == "__main__":
    run_from_shell(main)
