"""The widgets of notebook 22: a caption that is drawn at other settings, the film from noise to image, three embeddings
of a caption, and a scene that is turned into something else.
"""

from matplotlib.figure import Figure

from clip_tutor.lab.widgets.gallery import as_image
from clip_tutor.lessons.nb22_text_to_image.embeddings import Embedder, scenes_to_turn
from clip_tutor.lessons.nb22_text_to_image.plots import image_rows, message, moment_figure
from clip_tutor.lessons.nb22_text_to_image.worlds import Painter, everyday_scenes, told, words_of

DRAWN = 5  # images of a caption
FRAMES = 20  # steps of a film
COPIES = 4  # images of an embedding
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


def three_board(embedder: Embedder, caption: str, guidance: float, seed: int) -> Figure:
    """Draw four images of each of three embeddings of a caption, those of a column from the same noise."""
    try:
        embeddings = embedder.of_captions([caption], seed)
    except ValueError as error:  # the caption is too long
        return message(str(error))
    rows = {
        name: list(embedder.draw(embedding.expand(COPIES, -1), seed, guidance))
        for name, embedding in embeddings.items()
    }
    return image_rows(rows, [], f"“{caption.strip() or '(no caption)'}”, {embedder.steps} steps", side=1.35)


def turn_board(embedder: Embedder, number: int, text: str, way: str, share: float, seed: int) -> Figure:
    """Draw an unseen scene, and its embedding turned towards a text: from the scene's own noise, and from other noise.

    Args:
        number: of `scenes_to_turn`.
    """
    scene = scenes_to_turn()[number]
    try:
        embedding = embedder.turned(scene, text, share, way)
    except ValueError as error:  # the text is too long, or says the same as the scene's caption
        return message(str(error))
    images = [*everyday_scenes("test").batch([scene.index]).pixels, *embedder.redraw(scene, embedding)]
    images += list(embedder.draw(embedding.expand(COPIES - 1, -1), seed))
    heads = ["the scene", "its own noise", *["other noise"] * (COPIES - 1)]
    return image_rows({"": images}, heads, f"“{told(scene)}”, {share:.0%} of the way", side=1.35)
