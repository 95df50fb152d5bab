"""The two widgets of notebook 18: what a captioner says at other settings, and about a vector that was edited."""

from collections.abc import Mapping
from dataclasses import dataclass
from textwrap import fill

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from clip_tutor.applications.captioning import Captioner, CaptionReader, write_captions
from clip_tutor.applications.language_model import generate, generate_beam, top_p
from clip_tutor.lab.plots.style import FAINT, IMAGE_COLOR, INK, MUTED, TEXT_COLOR, canvas
from clip_tutor.lab.widgets.gallery import as_image
from clip_tutor.lessons.nb18_captioning.plots import RIGHT, mistakes
from clip_tutor.lessons.nb18_captioning.worlds import Part, mixed
from clip_tutor.tokenizers import Tokenizer

DRAWN = 6  # captions that are drawn side by side
STEPS = 7  # between two images
UNCHANGED = "as it is"


@dataclass(frozen=True)
class Speaker:
    """A captioner, and images that it has not seen."""

    captioner: Captioner
    tokenizer: Tokenizer
    part: Part
    reader: CaptionReader

    def prefix(self, image: int, own_vectors: int) -> Tensor:
        """Return (1, N, D): the first vectors of an image's prefix, and for the others those of the mean image."""
        both = torch.stack([self.part.features[image], self.part.features.mean(dim=0)])
        own, mean = self.captioner.prefix(both)  # (N, D) each
        return torch.cat([own[:own_vectors], mean[own_vectors:]])[None]


@torch.no_grad()
def caption_board(speaker: Speaker, image: int, own_vectors: int, beams: int, temperature: float, p: float) -> Figure:
    """Draw an image, what beam search writes about it, and six captions that are drawn."""
    model, end = speaker.captioner.language_model, speaker.tokenizer.end_id
    prefix = speaker.prefix(image, own_vectors)
    most = model.config.context_length - prefix.shape[1]
    best = generate_beam(model, prefix, end_id=end, max_tokens=most, beams=beams)
    choose = top_p(p, temperature, torch.Generator().manual_seed(0))
    drawn = generate(model, prefix.expand(DRAWN, -1, -1), end_id=end, max_tokens=most, choose=choose)
    figure, (shown, words) = canvas(9.5, 3.8, columns=2, image=True)
    shown.imshow(as_image(speaker.part.pixels[image]))
    words.set(xlim=(0, 1), ylim=(0, 10))
    scene, height = speaker.part.scenes[image], 9.6
    kinds = {f"beam search, {beams} beam{'s' if beams > 1 else ''}": best}
    kinds[f"drawn, temperature {temperature:g}, p = {p:g}"] = drawn
    for heading, rows in kinds.items():
        words.text(0, height, heading, size=10, weight="bold", va="center")
        height -= 0.95
        for ids in rows:
            height = _line(words, height, speaker.tokenizer.decode(ids), scene, speaker.reader)
        height -= 0.3
    N = prefix.shape[1]
    kept = f"{own_vectors} of {N} vectors are the image's own" if own_vectors < N else f"all {N} vectors are its own"
    figure.suptitle(f"The prefix: {kept}")
    return figure


def _line(axes: Axes, height: float, caption: str, scene: object, reader: CaptionReader) -> float:
    """Write a caption with a mark for true or false, and return where the next one goes."""
    wrong = mistakes(caption, scene, reader)  # type: ignore[arg-type]
    text = fill(caption, 62, max_lines=2, placeholder=" …") or "(nothing)"
    axes.text(0.0, height, "✗" if wrong else "✓", size=10, color=TEXT_COLOR if wrong else RIGHT, va="center")
    axes.text(0.05, height, text, size=9, color=INK, va="center")
    return height - 0.95 - 0.5 * text.count("\n")


@torch.no_grad()
def edit_board(
    speaker: Speaker,
    directions: Mapping[str, Tensor],
    first: int,
    second: int,
    background: str = UNCHANGED,
    strength: float = 0.5,
) -> Figure:
    """Draw two images, and the captions on the way from one vector to the other, with a background added to all.

    Args:
        directions: for each color the direction (E,) that captions give its background.
        background: one of these colors, or as it is.
        strength: how much of the direction is added, and of that of the image's own background taken away.
    """
    part, weights = speaker.part, torch.linspace(0, 1, STEPS)
    vectors = mixed(part.features[first], part.features[second], weights)  # (7, E)
    if background != UNCHANGED:
        own = [directions[part.scenes[image].background] for image in (first, second)]
        vectors = vectors + strength * (directions[background] - mixed(own[0], own[1], weights))
    captions = write_captions(speaker.captioner, speaker.tokenizer, vectors)
    figure, (axes,) = canvas(11, 3.6, image=True)
    axes.set(xlim=(0, 11), ylim=(0, 3.6))
    for x, image in ((0.0, first), (9.2, second)):
        axes.imshow(as_image(part.pixels[image]), extent=(x, x + 1.8, 0.9, 2.7), aspect="auto")
    before: list[str] = []
    for n, (weight, caption) in enumerate(zip(weights.tolist(), captions, strict=True)):
        y = 3.2 - 0.45 * n
        axes.barh(y, 0.8, 0.2, left=2.0, color=FAINT)
        axes.barh(y, 0.8 * (1 - weight), 0.2, left=2.0, color=IMAGE_COLOR)
        words = caption.split()
        new = [word for word in words if before and word not in before]
        axes.text(3.0, y, caption, size=9.5, color=INK, va="center")
        if new:
            axes.text(2.97, y - 0.21, f"new: {' '.join(new)}", size=7.5, color=TEXT_COLOR, va="center")
        before = words
    added = (
        "" if background == UNCHANGED or not strength else f", plus {strength:g} · (“{background}” − their own color)"
    )
    axes.text(2.0, 3.48, "share of the first image", size=8, color=MUTED, va="center")
    figure.suptitle(f"From one vector to the other{added}")
    return figure
