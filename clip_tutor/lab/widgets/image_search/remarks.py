"""What is said around the images, in HTML: how many, whether they fit, what a high score is, what is searched with."""

from __future__ import annotations

from html import escape

from clip_tutor.lab.widgets.image_search.query import Query, shortened
from clip_tutor.lab.widgets.image_search.thumbnails import Thumbnail
from clip_tutor.search import Answer

WAITING = "Type what an image should show, or upload an image to find others like it."
WHAT_Z_IS = "z says the same of each image: by how many standard deviations its score lies above chance."


def status_html(query: Query, answer: Answer, images: int, milliseconds: float) -> str:
    """Return what stands above the images that were found among so many."""
    if query.is_empty:
        return _lines(f"<p class='kit-quiet'>{WAITING}</p>")
    said = f"{len(answer)} of {images:,} images for “{escape(query.label)}”, found in {milliseconds:.0f} ms"
    lines = [f"<p class='kit-quiet'>{said}</p>"]
    if len(answer) and not answer.fits:
        lines.append(f"<div class='kit-nothing'><b>{nothing_fits(query, answer)}</b></div>")
    lines += [f"<div class='kit-nothing'>{escape(note)}</div>" for note in answer.notes]
    if answer.explanation:
        lines.append(
            "<details class='kit-quiet'><summary>What is a high score here?</summary>"
            f"<p>{escape(answer.explanation)} {WHAT_Z_IS}</p></details>"
        )
    return _lines(*lines)


def nothing_fits(query: Query, answer: Answer) -> str:
    """Return the sentence that says so."""
    if all(hit.is_query for hit in answer):
        return "There is no other image."
    if query.image is not None:
        return "Nothing here is much like it: two images taken at random are often as similar."
    return "Nothing here fits: random words find as much."


def image_html(thumbnail: Thumbnail, name: str) -> str:
    """Return the image that is searched with, and its name."""
    shown = escape(shortened(name))
    image = f'<img src="{thumbnail.address}" alt="{shown}">' if thumbnail.address else escape(thumbnail.problem)
    return f'<div class="kit-query">{image}<span>Searching with <b>{shown}</b></span></div>'


def _lines(*lines: str) -> str:
    return f'<div class="kit-line" role="status">{"".join(lines)}</div>'
