"""unCLIP and CLIP guidance: is what a caption says in the image, by way of an embedding, or of a gradient?

    python benchmarks/unclip.py                           500 captions never seen in training, some minutes
    python benchmarks/unclip.py --prior runs/unclip_prior.safetensors --decoder runs/unclip_decoder.safetensors
    python benchmarks/unclip.py --scales 1 3 10           the same captions, led more or less by the CLIPs

The prior: the cosine between its embedding and that of the caption's own image, beside two embeddings without a prior,
the text's own, and the text's moved by the mean difference of images and texts. `prior_gain` is what the prior has more
than the moved one.

The decoder draws from all of them, and from the image's own embedding, each time from the same noise. The attribute
judge, a classifier trained on scenes alone, says how often the right objects are there and no others;
`decoder_object_gain` is what the prior's embeddings have more than the moved ones.

CLIP guidance: the denoiser of text to image is told nothing, and a CLIP leads it: the noised one, and an ordinary one,
each at the best of its scales. Classifier-free guidance of the same captions stands beside them, and the noised CLIP
takes as many steps as fit into its time. All seconds are those of the processor, however many others use it.
`noised_clip_gain` is what the noised CLIP has more right than the ordinary one. `distance` is the Fréchet distance
between the embeddings of made and of real images: less looks better.

Differences are taken caption by caption. All intervals are 95 % bootstrap intervals. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from machine import machine
from text_to_image import enlarged
from torch import Tensor

from clip_tutor.applications.attribute_judge import AttributeJudge, facts_of, load_judge, verdicts
from clip_tutor.applications.diffusion import (
    encode_prompts,
    load_denoiser,
    load_noised_clip,
    sample,
    sample_with_clip,
    to_pixels,
    unnoised,
)
from clip_tutor.applications.diffusion.clip_guidance import ImageEncoder
from clip_tutor.applications.unclip import as_condition, decode, load_unclip, mean_difference, predict, shifted
from clip_tutor.applications.unclip.train import SEED, image_embeddings, scenes_of
from clip_tutor.assets import asset
from clip_tutor.data.emoji import Emoji
from clip_tutor.data.scenes import Scene
from clip_tutor.embedding import encode_images, encode_texts
from clip_tutor.evaluation import bootstrap_interval
from clip_tutor.evaluation.results import write_json
from clip_tutor.model import CLIP
from clip_tutor.weights import fingerprint

TOGETHER = 16  # images that are made at once
SHOWN = 2000  # training scenes from which the mean difference of images and texts is taken
Draw = Callable[[range, torch.Generator], Tensor]  # which of the captions, and what draws the noise


def drawn(draw: Draw, count: int, seed: int) -> tuple[Tensor, float]:
    """Return (B, 3, H, W) uint8 images of so many captions, and the seconds of the processor that one took."""
    generator, started = torch.Generator().manual_seed(seed), time.process_time()
    images = [draw(range(start, min(start + TOGETHER, count)), generator) for start in range(0, count, TOGETHER)]
    return to_pixels(torch.cat(images)), (time.process_time() - started) / count


def hits_of(
    pixels: Tensor, scenes: Sequence[Scene], judge: AttributeJudge, objects: Sequence[Emoji]
) -> dict[str, Tensor]:
    """Return (B,) for the objects, their count and the background, 1 where the judge sees what was told, else 0."""
    seen = verdicts(judge.read(pixels), facts_of(scenes, objects))
    return {name: seen[name].float() for name in ("object", "count", "background")}


def frechet_distance(some: Tensor, others: Tensor) -> float:
    """Return the Fréchet distance between two sets of vectors (M, E), each taken for a normal distribution.

    Source: Heusel et al. 2017, "GANs Trained by a Two Time-Scale Update Rule".
    """
    some, others = some.double(), others.double()
    first, second = some.T.cov(), others.T.cov()
    mixed = torch.linalg.eigvals(first @ second).real.clamp(min=0).sqrt().sum()
    return ((some.mean(0) - others.mean(0)).square().sum() + first.trace() + second.trace() - 2 * mixed).item()


def with_interval(values: Tensor) -> list[float]:
    """Return the mean of numbers (B,) and its interval."""
    return [values.mean().item(), *bootstrap_interval(values)]


def line(name: str, values: Tensor, more: str = "") -> str:
    """Return a line of a table."""
    mean, low, high = with_interval(values)
    return f"  {name:40}{mean:7.3f}  ({low:.3f} to {high:.3f}){more}"


def unclip_figures(options: argparse.Namespace, judge: AttributeJudge, objects: Sequence[Emoji]) -> dict[str, object]:
    """Measure prior and decoder, print two tables, and return the figures."""
    prior, decoder, clip, tokenizer, notes = load_unclip(options.prior, options.decoder)
    size = decoder.config.image_size
    known, unseen = scenes_of("train", size), scenes_of("test", size, options.seed)
    known_captions = [scene.caption for scene in known.scenes(range(SHOWN))]
    difference = mean_difference(
        image_embeddings(clip, known, range(SHOWN)), encode_texts(clip, tokenizer, known_captions)
    )
    scenes = unseen.scenes(range(options.captions))
    states, texts = as_condition(clip, tokenizer, [scene.caption for scene in scenes])
    images = image_embeddings(clip, unseen, range(options.captions))
    generator = torch.Generator().manual_seed(options.seed)
    started = time.process_time()
    embeddings = {
        "the image's own": images,
        "the prior's": predict(prior, states, texts, options.steps, generator),
        "the text's, moved": shifted(texts, difference),
        "the text's own": texts,
    }
    prior_seconds = (time.process_time() - started) / options.captions
    cosines = {name: (each * images).sum(dim=1) for name, each in embeddings.items()}
    print("\ncosine to the image's own embedding")
    for name, values in cosines.items():
        print(line(name, values))
    print("\nthe decoder: the objects that were told, and no others")
    hits, seconds = {}, {}
    for name, each in embeddings.items():

        def draw(rows: range, generator: torch.Generator, told: Tensor = each) -> Tensor:
            return decode(decoder, told[list(rows)], options.steps, options.guidance, generator)

        pixels, seconds[name] = drawn(draw, options.captions, options.seed)
        hits[name] = hits_of(pixels, scenes, judge, objects)["object"]
        print(line(name, hits[name]), flush=True)
    gain = cosines["the prior's"] - cosines["the text's, moved"]
    right = hits["the prior's"] - hits["the text's, moved"]
    return {
        "prior_gain": gain.mean().item(),
        "prior_gain_interval": bootstrap_interval(gain),
        "prior_cosine": cosines["the prior's"].mean().item(),
        "shifted_cosine": cosines["the text's, moved"].mean().item(),
        "text_cosine": cosines["the text's own"].mean().item(),
        "decoder_object_right": hits["the prior's"].mean().item(),
        "decoder_object_right_interval": bootstrap_interval(hits["the prior's"]),
        "decoder_object_right_shifted": hits["the text's, moved"].mean().item(),
        "decoder_object_right_text": hits["the text's own"].mean().item(),
        "decoder_object_right_image": hits["the image's own"].mean().item(),
        "decoder_object_gain": right.mean().item(),
        "decoder_object_gain_interval": bootstrap_interval(right),
        "prior_seconds": prior_seconds,
        "decoder_seconds": seconds["the prior's"],
        "trained_unclip": notes,
    }


def guidance_figures(options: argparse.Namespace, judge: AttributeJudge, objects: Sequence[Emoji]) -> dict[str, object]:
    """Measure three kinds of guidance, print a table, and return the figures."""
    denoiser, clip, tokenizer, _ = load_denoiser(options.denoiser)
    tower, of_tower, _, notes = load_noised_clip(options.noised_clip)
    if fingerprint(clip) != fingerprint(of_tower):
        raise ValueError(f"{options.denoiser} and {options.noised_clip} were trained beside different CLIPs")
    size, scale_of_clip = denoiser.config.image_size, clip.log_logit_scale.exp().item()
    unseen = scenes_of("test", size, options.seed)
    scenes = unseen.scenes(range(options.guided))
    captions = [scene.caption for scene in scenes]
    states, null = encode_prompts(clip, tokenizer, captions), encode_prompts(clip, tokenizer, "")
    texts = encode_texts(clip, tokenizer, captions)
    real = seen_by(clip, unseen.batch(range(options.guided, 2 * options.guided)).pixels)

    def free(rows: range, generator: torch.Generator) -> Tensor:
        return sample(denoiser, states[list(rows)], null, options.steps, options.free_guidance, generator)

    def led(encode: ImageEncoder, scale: float, steps: int) -> Draw:
        def draw(rows: range, generator: torch.Generator) -> Tensor:
            nothing = null.expand(len(rows), -1, -1)
            told = texts[list(rows)]
            return sample_with_clip(denoiser, nothing, encode, told, scale_of_clip, steps, scale, generator)

        return draw

    print(f"\nguidance, {options.guided} captions: object right; count; background; distance; seconds")
    hits, others, distances, seconds = {}, {}, {}, {}

    def judged(name: str, draw: Draw) -> None:
        pixels, seconds[name] = drawn(draw, options.guided, options.seed)
        right = hits_of(pixels, scenes, judge, objects)
        hits[name], distances[name] = right["object"], frechet_distance(seen_by(clip, pixels), real)
        others[name] = {fact: values.mean().item() for fact, values in right.items() if fact != "object"}
        more = [*others[name].values(), distances[name], seconds[name]]
        print(line(name, hits[name], "".join(f"   {figure:.3f}" for figure in more)), flush=True)

    judged("classifier-free", free)
    _, of_two_steps = drawn(led(tower, 1.0, 2), TOGETHER, options.seed)
    equal_steps = max(1, round(2 * seconds["classifier-free"] / of_two_steps))
    judged("none", led(tower, 0.0, options.steps))
    for scale in options.scales:
        judged(f"noised CLIP, {scale:g}", led(tower, scale, equal_steps))
        judged(f"ordinary CLIP, {scale:g}", led(unnoised(clip), scale, options.steps))

    def best(kind: str) -> str:
        return max((name for name in hits if name.startswith(kind)), key=lambda name: hits[name].mean().item())

    noised, ordinary = best("noised"), best("ordinary")
    gain = hits[noised] - hits[ordinary]
    return {
        "guided_captions": options.guided,
        "noised_clip_right": hits[noised].mean().item(),
        "noised_clip_right_interval": bootstrap_interval(hits[noised]),
        "ordinary_clip_right": hits[ordinary].mean().item(),
        "classifier_free_right": hits["classifier-free"].mean().item(),
        "noised_clip_gain": gain.mean().item(),
        "noised_clip_gain_interval": bootstrap_interval(gain),
        "noised_clip_steps": equal_steps,
        "best_scales": [noised, ordinary],
        "also_right": {name: others[name] for name in ("classifier-free", "none", noised, ordinary)},
        "distance": {name: distances[name] for name in ("classifier-free", "none", noised, ordinary)},
        "guided_seconds": {name: seconds[name] for name in ("classifier-free", "none", noised, ordinary)},
        "trained_noised_clip": notes,
    }


def seen_by(clip: CLIP, pixels: Tensor) -> Tensor:
    """Return (B, E) embeddings of uint8 images of any size."""
    return encode_images(clip, enlarged(pixels, clip.config.vision.image_size))


def main() -> None:
    """Predict, draw, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--captions", type=int, default=500, help="for prior and decoder: %(default)s")
    parser.add_argument("--guided", type=int, default=200, help="captions for the kinds of guidance: %(default)s")
    parser.add_argument("--seed", type=int, default=SEED + 1, help="of scenes and noise: %(default)s")
    parser.add_argument("--steps", type=int, default=25, help="of DDIM: %(default)s")
    parser.add_argument("--guidance", type=float, default=3.0, help="of the decoder: %(default)s")
    parser.add_argument(
        "--free-guidance", type=float, default=3.0, help="of the denoiser, classifier-free: %(default)s"
    )
    parser.add_argument(
        "--scales", type=float, nargs="+", default=[0.3, 1.0, 3.0, 10.0, 30.0], help="of the CLIPs: %(default)s"
    )
    parser.add_argument("--prior", default="unclip_prior", help="the one that ships, or a file")
    parser.add_argument("--decoder", default="unclip_decoder", help="the same")
    parser.add_argument("--noised-clip", default="noised_clip", help="the same")
    parser.add_argument("--denoiser", default="text_to_image", help="the same")
    parser.add_argument("--judge", default="attribute_judge", help="the same")
    parser.add_argument("--save", type=Path, help="a file for the figures, as JSON")
    options = parser.parse_args()
    judge, objects, _ = load_judge(options.judge)
    print(f"\n{machine()};  {options.captions} captions, DDIM with {options.steps} steps")
    figures = {
        "benchmark": "unclip",
        "machine": machine(),
        "captions": options.captions,
        "steps": options.steps,
        **unclip_figures(options, judge, objects),
        **guidance_figures(options, judge, objects),
    }
    shipped = ("unclip_prior", "unclip_decoder", "noised_clip")
    if all(getattr(options, name.removeprefix("unclip_")) == name for name in shipped):
        sizes = [asset(f"checkpoints/{name}.safetensors").stat().st_size / 1e6 for name in shipped]
        figures["checkpoint_megabytes"] = sum(sizes)
    if options.save:
        write_json(options.save, figures)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
