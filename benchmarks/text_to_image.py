"""Text to image: is what a caption says in the image that is made from it?

    python benchmarks/text_to_image.py                        500 captions never seen in training, some minutes
    python benchmarks/text_to_image.py --seed 1               other captions, and other noise
    python benchmarks/text_to_image.py --guidance 1 3 10      the same captions, guided more and less

Captions are those of unseen scenes of 104 everyday objects, and of the compositional split, whose pairs of object and
background training never showed. Two judges look at each image: the attribute judge, a classifier trained on scenes
alone, and the kit's CLIP, which is shown the image at twice its size and chooses among captions. Both judge real scenes
first: that is the most that can be expected. Shares come with 95 % bootstrap intervals.

`diversity` is the mean distance between images of one caption from different noise, over that between real scenes of
the same caption; in pixels, and between CLIP's vectors. `ddim_vs_diffusers_max_difference` follows a sampling run of
the shipped denoiser step by step beside diffusers' DDIMScheduler. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence

import diffusers
import torch
import torch.nn.functional as F
from machine import machine
from torch import Tensor

from clip_tutor.applications.attribute_judge import AttributeJudge, facts_of, load_judge, verdicts
from clip_tutor.applications.attribute_judge.train import SEED as JUDGE_SEED
from clip_tutor.applications.attribute_judge.train import judge_accuracy
from clip_tutor.applications.diffusion import (
    Denoiser,
    encode_prompts,
    sample,
    sample_steps,
    sampling_timesteps,
    to_pixels,
)
from clip_tutor.applications.diffusion.files import load_denoiser
from clip_tutor.applications.diffusion.guidance import guided_output
from clip_tutor.applications.diffusion.prediction import DIFFUSERS_PREDICTIONS
from clip_tutor.applications.diffusion.schedule import DIFFUSERS_SCHEDULES
from clip_tutor.applications.diffusion.train import SEED
from clip_tutor.assets import asset
from clip_tutor.data.emoji import Emoji
from clip_tutor.data.scenes import Scene, Scenes, Split
from clip_tutor.embedding import encode_images
from clip_tutor.evaluation import bootstrap_interval
from clip_tutor.evaluation.attributes import attribute_hits
from clip_tutor.model import CLIP
from clip_tutor.tokenizers import Tokenizer

TOGETHER = 16  # images that are made at once
CAPTIONS, COPIES = 32, 8  # how many captions the diversity is measured on, and images of each
JUDGED = 5000  # real scenes that the judge is asked about
ATTRIBUTES = ("object", "count", "relation", "background")


class Painter:
    """The shipped denoiser with its settings: captions in, pixels out."""

    def __init__(self, denoiser: Denoiser, clip: CLIP, tokenizer: Tokenizer, steps: int, guidance: float) -> None:
        self.denoiser, self.clip, self.tokenizer, self.steps, self.guidance = denoiser, clip, tokenizer, steps, guidance
        self.null_states = encode_prompts(clip, tokenizer, "")

    def draw(self, captions: Sequence[str], seed: int) -> Tensor:
        """Return (B, 3, H, W), uint8, an image for each of B captions."""
        generator = torch.Generator().manual_seed(seed)
        images = []
        for start in range(0, len(captions), TOGETHER):
            states = encode_prompts(self.clip, self.tokenizer, captions[start : start + TOGETHER])
            images.append(sample(self.denoiser, states, self.null_states, self.steps, self.guidance, generator))
        return to_pixels(torch.cat(images))


def enlarged(pixels: Tensor, side: int) -> Tensor:
    """Return uint8 images of another size, as the kit's CLIP reads them."""
    larger = F.interpolate(pixels.float(), (side, side), mode="bicubic", antialias=True)
    return larger.clamp(0, 255).round().byte()


def shares(hits: dict[str, Tensor]) -> dict[str, list[float]]:
    """Return for each attribute the share that is right, and its interval."""
    return {name: [hits[name].float().mean().item(), *bootstrap_interval(hits[name].float())] for name in ATTRIBUTES}


def judged(
    pixels: Tensor,
    scenes: Sequence[Scene],
    judge: AttributeJudge,
    objects: Sequence[Emoji],
    clip: CLIP,
    tokenizer: Tokenizer,
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Return what the judge and the CLIP find right in images that are to show these scenes."""
    by_judge = verdicts(judge.read(pixels), facts_of(scenes, objects))
    features = encode_images(clip, enlarged(pixels, clip.config.vision.image_size))
    return shares(by_judge), shares(attribute_hits(clip, tokenizer, features, scenes, objects, ensemble=False))


def diversity(painter: Painter, unseen: Scenes, seed: int) -> tuple[float, float]:
    """Return how far apart images of one caption lie, over real scenes of that caption: in pixels, and for CLIP."""
    side = painter.clip.config.vision.image_size
    ratios = []
    for kind in ("pixels", "clip"):
        apart = [0.0, 0.0]
        for index in unseen.distinct(CAPTIONS):
            real = unseen.alike(index, COPIES).pixels
            made = painter.draw([unseen.scenes([index])[0].caption] * COPIES, seed + index)
            for n, images in enumerate((made, real)):
                vectors = (
                    images.flatten(1) / 255 if kind == "pixels" else encode_images(painter.clip, enlarged(images, side))
                )
                apart[n] += F.pdist(vectors).mean().item()
        ratios.append(apart[0] / apart[1])
    return ratios[0], ratios[1]


@torch.no_grad()
def ddim_difference(painter: Painter, captions: Sequence[str]) -> float:
    """Return the greatest difference to diffusers' scheduler on the way from noise to images."""
    denoiser = painter.denoiser
    scheduler = diffusers.DDIMScheduler(
        beta_schedule=DIFFUSERS_SCHEDULES[denoiser.config.schedule],
        prediction_type=DIFFUSERS_PREDICTIONS[denoiser.config.prediction],
        timestep_spacing="trailing",
        clip_sample=True,
    )
    scheduler.set_timesteps(painter.steps)
    states, null = encode_prompts(painter.clip, painter.tokenizer, captions), painter.null_states
    steps = list(sample_steps(denoiser, states, null, painter.steps, painter.guidance, torch.manual_seed(0)))
    differences = []
    ends = [*(step.noisy for step in steps[1:]), steps[-1].x0]
    for step, end, t in zip(steps, ends, sampling_timesteps(painter.steps), strict=True):
        output = guided_output(
            denoiser, step.noisy, torch.full((len(states),), t), states, null.expand_as(states), painter.guidance
        )
        theirs = scheduler.step(output, t, step.noisy, use_clipped_model_output=True)
        differences += [(theirs.pred_original_sample - step.x0).abs().max(), (theirs.prev_sample - end).abs().max()]
    return torch.stack(differences).max().item()


def seconds_per_image(painter: Painter, captions: Sequence[str]) -> float:
    """Return the seconds that one of 16 images takes when they are made together, the best of three."""
    taken = []
    for seed in range(3):
        started = time.perf_counter()
        painter.draw(captions, seed)
        taken.append((time.perf_counter() - started) / len(captions))
    return min(taken)


def row(name: str, by_judge: dict[str, list[float]], by_clip: dict[str, list[float]]) -> str:
    """Return a line of the table."""
    cells = [f"{share:.3f} ({low:.3f}–{high:.3f})" for by in (by_judge, by_clip) for share, low, high in by.values()]
    return f"{name:26}" + "".join(f"{cell:22}" for cell in cells)


def main() -> None:
    """Draw, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--captions", type=int, default=500, help="of each split: %(default)s")
    parser.add_argument("--seed", type=int, default=SEED + 1, help="of scenes and noise: %(default)s")
    parser.add_argument("--steps", type=int, default=25, help="of DDIM: %(default)s")
    parser.add_argument("--guidance", type=float, nargs="+", default=[3.0], help="%(default)s; the first is reported")
    parser.add_argument("--denoiser", default="text_to_image", help="the one that ships, or a file")
    parser.add_argument("--judge", default="attribute_judge", help="the one that ships, or a file")
    options = parser.parse_args()
    denoiser, clip, tokenizer, notes = load_denoiser(options.denoiser)
    judge, objects, _ = load_judge(options.judge)
    size = denoiser.config.image_size

    print(f"\n{machine()};  {options.captions} captions a line, DDIM with {options.steps} steps")
    print(f"\n{'':26}{'the attribute judge':88}{'CLIP'}")
    print(f"{'':26}" + "".join(f"{name:22}" for name in (*ATTRIBUTES, *ATTRIBUTES)))
    of_split: dict[Split, Scenes] = {}
    made = {}
    for split in ("test", "compositional"):
        unseen = of_split[split] = Scenes(objects, split, size, options.seed)
        batch = unseen.batch(unseen.distinct(options.captions))
        print(row(f"{split}, real", *judged(batch.pixels, batch.scenes, judge, objects, clip, tokenizer)))
        for guidance in options.guidance:
            painter = Painter(denoiser, clip, tokenizer, options.steps, guidance)
            pixels = painter.draw(batch.captions, options.seed)
            made[split, guidance] = judged(pixels, batch.scenes, judge, objects, clip, tokenizer)
            print(row(f"{split}, guidance {guidance:g}", *made[split, guidance]), flush=True)
    painter = Painter(denoiser, clip, tokenizer, options.steps, options.guidance[0])
    in_pixels, for_clip = diversity(painter, of_split["test"], options.seed)
    captions = [scene.caption for scene in of_split["test"].scenes(range(TOGETHER))]
    by_judge, by_clip = made["test", options.guidance[0]]
    figures = {
        "benchmark": "text_to_image",
        "machine": machine(),
        "captions": options.captions,
        "steps": options.steps,
        "guidance": options.guidance[0],
        "judge_on_real_scenes": judge_accuracy(judge, Scenes(objects, "test", size, JUDGE_SEED + 1), JUDGED),
        **{f"{name}_right": by_judge[name][0] for name in ATTRIBUTES},
        **{f"{name}_right_interval": by_judge[name][1:] for name in ATTRIBUTES},
        **{f"{name}_right_by_clip": by_clip[name][0] for name in ATTRIBUTES},
        "compositional": {name: made["compositional", options.guidance[0]][0][name] for name in ATTRIBUTES},
        "diversity": in_pixels,
        "diversity_by_clip": for_clip,
        "seconds_per_image": seconds_per_image(painter, captions),
        "ddim_vs_diffusers_max_difference": ddim_difference(painter, captions),
        "checkpoint_megabytes": sum(
            asset(f"checkpoints/{name}.safetensors").stat().st_size / 1e6
            for name in ("text_to_image", "attribute_judge")
        ),
        "trained": notes,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
