"""Train the prior, the decoder and the noised CLIP that come with the kit, or ones like them:

    python -m clip_tutor.applications.unclip.train prior --run runs/prior --save runs/unclip_prior.safetensors

    scenes at 64 × 64 ─ CLIP, frozen ─▶ image embeddings ──┬─ prior: what it is to say
    their captions ──── CLIP, frozen ─▶ states, embeddings ┴─ prior: what it is told
    the same scenes at 32 × 32 ─ noise ─▶ decoder, told the image embeddings
                               └ noise ─▶ noised CLIP, which is to find the captions

With a run folder, the training goes on where it was stopped. What is measured on the way are unseen scenes.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from clip_tutor.applications.diffusion.conditioning import encode_prompts
from clip_tutor.applications.diffusion.denoiser import DenoiserConfig
from clip_tutor.applications.diffusion.files import text_origin
from clip_tutor.applications.diffusion.forward import from_pixels
from clip_tutor.applications.diffusion.noised_clip import NoisedCLIPConfig, NoisedImageTower, noised_clip_loss
from clip_tutor.applications.diffusion.noised_files import save_noised_clip
from clip_tutor.applications.diffusion.training import diffusion_loss, timestep_weights
from clip_tutor.applications.unclip.decoder import Decoder
from clip_tutor.applications.unclip.files import save_decoder, save_prior
from clip_tutor.applications.unclip.prior import Prior, PriorConfig
from clip_tutor.applications.unclip.prior_loss import prior_loss
from clip_tutor.data.emoji import FIRST_WORDS, find_emoji
from clip_tutor.data.scenes import Scenes, Split
from clip_tutor.embedding import encode_images, encode_texts
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

SEED = 23  # of the scenes: others than those that the CLIP has seen
IMAGE_SIZE, PATCH_SIZE, WIDTHS, DEPTH, TOKEN_WIDTH = 32, 2, (72, 112), 2, 128  # of the decoder
PAIRS = 20_000  # images and captions whose embeddings a prior learns from, again and again, with other noise
DROPPED = 0.1  # the share of embeddings that are taken from the decoder
LOOKED_AT = 512  # unseen scenes on which the loss is measured
LOOKS = 20  # how often
TOGETHER = 500  # scenes that are drawn and encoded at once


class Part(NamedTuple):
    """One of the three models, ready to be trained."""

    model: nn.Module
    loss_of: Callable[[Scenes, range, torch.Generator], Tensor]  # of these scenes, with noise from the generator
    save: Callable[..., None]


class Length(NamedTuple):
    """How long and how fast a part is trained."""

    steps: int
    batch_size: int
    learning_rate: float


PARTS = {
    "prior": Length(2000, 128, 2e-3),
    "decoder": Length(13_000, 32, 2e-3),
    "noised_clip": Length(6000, 128, 1e-3),
}


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(prog="python -m clip_tutor.applications.unclip.train")
    parser.add_argument("part", choices=sorted(PARTS))
    parser.add_argument("--clip", default="emoji", help="whose embeddings are spoken: %(default)s")
    parser.add_argument("--steps", type=int, help="of each part its own: see PARTS")
    parser.add_argument("--batch-size", type=int, help="the same")
    parser.add_argument("--learning-rate", type=float, help="at the peak: the same")
    parser.add_argument("--run", type=Path, help="folder for checkpoint and log; a stopped run continues there")
    parser.add_argument("--save", type=Path, help="where the model goes (.safetensors)")
    parser.add_argument("--curve", type=Path, help="a JSON file for the loss against the scenes seen")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Train, save.

    Raises:
        KeyError, ValueError, OSError: the CLIP, the settings or a place to write cannot be used.
    """
    options = parse(arguments)
    require_places(options.run, options.save)
    given = {name: getattr(options, name) for name in Length._fields if getattr(options, name) is not None}
    length = PARTS[options.part]._replace(**given)
    config = TrainConfig(
        **length._asdict(),
        warmup_steps=min(200, length.steps // 10),
        weight_decay=0.01,
        record_every=100,
    )
    clip, tokenizer, _ = load(options.clip)
    torch.manual_seed(config.seed)
    part = {"prior": prior_part, "decoder": decoder_part, "noised_clip": noised_part}[options.part](clip, tokenizer)
    scenes, unseen = (scenes_of(split) for split in ("train", "test"))

    def loss_at(step: int) -> Tensor:
        generator = torch.Generator().manual_seed(config.seed << 32 | step)
        return part.loss_of(scenes, range(step * config.batch_size, (step + 1) * config.batch_size), generator)

    @torch.no_grad()
    def look() -> Record:
        with autocast(next(part.model.parameters()).device):
            return {"unseen_loss": part.loss_of(unseen, range(LOOKED_AT), torch.Generator().manual_seed(SEED)).item()}

    history = minimize(part.model, loss_at, config, options.run, look, max(1, config.steps // LOOKS))
    if not history:
        sys.exit("stopped before the first record: there is nothing to save")
    notes: dict[str, Any] = {
        **how_it_was_made("clip_tutor.applications.unclip.train", arguments),
        "precision": resolve_precision(torch.device("cpu"), config.efficiency.precision),
        "scenes": history[-1]["step"] * config.batch_size,
        "seconds": history[-1]["seconds"],
    }
    looks = [record for record in history if "unseen_loss" in record]
    curve = {
        "scenes": [record["step"] * config.batch_size for record in looks],
        "unseen_loss": [record["unseen_loss"] for record in looks],
        "notes": notes,
    }
    if options.save:
        part.save(options.save, part.model, text_origin(options.clip, clip), notes)
        print(printable(f"saved to {options.save}", sys.stdout))
    if options.curve:
        write_json(options.curve, curve)
    print(json.dumps(curve))


@cache
def scenes_of(split: Split, size: int = IMAGE_SIZE, seed: int = SEED) -> Scenes:
    """Return scenes of everyday objects; those of one split and seed show the same at any size."""
    return Scenes(find_emoji(FIRST_WORDS), split, size, seed)


def image_embeddings(clip: CLIP, scenes: Scenes, indices: range) -> Tensor:
    """Return (B, E) unit vectors of these scenes, drawn at the size that the CLIP reads."""
    at_its_size = scenes_of(scenes.split, clip.config.vision.image_size, scenes.seed)
    parts = (indices[start : start + TOGETHER] for start in range(0, len(indices), TOGETHER))
    return torch.cat([encode_images(clip, at_its_size.batch(part).pixels) for part in parts])


def prior_part(clip: CLIP, tokenizer: Tokenizer) -> Part:
    """Return a fresh prior, which learns from `PAIRS` pairs, encoded once."""
    text = clip.config.text
    prior = Prior(PriorConfig(clip.config.embed_dim, text.width, text.context_length))
    counts: dict[Split, int] = {"train": PAIRS, "test": LOOKED_AT}
    encoded = {split: encoded_pairs(clip, tokenizer, scenes_of(split), count) for split, count in counts.items()}

    def loss_of(scenes: Scenes, indices: range, generator: torch.Generator) -> Tensor:
        images, states, texts = encoded[scenes.split]
        rows = torch.tensor(indices) % len(images)
        return prior_loss(prior, images[rows], states[rows].float(), texts[rows], generator)

    return Part(prior, loss_of, save_prior)


def encoded_pairs(clip: CLIP, tokenizer: Tokenizer, scenes: Scenes, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return of the first scenes (M, E) image embeddings, (M, T, D) states in float16, and (M, E) text embeddings."""
    captions = [scene.caption for scene in scenes.scenes(range(count))]
    states = [
        encode_prompts(clip, tokenizer, captions[start : start + TOGETHER]).half()
        for start in range(0, count, TOGETHER)
    ]
    return image_embeddings(clip, scenes, range(count)), torch.cat(states), encode_texts(clip, tokenizer, captions)


def decoder_part(clip: CLIP, tokenizer: Tokenizer) -> Part:
    """Return a fresh decoder, which learns from new scenes at every step."""
    shape = DenoiserConfig(TOKEN_WIDTH, IMAGE_SIZE, PATCH_SIZE, WIDTHS, DEPTH)
    decoder = Decoder(shape, clip.config.embed_dim).to(memory_format=torch.channels_last)
    weights = timestep_weights(decoder.alphas_cumprod, shape.prediction)  # (1000,)

    def loss_of(scenes: Scenes, indices: range, generator: torch.Generator) -> Tensor:
        x0 = from_pixels(scenes.batch(indices).pixels)
        states = image_embeddings(clip, scenes, indices)[:, None]  # (B, 1, E)
        nothing = torch.zeros_like(states[:1])
        if scenes.split != "train":  # there the plain loss is measured
            return diffusion_loss(decoder, x0, states, nothing, generator, 0.0)
        return diffusion_loss(decoder, x0, states, nothing, generator, DROPPED, weights)

    return Part(decoder, loss_of, save_decoder)


def noised_part(clip: CLIP, tokenizer: Tokenizer) -> Part:
    """Return a fresh noised image tower, which learns from new scenes at every step."""
    tower = NoisedImageTower(NoisedCLIPConfig(clip.config.embed_dim, IMAGE_SIZE))
    scale = clip.log_logit_scale.exp().item()

    def loss_of(scenes: Scenes, indices: range, generator: torch.Generator) -> Tensor:
        batch = scenes.batch(indices)
        texts = encode_texts(clip, tokenizer, batch.captions)
        return noised_clip_loss(tower, from_pixels(batch.pixels), texts, scale, generator)

    return Part(tower, loss_of, save_noised_clip)


if __name__ == "__main__":
    run_from_shell(main)
