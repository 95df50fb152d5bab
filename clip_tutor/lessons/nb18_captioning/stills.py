"""The images of notebook 18 for places without a kernel, from the captioner that comes with the kit."""

from functools import lru_cache

from matplotlib.figure import Figure

from clip_tutor.applications.captioning import CaptionReader, load_captioner, write_captions
from clip_tutor.data.emoji import load_emoji
from clip_tutor.lessons.nb18_captioning.boards import Speaker, caption_board, edit_board
from clip_tutor.lessons.nb18_captioning.plots import captioned
from clip_tutor.lessons.nb18_captioning.worlds import background_directions, encoded

SHOWN = (1, 3, 22, 2)  # of the unseen scenes; the captioner has the last one wrong


@lru_cache(maxsize=1)
def _speaker() -> Speaker:
    captioner, tokenizer, clip, _ = load_captioner()
    objects = load_emoji()
    return Speaker(captioner, tokenizer, encoded(clip, objects, "test", 200), CaptionReader(objects))


def card() -> Figure:
    """Draw four unseen images with the captions that were written about them."""
    speaker = _speaker()
    part = speaker.part
    captions = write_captions(speaker.captioner, speaker.tokenizer, part.features[list(SHOWN)])
    scenes, images = [part.scenes[n] for n in SHOWN], [part.pixels[n] for n in SHOWN]
    return captioned(images, captions, scenes, speaker.reader, "Written from one vector each")


def board() -> Figure:
    """Draw the first widget at its first settings."""
    speaker = _speaker()
    return caption_board(speaker, 7, 10, 3, 1.0, 0.9)


def edit() -> Figure:
    """Draw the second widget at its first settings."""
    clip = load_captioner().clip
    speaker = _speaker()
    return edit_board(speaker, background_directions(clip, speaker.tokenizer), 1, 22, "blue", 0.0)
