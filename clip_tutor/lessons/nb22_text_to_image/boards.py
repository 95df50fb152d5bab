"""The widgets of notebook 22: a caption that is drawn at other settings, and the film from noise to image."""

from matplotlib.figure import Figure

from clip_tutor.lab.widgets.gallery import as_image
from clip_tutor.lessons.nb22_text_to_image.plots import image_rows, message, moment_figure
from clip_tutor.lessons.nb22_text_to_image.worlds import Painter, words_of

DRAWN = 5  # images of a caption
FRAMES = 20  # steps of a film
MOST_WORDS = 15  # whose maps are drawn


def draw_board(painter: Painter, caption: str, guidance: float, steps: int, seed: int) -> Figure:
    """Draw five images of a caption under guidance, and above them those of the same noise without."""
    try:
        rows = {
            f"s = {scale:g}": [as_image(image) for image in painter.draw([caption] * DRAWN, seed, scale, steps)]
            for scale in dict.fromkeys((1.0, guidance))
        }
    except ValueError as error:  # the caption is too long
        return message(str(error))
    shown = caption.strip() or "(no caption)"
    return image_rows(rows, [], f"“{shown}”, {steps} step{'' if steps == 1 else 's'}", side=1.35)


def film_board(painter: Painter, caption: str, guidance: float, seed: int, frame: int) -> Figure:
    """Draw a frame on the way from noise to image, with the words that each place looks at.

    Args:
        frame: 0 is nothing but noise; 19 is the last step.
    """
    try:
        words = words_of(painter.kit.tokenizer, caption)
        moment = painter.film(caption, seed, guidance, FRAMES)[frame]
    except ValueError as error:
        return message(str(error))
    return moment_figure(moment, words, MOST_WORDS, f"Step {frame + 1} of {FRAMES}")
