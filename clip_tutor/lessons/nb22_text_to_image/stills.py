"""The images of notebook 22 for places without a kernel, from the models that come with the kit."""

from matplotlib.figure import Figure

from clip_tutor.lab.plots.common import image_grid
from clip_tutor.lessons.nb22_text_to_image.boards import draw_board, film_board, three_board, turn_board
from clip_tutor.lessons.nb22_text_to_image.embeddings import EDIT, kit_embedder
from clip_tutor.lessons.nb22_text_to_image.worlds import kit_painter

CARD = (
    "two cats on a red background",
    "a huge owl on a purple background",
    "a rocket left of a cake on a blue background",
    "three strawberries on a white background",
    "a frog above a guitar on an orange background",
    "a tiny star on a black background",
)
PROMPT = CARD[2]
TURNED = "a huge rocket on a green background"


def card() -> Figure:
    """Draw an image for each of six captions."""
    return image_grid(list(kit_painter().draw(CARD, seed=2)), CARD, columns=6, title="Drawn from noise and a caption")


def draw() -> Figure:
    """Draw the first widget at its first settings."""
    return draw_board(kit_painter(), CARD[0], 3.0, 15, 0)


def film() -> Figure:
    """Draw the second widget at its first settings."""
    return film_board(kit_painter(), PROMPT, 3.0, 1, 8)


def three() -> Figure:
    """Draw the third widget at its first settings."""
    return three_board(kit_embedder(), CARD[0], 2.0, 0)


def turn() -> Figure:
    """Draw the fourth widget at its first settings."""
    return turn_board(kit_embedder(), 0, TURNED, EDIT, 0.3, 0)
