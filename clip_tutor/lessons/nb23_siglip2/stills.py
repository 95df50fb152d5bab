"""The images of notebook 23 for places without a kernel, from the two models that come with the kit."""

from matplotlib.figure import Figure
from torch import Tensor

from clip_tutor.evaluation.dense import patch_features
from clip_tutor.lab.plots.patch_plots import token_colors
from clip_tutor.lessons.nb23_siglip2.boards import alike_board, hidden_board
from clip_tutor.lessons.nb23_siglip2.worlds import NAMES, arm, look, scenes_of

SHOWN = (0, 3)


def card() -> Figure:
    """Draw the widest directions of patch features as colors, of both models."""
    pixels, stages = _seen(40)
    chosen = list(SHOWN)
    return token_colors(
        [pixels[n] for n in chosen],
        [each[chosen] for each in stages.values()],
        list(stages),
        "What patches are alike?",
    )


def alike() -> Figure:
    """Draw the last widget at its first settings, with the two models alone."""
    pixels, stages = _seen(1)
    return alike_board(list(pixels), stages, 0, 3, 4)


def hidden() -> Figure:
    """Draw the mask's widget at its first settings."""
    pixels, stages = _seen(1)
    return hidden_board(pixels[0], next(iter(stages.values())).shape[1], 0.5, 0)


def _seen(count: int) -> tuple[Tensor, dict[str, Tensor]]:
    size = arm("plain").model.config.vision.image_size
    pixels = look(scenes_of("test", size, pairs=True), range(count)).pixels
    return pixels, {title: patch_features(arm(name).model, pixels) for name, title in NAMES.items()}
