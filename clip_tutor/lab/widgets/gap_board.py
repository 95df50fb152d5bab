"""The modality-gap board: one slider moves the captions' cone along the gap, another walks through training."""

import base64
from collections.abc import Sequence
from functools import cache
from typing import Any

import ipywidgets
import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor

from clip_tutor.evaluation.modality_gap import AMOUNTS, GapCurve, along_the_gap, check_pairs, gap_vector
from clip_tutor.lab.plots.gap_plots import GapFrame, gap_figure
from clip_tutor.lab.widgets.explore import Explorer, explore
from clip_tutor.lab.widgets.screen import as_png

SECOND = 1000  # milliseconds that a frame stays while training is played


def gap_board(frames: Sequence[tuple[float, Any, Any]], logit_scale: float | Sequence[float] = 100.0) -> Explorer:
    """Return a board with both cones, their cosines, and recall and loss while the captions are moved along the gap.

    Args:
        frames: one or several moments of a training: pairs seen, and the vectors (N, E) of N images and of their
            captions. The last one is shown first.
        logit_scale: 1 / temperature, one for all frames or one for each.

    Raises:
        ValueError: there is no frame, not a scale for each, or a frame's vectors do not fit or are not of numbers.
    """
    scales = list(logit_scale) if isinstance(logit_scale, Sequence) else [logit_scale] * len(frames)
    if not frames or len(scales) != len(frames):
        raise ValueError(f"a board needs frames and one logit scale, or as many: {len(frames)} and {len(scales)}")
    moments = [_frame(n, *frame) for n, frame in enumerate(frames)]
    history = [
        (moment.pairs_seen, gap_vector(moment.image_features, moment.text_features).norm().item()) for moment in moments
    ]

    @cache
    def curve_of(frame: int) -> GapCurve:
        return along_the_gap(moments[frame].image_features, moments[frame].text_features, float(scales[frame]))

    def gap(frame: int = len(moments) - 1, amount: float = 0.0) -> str:
        curve = curve_of(frame)
        words, images, loss, left = (
            float(np.interp(amount, curve.amounts, values))
            for values in (curve.text_to_image, curve.image_to_text, curve.losses, curve.gaps)
        )
        said = (
            f"After {moments[frame].pairs_seen:,.0f} pairs, captions moved by {amount:+.2f} gap vectors: a gap of "
            f"{left:.2f} is left, recall@1 is {words:.3f} for text to image and {images:.3f} for image to text, "
            f"the loss {loss:.3f}."
        )
        figure = gap_figure(moments[frame], curve, amount, history)
        return f'<img src="{png_address(figure)}" alt="{said}" style="width:100%;max-width:1020px">'

    wide = {"layout": {"width": "440px"}, "style": {"description_width": "initial"}}
    amount = ipywidgets.FloatSlider(
        0.0, min=AMOUNTS[0], max=AMOUNTS[-1], step=0.05, description="move captions, in gap vectors", **wide
    )
    if len(moments) == 1:
        board = explore(gap, amount=amount)
    else:
        last = len(moments) - 1
        frame = ipywidgets.IntSlider(last, min=0, max=last, description="moment of training", **wide)
        board = explore(gap, frame=frame, amount=amount)
        play = ipywidgets.Play(value=last, min=0, max=last, interval=SECOND, description="play the training")
        board.link = ipywidgets.jslink((play, "value"), (frame, "value"))  # it moves in the page, as fast as it draws
        board.children = [
            ipywidgets.HBox([play, frame, amount], layout={"flex_flow": "row wrap"}),
            *board.children[1:],
        ]
    board.add_class("kit-gap")
    return board


def png_address(figure: Figure) -> str:
    """Return an address for HTML that holds a figure, so that its image can have a text for those who cannot see it."""
    return "data:image/png;base64," + base64.b64encode(as_png(figure)).decode()


def _frame(number: int, pairs_seen: float, image_features: Any, text_features: Any) -> GapFrame:
    """Return one frame as float32 unit vectors on the CPU."""
    images, texts = _unit(image_features), _unit(text_features)
    try:
        check_pairs(images, texts)
    except ValueError as error:
        raise ValueError(f"frame {number}, after {pairs_seen:,.0f} pairs: {error}") from error
    return GapFrame(pairs_seen, images, texts)


def _unit(features: Any) -> Tensor:
    values = torch.as_tensor(features).detach().cpu().float()
    return F.normalize(values, dim=-1)
