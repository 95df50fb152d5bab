"""Cut-outs lie inside the image, anywhere in it, and augmentation leaves an image recognizable."""

import pytest
import torch
import torch.nn.functional as F

from clip_tutor.applications.guidance import augment, cutouts, random_cutout
from clip_tutor.applications.guidance.cutouts import LARGEST_NOISE


def places(H: int, W: int) -> torch.Tensor:
    """(1, 2, H, W): each pixel says in which row and column it stands."""
    rows, columns = torch.arange(H).float()[:, None], torch.arange(W).float()[None]
    return torch.stack([rows.expand(H, W), columns.expand(H, W)])[None]


def test_the_largest_cutout_is_the_published_pooling_of_the_whole_image():
    pixels = torch.rand(2, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    pieces = cutouts(pixels, 200, 64, power=1e-9, generator=torch.Generator().manual_seed(0))
    whole = F.adaptive_avg_pool2d(pixels[..., :95, :95], 64)  # int() never reaches the whole side
    assert pieces.shape == (400, 3, 64, 64)
    assert any(torch.allclose(pieces[n : n + 2], whole, atol=1e-6) for n in range(0, 400, 2))


def test_cutouts_reach_every_edge_and_never_hang_over_it():
    image, random = places(20, 30), torch.Generator().manual_seed(0)
    pieces = torch.cat([random_cutout(image, 16, generator=random) for _ in range(400)])
    rows, columns = pieces[:, 0], pieces[:, 1]
    assert 0 <= rows.min() < 0.6 and 18.4 < rows.max() <= 19
    assert 0 <= columns.min() < 0.6 and 28.4 < columns.max() <= 29


def test_a_larger_power_cuts_smaller_squares():
    image = places(96, 96)

    def width(power: float) -> float:
        random = torch.Generator().manual_seed(0)
        pieces = torch.cat([random_cutout(image, 16, power, random) for _ in range(200)])
        return (pieces[:, 1, 0, -1] - pieces[:, 1, 0, 0]).mean().item()

    assert width(4.0) < 0.7 * width(1.0)


def test_one_seed_gives_the_same_cutouts():
    pixels = torch.rand(1, 3, 40, 40, generator=torch.Generator().manual_seed(0))
    one, same, other = (augment(cutouts(pixels, 4, 32, generator=g), g) for g in map(seeded, (5, 5, 6)))
    assert torch.equal(one, same) and not torch.equal(one, other)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_cutout_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"64 pixels does not fit into an image of 48 × 96.*larger"):
        random_cutout(torch.rand(1, 3, 48, 96), 64)


def test_augmentation_turns_moves_and_disturbs_each_image_a_little():
    square = torch.zeros(64, 1, 32, 32)
    square[..., 12:20, 8:16] = 1
    shown = augment(square, seeded(0))
    assert shown.shape == square.shape and not torch.equal(shown[0], shown[1])
    rows = torch.arange(32.0)
    centers = torch.stack([(shown.sum(3)[:, 0] * rows).sum(1), (shown.sum(2)[:, 0] * rows).sum(1)], 1)
    centers = centers / shown.sum(dim=(1, 2, 3))[:, None]
    assert centers.std(dim=0).min() > 0.5, "they lie at different places"
    flat = augment(torch.full((64, 3, 16, 16), 0.5), seeded(1)) - 0.5
    noise = flat.std(dim=(1, 2, 3))
    assert noise.min() > 0 and noise.max() < 1.1 * LARGEST_NOISE
    assert flat.mean().abs() < 0.01, "what comes in from beyond the edge is the edge"


def test_a_gradient_goes_through_cutouts_and_augmentation():
    pixels = torch.rand(1, 3, 40, 40, generator=seeded(0)).requires_grad_()
    augment(cutouts(pixels, 8, 32, generator=seeded(0)), seeded(1)).sum().backward()
    assert pixels.grad is not None and bool((pixels.grad[..., 8:32, 8:32] > 0).all())
