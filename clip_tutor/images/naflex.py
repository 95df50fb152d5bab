"""Images kept in their own shape: scaled to as many patches as a tower may read, then cut up and padded.

    image ─ native_size ─▶ the largest h × w patches of its shape with h · w ≤ 256 ─ resize, normalize
      ─ patchify ─▶ (h·w, 3·P·P) ─ zeros behind ─▶ (256, 3·P·P)

A square image becomes 16 × 16 patches, one of 4:3 becomes 14 × 18, a panorama of 4:1 becomes 8 × 32: nothing is cut
off, and nothing is squashed by more than a patch's width.
Sources: Tschannen et al. 2025 (SigLIP 2), section 2.4.2; google-research/big_vision
``pp/proj/image_text/ops_naflex.py``.
"""

from collections.abc import Sequence
from math import ceil

from PIL import Image

from clip_tutor.images.decoding import ImageLike
from clip_tutor.images.opening import load_image
from clip_tutor.images.preprocessing import SIGLIP2_PREPROCESSING, to_tensor
from clip_tutor.images.thin import gap_of
from clip_tutor.patches import Patches, pad_rows, patchify


def native_size(height: int, width: int, patch_size: int = 16, max_patches: int = 256) -> tuple[int, int]:
    """Return the height and width in pixels to which an image is scaled: multiples of ``patch_size``.

    Both sides are scaled alike and rounded UP to whole patches. The number of patches can only grow with the scale, so
    the largest scale that fits is found by halving: between one that fits and one that does not lies the answer.

    Args:
        height, width: of the image, in pixels.
        patch_size: P, in pixels.
        max_patches: how many patches may come out at most. A few fewer do where no shape fits better.

    Raises:
        ValueError: there is no image, or not even one patch is allowed.
    """
    if min(height, width, patch_size, max_patches) < 1:
        raise ValueError(
            f"an image of {width}×{height} pixels, patches of {patch_size} and at most {max_patches} of them: "
            "each of these numbers must be at least 1"
        )

    def grid(scale: float) -> tuple[int, int]:
        """How many patches the image has downwards and across at this scale."""
        return max(1, ceil(height * scale / patch_size)), max(1, ceil(width * scale / patch_size))

    fits, too_large = 1e-6, 100.0  # the published bounds: no image is enlarged more than a hundredfold
    while too_large - fits >= 1e-5:
        middle = (fits + too_large) / 2
        down, across = grid(middle)
        if down * across <= max_patches:
            fits = middle
        else:
            too_large = middle
    down, across = grid(fits)
    return down * patch_size, across * patch_size


def pad_patches(
    sources: ImageLike | Sequence[ImageLike], patch_size: int = 16, max_patches: int = 256, convert: bool = False
) -> Patches:
    """Return images of any shapes as one batch for SigLIP 2's NaFlex tower.

    Args:
        sources: images, or files of them; a single one is a batch of one.
        patch_size: P, in pixels.
        max_patches: N: fewer are faster and coarser; the published towers learned from 128 to 1024.
        convert: make RGB of what is not.

    Raises:
        FileNotFoundError, TypeError, ValueError: see `clip_tutor.images.load_image`; or there are no images.
    """
    if isinstance(sources, ImageLike):
        sources = [sources]
    if not sources:
        raise ValueError("there are no images to pack: give at least one")
    rows, shapes = [], []
    for source in sources:
        image = load_image(source, convert)
        height, width = native_size(image.height, image.width, patch_size, max_patches)
        pixels = to_tensor(image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=gap_of(image)))
        rows.append(patchify(SIGLIP2_PREPROCESSING.normalize(pixels)[None], patch_size)[0])  # (h·w, 3·P·P)
        shapes.append((height // patch_size, width // patch_size))
    return pad_rows(rows, shapes, max_patches)
