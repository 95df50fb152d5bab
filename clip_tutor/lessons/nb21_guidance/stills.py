"""The images of notebook 21 for places without a kernel; each climbs anew, which takes some seconds."""

from functools import lru_cache

import torch
from matplotlib.figure import Figure

from clip_tutor.applications.guidance import HELPED, ClimbConfig, FourierImage, PixelImage, climb
from clip_tutor.lab.plots import image_grid
from clip_tutor.lessons.nb21_guidance.film import EVERY, draw_film
from clip_tutor.lessons.nb21_guidance.regrow import regrowth_figure
from clip_tutor.lessons.nb21_guidance.worlds import PIXEL_RATE, SIDE, WANTED, Opinion, real_scenes
from clip_tutor.weights import load


@lru_cache(maxsize=2)
def _opinion(name: str) -> Opinion:
    return Opinion(*load(name)[:2])


def card() -> Figure:
    """Draw three captions climbed in waves, below what bare pixels have become for the same captions."""
    first, wanted = _opinion("emoji"), WANTED[:4]
    captions = [one.caption for one in wanted]
    rows = [
        climb(form(SIDE, len(wanted)), first.model, first.caption(captions), config, config.steps)[-1]
        for form, config in ((PixelImage, ClimbConfig(lr=PIXEL_RATE)), (FourierImage, HELPED))
    ]
    images = [image for one in rows for image in one.pixels]
    names = [f"{caption}: {s:.2f}" for one in rows for caption, s in zip(captions, one.similarity, strict=True)]
    return image_grid(images, names, columns=len(wanted), title="The same CLIP, climbed without and with obstacles")


def film() -> Figure:
    """Draw the last step of a climb of waves."""
    first, second, one = _opinion("emoji"), _opinion("everyday"), WANTED[0]
    frames = climb(FourierImage(SIDE), first.model, first.caption(one.caption), HELPED, EVERY)
    real = real_scenes(one)
    levels = tuple(opinion.similarity(real, one.caption).mean().item() for opinion in (first, second))
    return draw_film(frames, HELPED.steps, one.caption, second, (levels[0], levels[1]))


def regrown() -> Figure:
    """Draw the mushroom with a hole, and how it heals."""
    first = _opinion("emoji")
    with torch.no_grad():
        return regrowth_figure(first.model, first.tokenizer, "mushroom")
