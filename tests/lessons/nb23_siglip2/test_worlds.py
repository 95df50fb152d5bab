"""What notebook 23 measures by itself: colors that tell things, words beside patches, a box for all images."""

import pytest
import torch

from clip_tutor.data.places import Boxes
from clip_tutor.lessons.nb23_siglip2 import worlds
from clip_tutor.lessons.nb23_siglip2.result_plots import class_colors
from clip_tutor.lessons.nb23_siglip2.worlds import Looked
from clip_tutor.tokenizers import BPETokenizer
from clip_tutor.tokenizers.located import LocatedTokenizer


def masks(rows: list[list[int]]) -> torch.Tensor:
    """Return a mask of 2 × 2 pixels for each image."""
    return torch.tensor(rows).view(-1, 2, 2)


def test_colors_tell_things_from_background_or_from_each_other():
    seen = masks([[-1, -1, 3, 3], [-1, -1, 7, 7]])
    by_ground = torch.tensor([[0.0, 0, 1, 1], [0, 0, 1, 1]])[..., None].expand(-1, -1, 3)
    told = worlds.told_by_color(by_ground + torch.tensor([[[0.0]], [[0.1]]]), seen)
    assert told.is_thing > 0.98 and told.image == pytest.approx(0.01, abs=1e-3)
    by_thing = torch.tensor([[0.3, 0.7, 0, 0], [0.7, 0.3, 1, 1]])[..., None].expand(-1, -1, 3)
    told = worlds.told_by_color(by_thing, seen)
    assert told.is_thing == pytest.approx(0, abs=1e-6) and told.thing == pytest.approx(1)


def looked(corners: list[list[float]], objects: list[list[int]]) -> Looked:
    boxes = Boxes(torch.tensor(corners)[:, None].expand(-1, 4, -1), torch.tensor(objects))
    return Looked(torch.zeros(len(corners), 3, 2, 2, dtype=torch.uint8), [], masks([[0] * 4]), boxes)


def test_one_box_for_all_is_judged_where_names_are_clear():
    known = looked([[0, 0, 0.5, 1], [0, 0, 0.5, 1]], [[1, -1, -1, -1]] * 2)
    unseen = looked([[0, 0, 1, 1], [0.5, 0, 1, 1]], [[1, 2, -1, -1], [1, 1, -1, -1]])
    assert worlds.fixed_box_iou(known, unseen) == pytest.approx(0.5), "the second image shows two of one thing"


def test_a_row_of_the_decoder_is_spelled_up_to_its_end():
    located = LocatedTokenizer(BPETokenizer.train(["a cat", "a dog"], 530, 8), bins=10)
    row = located.referring("a cat", (0.1, 0.2, 0.5, 0.9))
    assert worlds.spelled(located, [*row.ids, located.end_id]) == "<referring> a cat ▏1 ▏2 ▏5 ▏9 <end>"


def test_classes_have_colors_of_their_own():
    colors = class_colors(torch.arange(49)[None])[0]
    assert len({tuple(color.round(3)) for color in colors}) == 49
