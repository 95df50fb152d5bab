"""Draw the images that stand in for widgets where no kernel runs: ``python -m clip_tutor.lab.course.stills 00``.

Without a number it draws those of every notebook; 08 trains a model for its own, which takes some minutes.
For each that `course.toml` lists, the lesson's `stills.py` has a function of that name: without arguments, it returns a
matplotlib Figure or a PIL image.
"""

import io
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from PIL import Image

from clip_tutor.lab.course.notebook_files import CHECKOUT
from clip_tutor.lab.course.syllabus import Notebook, read_syllabus
from clip_tutor.lab.plots.style import use_style

MOST_BYTES = 100_000
WIDTH = 1_600  # pixels, at most: twice what a notebook shows


def draw_stills(root: Path, only: Sequence[str] = ()) -> list[Path]:
    """Draw the stills of the course, or of the notebooks in ``only``, into ``root/notebooks/images``.

    Return their paths.

    Raises:
        ValueError: a lesson has no function for a still.
    """
    use_style()
    paths = []
    course = read_syllabus(root / "notebooks" / "course.toml")
    for notebook in [one for one in course if not only or one.id in only]:
        for name in notebook.stills:
            image = to_image(find_drawing(notebook, name)())
            paths.append(root / "notebooks" / notebook.still_file(name))
            paths[-1].parent.mkdir(exist_ok=True)
            paths[-1].write_bytes(to_webp(image))
    return paths


def find_drawing(notebook: Notebook, still: str) -> Callable[[], Any]:
    """Return the function that draws a still of a notebook.

    Raises:
        ValueError: its lesson has none.
    """
    draw: Callable[[], Any] | None = getattr(notebook.lesson_module("stills"), still, None)
    if draw is None:
        raise ValueError(
            f"course.toml lists the still {still!r}: write {still}() in lessons/{notebook.lesson}/stills.py"
        )
    return draw


def to_image(drawn: Any) -> Image.Image:
    """Return a Figure or a PIL image as an RGB image no wider than 1,600 pixels."""
    if isinstance(drawn, Figure):
        file = io.BytesIO()
        drawn.savefig(file, format="png", dpi=200)
        drawn = Image.open(file)
    if not isinstance(drawn, Image.Image):
        raise TypeError(f"a still is drawn as a matplotlib Figure or a PIL image, not as a {type(drawn).__name__}")
    image = drawn.convert("RGB")
    image.thumbnail((WIDTH, 2 * WIDTH), Image.Resampling.LANCZOS)
    return image


def to_webp(image: Image.Image) -> bytes:
    """Return the image as WebP, as good as 100 kB allow.

    Raises:
        ValueError: it would have to look bad for that.
    """
    for quality in (90, 80, 70, 60):
        file = io.BytesIO()
        image.save(file, "WEBP", quality=quality, method=6)
        if len(file.getvalue()) <= MOST_BYTES:
            return file.getvalue()
    raise ValueError(f"{len(file.getvalue()):,} bytes, and a still may have {MOST_BYTES:,}: show less, or smaller")


if __name__ == "__main__":
    for path in draw_stills(CHECKOUT, only=sys.argv[1:]):
        print(f"{path.relative_to(CHECKOUT)}: {path.stat().st_size:,} bytes")
