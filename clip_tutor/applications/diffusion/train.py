"""Train the denoiser that comes with the kit, or one like it:

    python -m clip_tutor.applications.diffusion.train --run runs/text_to_image --save runs/text_to_image.safetensors

    scenes of 32 × 32 pixels ─ captions ─ text tower of a CLIP, frozen ─ states ─┐
                             └ pixels ─ noise ───────────────────────────────────┴─ denoiser ─ loss

With a run folder, the training goes on where it was stopped. The captions that it is measured with are never seen.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from clip_tutor.applications.diffusion.conditioning import encode_prompts
from clip_tutor.applications.diffusion.denoiser import Denoiser, DenoiserConfig
from clip_tutor.applications.diffusion.files import save_denoiser, text_origin
from clip_tutor.applications.diffusion.forward import from_pixels
from clip_tutor.applications.diffusion.training import diffusion_loss, timestep_weights
from clip_tutor.data.emoji import FIRST_WORDS, find_emoji
from clip_tutor.data.scenes import Scenes
from clip_tutor.evaluation.results import write_json
from clip_tutor.model import CLIP
from clip_tutor.printable import printable
from clip_tutor.shell import run_from_shell
from clip_tutor.tokenizers import Tokenizer
from clip_tutor.training.config import Record, TrainConfig
from clip_tutor.training.minimize import minimize
from clip_tutor.training.outputs import how_it_was_made, require_places
from clip_tutor.training.precision import autocast, resolve_precision
from clip_tutor.weights import load

SEED = 22  # of the scenes: others than those that the CLIP has seen
IMAGE_SIZE, PATCH_SIZE, WIDTHS, DEPTH = 32, 2, (96, 192), 2
DROPPED = 0.1  # the share of captions that are taken away
LOOKED_AT = 512  # unseen scenes on which the loss is measured
LOOKS = 20  # how often


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(prog="python -m clip_tutor.applications.diffusion.train")
    parser.add_argument("--clip", default="emoji", help="whose token states are read: %(default)s")
    parser.add_argument("--steps", type=int, default=11_500, help="%(default)s")
    parser.add_argument("--batch-size", type=int, default=32, help="%(default)s")
    parser.add_argument("--learning-rate", type=float, default=2e-3, help="at the peak: %(default)s")
    parser.add_argument("--run", type=Path, help="folder for checkpoint and log; a stopped run continues there")
    parser.add_argument("--save", type=Path, help="where the denoiser goes (.safetensors)")
    parser.add_argument("--curve", type=Path, help="a JSON file for the loss against the images seen")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Train, save.

    Raises:
        KeyError, ValueError, OSError: the CLIP, the settings or a place to write cannot be used.
    """
    options = parse(arguments)
    require_places(options.run, options.save)
    config = TrainConfig(
        batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        steps=options.steps,
        warmup_steps=min(200, options.steps // 10),
        weight_decay=0.01,
        record_every=100,
    )
    clip, tokenizer, _ = load(options.clip)
    scenes, unseen = (Scenes(find_emoji(FIRST_WORDS), split, IMAGE_SIZE, SEED) for split in ("train", "test"))
    torch.manual_seed(config.seed)
    shape = DenoiserConfig(clip.config.text.width, IMAGE_SIZE, PATCH_SIZE, WIDTHS, DEPTH)
    denoiser = Denoiser(shape).to(memory_format=torch.channels_last)
    weights = timestep_weights(denoiser.alphas_cumprod, shape.prediction)  # (1000,)
    null_states = encode_prompts(clip, tokenizer, "")  # (1, T, D)

    def loss_at(step: int) -> Tensor:
        x0, states = scene_batch(scenes, clip, tokenizer, step * config.batch_size, config.batch_size)
        generator = torch.Generator().manual_seed(config.seed << 32 | step)
        return diffusion_loss(denoiser, x0, states, null_states, generator, DROPPED, weights)

    look = unseen_loss(denoiser, unseen, clip, tokenizer)
    history = minimize(denoiser, loss_at, config, options.run, look, max(1, config.steps // LOOKS))
    if not history:
        sys.exit("stopped before the first record: there is nothing to save")
    notes = {
        **how_it_was_made("clip_tutor.applications.diffusion.train", arguments),
        "precision": resolve_precision(null_states.device, config.efficiency.precision),
        "images": history[-1]["step"] * config.batch_size,
        "seconds": history[-1]["seconds"],
    }
    looks = [record for record in history if "unseen_loss" in record]
    curve = {
        "images": [record["step"] * config.batch_size for record in looks],
        "unseen_loss": [record["unseen_loss"] for record in looks],
        "notes": notes,
    }
    if options.save:
        save_denoiser(options.save, denoiser, text_origin(options.clip, clip), notes)
        print(printable(f"saved to {options.save}", sys.stdout))
    if options.curve:
        write_json(options.curve, curve)
    print(json.dumps(curve))


def scene_batch(scenes: Scenes, clip: CLIP, tokenizer: Tokenizer, start: int, count: int) -> tuple[Tensor, Tensor]:
    """Return ``count`` scenes from ``start`` on: images (B, 3, H, W) from -1 to 1, and states (B, T, D)."""
    batch = scenes.batch(range(start, start + count))
    return from_pixels(batch.pixels), encode_prompts(clip, tokenizer, batch.captions)


def unseen_loss(denoiser: Denoiser, unseen: Scenes, clip: CLIP, tokenizer: Tokenizer) -> Callable[[], Record]:
    """Return what measures the plain loss on unseen scenes, each time with the same noise and timesteps."""
    x0, states = scene_batch(unseen, clip, tokenizer, 0, LOOKED_AT)

    @torch.no_grad()
    def look() -> Record:
        generator = torch.Generator().manual_seed(SEED)
        with autocast(states.device):
            loss = diffusion_loss(denoiser, x0, states, states[:1], generator, 0.0)
        return {"unseen_loss": loss.item()}

    return look


if __name__ == "__main__":
    run_from_shell(main)
