"""Images for the screen: as arrays for matplotlib, and as a gallery in HTML, which draws in a few milliseconds."""

import base64
import io
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
from PIL import Image


def as_image(image: Any) -> np.ndarray:
    """Return an image as a ``uint8`` array (H, W, 3).

    It may be a PIL image, an array (H, W, 3) or a tensor (3, H, W), on any device; either of these ``uint8``, or
    float from 0 to 1.

    Raises:
        ValueError: it has another shape.
    """
    if isinstance(image, Image.Image):
        image = image.convert("RGB")
    values = np.asarray(image.detach().cpu() if hasattr(image, "detach") else image)
    if values.ndim == 3 and values.shape[0] == 3 and values.shape[2] != 3:
        values = values.transpose(1, 2, 0)
    if values.ndim != 3 or values.shape[2] != 3:
        raise ValueError(f"an image has shape (H, W, 3) or (3, H, W), not {values.shape}: draw a batch one by one")
    if values.dtype != np.uint8:
        values = (values.clip(0, 1) * 255).round().astype(np.uint8)
    return values


def gallery(images: Sequence[Any], captions: Sequence[str], scores: Sequence[float] = (), side: int = 112) -> str:
    """Return HTML that shows images ``side`` pixels wide, each over its caption and, if given, its score.

    Hand it to ``explore`` where an answer must come at once: a matplotlib figure of the same takes 20 times as long.
    Images that are shown again and again may be given as what `data_address` made of them.
    """
    if len(captions) != len(images) or (scores and len(scores) != len(images)):
        raise ValueError(f"{len(images)} images need as many captions and scores, not {len(captions)}")
    tiles = []
    for place, (image, caption) in enumerate(zip(images, captions, strict=True)):
        score = f'<div style="color:#767A80">{scores[place]:.2f}</div>' if scores else ""
        tiles.append(
            f'<figure style="margin:0;width:{side}px;text-align:center;font-size:11px;line-height:1.3">'
            f'<img src="{data_address(image)}" alt="{escape(caption)}" width="{side}" style="border-radius:6px">'
            f"<figcaption>{escape(caption)}{score}</figcaption></figure>"
        )
    return f'<div style="display:flex;flex-wrap:wrap;gap:12px">{"".join(tiles)}</div>'


def data_address(image: Any) -> str:
    """Return an address for HTML that holds the whole image, as PNG; an address comes back as it is."""
    if isinstance(image, str):
        return image
    file = io.BytesIO()
    Image.fromarray(as_image(image)).save(file, "PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
