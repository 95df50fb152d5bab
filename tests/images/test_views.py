"""Views: rectangles inside the image and of the right areas, cut out where they are."""

import torch

from clip_tutor.images.views import cut_out, random_rectangles


def test_rectangles_lie_in_the_image_and_have_the_areas_asked_for():
    for scale in ((0.05, 0.4), (0.4, 1.0)):
        left, top, width, height = random_rectangles(2000, scale, torch.Generator().manual_seed(0)).T
        assert min(left.min(), top.min()) >= 0
        assert max((left + width).max(), (top + height).max()) <= 1 + 1e-6
        area, aspect = width * height, width / height
        assert scale[0] - 1e-6 <= area.min() and area.max() <= scale[1] + 1e-6
        assert 3 / 4 - 1e-5 <= aspect.min() < 0.8 and 1.2 < aspect.max() <= 4 / 3 + 1e-5
        assert area.std() > 0.2 * (scale[1] - scale[0]), "of all areas between"
    assert left.min() < 0.01 and (left + width).max() > 0.99, "everywhere in the image"


def test_the_whole_image_stays_as_it_is():
    pixels = torch.rand(3, 3, 12, 12)
    whole = torch.tensor([[0.0, 0.0, 1.0, 1.0]]).expand(3, 4)
    torch.testing.assert_close(cut_out(pixels, whole, 12), pixels, atol=1e-5, rtol=0)


def test_views_show_their_own_rectangle_of_their_own_image():
    pixels = torch.rand(2, 3, 12, 12)
    left_top, right_bottom = [0.0, 0.0, 0.5, 0.5], [0.5, 0.25, 0.5, 0.5]
    views = cut_out(pixels, torch.tensor([left_top, left_top, right_bottom, right_bottom]), 6)
    expected = torch.cat([pixels[:, :, :6, :6], pixels[:, :, 3:9, 6:]])  # view v of image b is row v · B + b
    torch.testing.assert_close(views, expected, atol=1e-5, rtol=0)
