"""The images of notebook 07 for places without a kernel."""

from matplotlib.figure import Figure
from torch import Tensor

from clip_tutor.data.scenes import Batch
from clip_tutor.embedding import encode_images, encode_texts
from clip_tutor.lab.samples.fitting import fits
from clip_tutor.lessons.nb07_contrastive_loss.batches import family, mixed
from clip_tutor.lessons.nb07_contrastive_loss.painter import as_cells, as_table
from clip_tutor.lessons.nb07_contrastive_loss.plots import painted_board, push_board, push_strip
from clip_tutor.lessons.nb07_contrastive_loss.sphere import settle, sphere_board
from clip_tutor.weights import load

SHOWN = 5  # of the family: three bears on blue


def _similarity(batch: Batch) -> Tensor:
    model, tokenizer, _ = load("emoji")
    return encode_texts(model, tokenizer, batch.captions) @ encode_images(model, batch.pixels).T


def card() -> Figure:
    """Draw how one caption shares out its push at three temperatures."""
    batch = family()
    return push_strip(_similarity(batch), SHOWN, (1, 14, 100), list(batch.pixels), batch.captions[SHOWN])


def board() -> Figure:
    """Draw the temperature widget at the temperature that CLIP begins with."""
    batch = family()
    return push_board(_similarity(batch), 14, SHOWN, list(batch.pixels), batch.captions)


def sphere() -> Figure:
    """Draw where free vectors have come to at a low temperature."""
    return sphere_board(settle(100), 300, "After 300 steps at a temperature of 1/100")


def painted() -> Figure:
    """Draw the painter's figure with every cell painted that fits."""
    batch = mixed()
    cells = as_table(as_cells(fits(batch.scenes)), len(batch.scenes))
    return painted_board(_similarity(batch), 14, cells)
