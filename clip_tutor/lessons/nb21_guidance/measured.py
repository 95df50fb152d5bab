"""Several captions, several seeds: what two CLIPs say of images that climbed in five ways, and of real scenes.

    python -m clip_tutor.lessons.nb21_guidance.measured data/curves/guidance.json     some minutes

For each way, means over captions and seeds:

    climbed, second          cosine to the caption, by each of the two CLIPs
    above_real_climbed       share of images that the climbed CLIP finds better than the best real scene
    above_real_second        the same, by the second CLIP
    above_others_…           share of scenes of anything that each finds less fitting than the image
    named_…                  how often each finds the thing among 104, told the background
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from clip_tutor.applications.guidance import HELPED, ClimbConfig, FourierImage, PixelImage, climb
from clip_tutor.lessons.nb21_guidance.worlds import (
    PIXEL_RATE,
    SIDE,
    WANTED,
    Opinion,
    Wanted,
    other_scenes,
    real_scenes,
    share_below,
)
from clip_tutor.weights import load

SEEDS = (0, 1)
BARE = ClimbConfig()
WAYS: dict[str, tuple[type[PixelImage] | type[FourierImage], ClimbConfig]] = {
    "bare pixels": (PixelImage, replace(BARE, lr=PIXEL_RATE)),
    "pixels with cut-outs alone": (PixelImage, replace(BARE, lr=PIXEL_RATE, cutouts=HELPED.cutouts)),
    "pixels with obstacles": (PixelImage, replace(HELPED, lr=PIXEL_RATE)),
    "bare waves": (FourierImage, BARE),
    "waves with obstacles": (FourierImage, HELPED),
}
REAL = "real scenes"


def climb_all(first: Opinion, wanted: tuple[Wanted, ...], seeds: tuple[int, ...], steps: int) -> dict[str, Tensor]:
    """Return for each way the images (captions · seeds, 3, H, W): those of all captions with one seed come together."""
    captions = first.caption([one.caption for one in wanted])  # (M, E)
    found = {}
    for name, (form, config) in WAYS.items():
        films = []
        for seed in seeds:
            settings = replace(config, steps=steps, seed=seed)
            films.append(climb(form(SIDE, len(wanted), seed), first.model, captions, settings, steps)[-1].pixels)
        found[name] = torch.cat(films)
        print(f"climbed: {name}", flush=True)
    return found


def judge(
    images: dict[str, Tensor], first: Opinion, second: Opinion, wanted: tuple[Wanted, ...]
) -> dict[str, dict[str, float]]:
    """Return for each way, and for real scenes, the means over captions and seeds that the module lists."""
    others = other_scenes()
    sums: dict[str, list[dict[str, float]]] = {name: [] for name in [*images, REAL]}
    for place, one in enumerate(wanted):
        real = real_scenes(one)
        shown = {**{name: pixels[place :: len(wanted)] for name, pixels in images.items()}, REAL: real}
        for name, pixels in shown.items():
            row: dict[str, float] = {}
            for who, opinion in (("climbed", first), ("second", second)):
                similarity = opinion.similarity(pixels, one.caption)
                best = opinion.similarity(real, one.caption).max()
                named = [thing == one.thing for thing in opinion.name(pixels, one.background)]
                row |= {
                    who: similarity.mean().item(),
                    f"above_real_{who}": (similarity > best).float().mean().item(),
                    f"above_others_{who}": share_below(similarity, opinion.similarity(others, one.caption))
                    .mean()
                    .item(),
                    f"named_{who}": sum(named) / len(named),
                }
            sums[name].append(row)
    return {
        name: {key: round(sum(row[key] for row in rows) / len(rows), 4) for key in rows[0]}
        for name, rows in sums.items()
    }


def main(path: str) -> None:
    """Climb, ask both CLIPs, and write what they say."""
    first, second = (Opinion(*load(name)[:2]) for name in ("emoji", "everyday"))
    images = climb_all(first, WANTED, SEEDS, HELPED.steps)
    ways = judge(images, first, second, WANTED)
    found = {
        "captions": [one.caption for one in WANTED],
        "seeds": list(SEEDS),
        "steps": HELPED.steps,
        "real_scenes": len(real_scenes(WANTED[0])),
        "ways": ways,
    }
    Path(path).write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for name, row in ways.items():
        print(f"{name:28}", "  ".join(f"{key} {value:.3f}" for key, value in row.items()))


if __name__ == "__main__":
    main(sys.argv[1])
