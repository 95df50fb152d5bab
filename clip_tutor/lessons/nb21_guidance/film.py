"""The film of a climb: its image at one step, large, and what two CLIPs say of it on the way.

caption · form of the image · cut-outs · augmented · variation ─▶ climb, kept ─▶ step ─▶ figure
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import torch
from matplotlib.figure import Figure

from clip_tutor.applications.guidance import HELPED, ClimbConfig, FourierImage, PixelImage, Snapshot, climb
from clip_tutor.lab.plots.style import COLORS, FAINT, INK, MUTED, canvas
from clip_tutor.lab.widgets.gallery import as_image
from clip_tutor.lessons.nb21_guidance.worlds import PIXEL_RATE, SIDE, Opinion, Wanted, real_scenes

STEPS, EVERY = HELPED.steps, 5
FORMS = {"pixels": (PixelImage, PIXEL_RATE), "waves": (FourierImage, HELPED.lr)}
FIRST, SECOND = COLORS[2], COLORS[3]  # the CLIP that is climbed, and the other one


def film_board(
    wanted: tuple[Wanted, ...], climbed: Opinion, second: Opinion, steps: int = STEPS
) -> Callable[..., Figure]:
    """Return the drawing function of the widget; each climb is computed when it is first asked for, and then kept."""
    by_caption = {one.caption: one for one in wanted}

    @lru_cache(maxsize=64)
    def filmed(caption: str, form: str, cut_outs: int, augmented: bool, variation: float) -> list[Snapshot]:
        image, rate = FORMS[form]
        config = ClimbConfig(steps, rate, cutouts=cut_outs, augmented=augmented, variation=variation)
        return climb(image(SIDE), climbed.model, climbed.caption(caption), config, EVERY)

    @lru_cache(maxsize=len(wanted))
    def real(caption: str) -> tuple[float, float]:
        scenes = real_scenes(by_caption[caption])
        return tuple(one.similarity(scenes, caption).mean().item() for one in (climbed, second))  # type: ignore[return-value]

    def film(
        caption: str = wanted[0].caption,
        image_of: str = "waves",
        cut_outs: int = HELPED.cutouts,
        augmented: bool = True,
        variation: float = HELPED.variation,
        step: int = steps,
    ) -> Figure:
        return draw_film(
            filmed(caption, image_of, cut_outs, augmented, variation), step, caption, second, real(caption)
        )

    return film


def draw_film(film: list[Snapshot], step: int, caption: str, second: Opinion, real: tuple[float, float]) -> Figure:
    """Draw the image at a step beside the two curves.

    Args:
        film: of a single image.
        step: the snapshot at or before it is shown.
        second: whose opinion is asked beside that of the CLIP that is climbed.
        real: what both say of real scenes, on average.
    """
    shown = max((one for one in film if one.step <= step), key=lambda one: one.step)
    steps = [one.step for one in film]
    curves = {
        "the CLIP that is climbed": (FIRST, [one.similarity[0].item() for one in film], real[0]),
        "a second CLIP": (
            SECOND,
            second.similarity(torch.cat([one.pixels for one in film]), caption).tolist(),
            real[1],
        ),
    }
    figure, (image, axes) = canvas(9.5, 4.2, columns=2)
    image.set_axis_off()
    image.imshow(as_image(shown.pixels[0]))
    image.set_title(f"step {shown.step}")
    for name, (color, values, of_real) in curves.items():
        axes.plot(steps, values, color=color, label=name)
        axes.plot([shown.step], [values[steps.index(shown.step)]], "o", color=color)
        axes.axhline(of_real, color=color, lw=1, ls="--")
    axes.plot([], [], color=MUTED, lw=1, ls="--", label="real scenes, by each")
    axes.axvline(shown.step, color=FAINT, zorder=0)
    axes.axhline(0, color=INK, lw=0.6)
    axes.set(xlabel="step", ylabel="cosine to the caption", ylim=(-0.35, 0.9))
    axes.legend(loc="upper left")
    figure.suptitle(f"Climbing towards “{caption}”")
    return figure
