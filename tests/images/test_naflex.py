"""Native shapes equal the published ones for thousands of sizes; packed images equal the published batch."""

import numpy as np
import pytest
import torch
import torchvision
from packaging.version import Version
from PIL import Image
from transformers.models.siglip2.image_processing_pil_siglip2 import Siglip2ImageProcessorPil
from transformers.models.siglip2.image_processing_siglip2 import (
    Siglip2ImageProcessor,
    get_image_size_for_max_num_patches,
)

from clip_tutor.images.naflex import native_size, pad_patches
from clip_tutor.patches import pad_rows, patchify, to_patches
from tests.images.examples import SIZES, photograph


@pytest.mark.parametrize(("patch_size", "max_patches"), [(16, 256), (14, 729), (16, 1024), (16, 1), (32, 7)])
def test_native_size_equals_the_published_function(patch_size, max_patches):
    sizes = np.random.default_rng(0).integers(1, 4000, (2000, 2)).tolist()
    sizes += [[1, 1], [1, 4000], [4000, 1], [16, 16], [224, 224], [256, 256], [257, 256], [10_000, 10_001]]
    for height, width in sizes:
        ours = native_size(height, width, patch_size, max_patches)
        assert ours == get_image_size_for_max_num_patches(height, width, patch_size, max_patches), (height, width)


def test_native_size_is_the_largest_that_keeps_the_shape():
    generator = np.random.default_rng(1)
    for height, width in generator.integers(60, 2000, (500, 2)).tolist():
        down, across = (side // 16 for side in native_size(height, width))
        assert down * across <= 256
        # The scale of which both sides, rounded up, are whole patches lies between these two.
        low = max((down - 1) / height, (across - 1) / width)
        high = min(down / height, across / width)
        assert low < high, "each side is scaled alike, and rounded up by less than a patch"
        next_down, next_across = (down + (high == down / height), across + (high == across / width))
        assert next_down * next_across > 256, "the next step up would not fit"


@pytest.mark.parametrize(
    ("size", "grid"), [((300, 300), (16, 16)), ((300, 400), (14, 18)), ((100, 400), (8, 32)), ((900, 1600), (12, 21))]
)
def test_familiar_shapes(size, grid):
    assert native_size(*size) == (16 * grid[0], 16 * grid[1])


@pytest.mark.parametrize("max_patches", [256, 60])
def test_packing_equals_the_published_batch(max_patches):
    images = [photograph(*size) for size in SIZES]
    ours = pad_patches(images, max_patches=max_patches)
    assert ours.patches.shape == (len(SIZES), max_patches, 768)
    level = 2 / 255  # a step of 0..255, after (x - 0.5) / 0.5
    for processor in (Siglip2ImageProcessorPil, Siglip2ImageProcessor):
        published = processor()(images, max_num_patches=max_patches, return_tensors="pt")
        assert torch.equal(ours.shapes, published["spatial_shapes"])
        assert torch.equal(ours.mask, published["pixel_attention_mask"].bool())
        steps = (ours.patches - published["pixel_values"]).abs() / level
        if processor is Siglip2ImageProcessorPil:
            assert steps.max() < 1e-3, "Pillow's resizing, to the last pixel"
        else:  # torchvision rounds with fewer bits; 0.21 and 0.22 more often to the next step
            often = 0.02 if Version(torchvision.__version__) >= Version("0.23") else 0.2
            assert steps.max() < 2.001 and steps.gt(1.001).float().mean() < 1e-5 and steps.mean() < often


def test_patches_are_cut_row_by_row_with_colors_side_by_side():
    pixels = torch.arange(3 * 4 * 6).view(1, 3, 4, 6)
    patches = patchify(pixels, 2)
    assert patches.shape == (1, 6, 12)
    for n in range(6):
        down, across = divmod(n, 3)
        square = pixels[0, :, 2 * down : 2 * down + 2, 2 * across : 2 * across + 2]  # (3, 2, 2)
        assert torch.equal(patches[0, n].view(2, 2, 3), square.permute(1, 2, 0))
    batch = to_patches(pixels, 2)
    assert torch.equal(batch.patches, patches) and batch.mask.all() and batch.shapes.tolist() == [[2, 3]]


def test_packing_reads_files_and_explains_itself(tmp_path):
    photograph(40, 80).save(tmp_path / "tall.png")
    packed = pad_patches([tmp_path / "tall.png", photograph(40, 80)], patch_size=8, max_patches=20)
    assert packed.shapes.tolist() == [[6, 3], [6, 3]] and torch.equal(packed.patches[0], packed.patches[1])
    assert packed.mask.sum(dim=1).tolist() == [18, 18] and packed.patches[:, 18:].eq(0).all()
    with pytest.raises(ValueError, match="pass convert=True"):
        pad_patches([Image.new("L", (20, 20))])
    assert pad_patches([Image.new("L", (20, 20))], convert=True).patches.shape == (1, 256, 768)
    with pytest.raises(ValueError, match="there are no images to pack"):
        pad_patches([])
    with pytest.raises(ValueError, match="each of these numbers must be at least 1"):
        native_size(0, 20)
    with pytest.raises(ValueError, match="patches of 2 pixels do not tile images of 4 × 5"):
        patchify(torch.zeros(1, 3, 4, 5), 2)


def test_short_rows_end_in_zeros_that_are_hidden():
    rows = [torch.ones(4, 12), torch.ones(1, 12)]
    batch = pad_rows(rows, [(2, 2), (1, 1)], 5)
    assert batch.patches.sum(dim=2).tolist() == [[12, 12, 12, 12, 0], [12, 0, 0, 0, 0]]
    assert batch.mask.int().tolist() == [[1, 1, 1, 1, 0], [1, 0, 0, 0, 0]]
    assert batch.shapes.tolist() == [[2, 2], [1, 1]]
    for shapes, length in ([(2, 2), (1, 1)], 3), ([(2, 2), (1, 2)], 5):
        with pytest.raises(ValueError, match="give each image a row of just its patches"):
            pad_rows(rows, shapes, length)
