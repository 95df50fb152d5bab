"""Boxes and masks against the images themselves."""

import numpy as np
import pytest
import torch

from clip_tutor.data.drawing import SpriteBox
from clip_tutor.data.emoji import load_emoji
from clip_tutor.data.places import BACKGROUND, SMALLEST, boxes, drawn_objects, object_masks
from clip_tutor.data.scenes import SIZE_RANGES, Scenes


@pytest.mark.parametrize("split", ["train", "test", "compositional"])
def test_drawings_show_what_the_truth_says(objects, split):
    scenes = Scenes(objects, split, 32)
    for rows, scene in zip(drawn_objects(scenes.plan(range(300))).tolist(), scenes.scenes(range(300)), strict=True):
        shown = [objects[row].character for row in rows if row != BACKGROUND]
        expected = [emoji.character for emoji in scene.objects]
        assert shown == (expected if scene.kind == "pair" else expected * scene.count)
        assert rows[scene.count :] == [BACKGROUND] * (4 - scene.count), "unused places stand behind"


@pytest.mark.parametrize("size", [32, 96])
def test_masks_are_where_the_background_does_not_show(objects, size):
    """Drawn on white and on black, a pixel changes by as much as it is background, and not at all where it is solid."""
    scenes = Scenes(objects, "train", size)
    plan = scenes.plan(range(60))
    white, black = (
        scenes.show(plan._replace(color=np.full_like(plan.color, shade)), range(60)).pixels.int() for shade in (255, 0)
    )
    background = (white - black).amax(dim=1) / 255  # (B, H, W) the share of it in each pixel
    masks = object_masks(scenes, plan)
    assert torch.equal(masks != BACKGROUND, background < 0.5)
    for mask, rows in zip(masks, drawn_objects(plan), strict=True):
        assert set(mask[mask != BACKGROUND].tolist()) == set(rows[rows != BACKGROUND].tolist())


@pytest.mark.parametrize("object_left_out", [0, 1])
def test_masks_lose_the_object_that_is_left_out(objects, object_left_out):
    """Of a pair without its one object, the other's mask stays, and the image differs only around the missing one."""
    scenes = Scenes(objects, "train", 64, kinds=("pair",))
    plan = scenes.plan(range(60))
    stays = 1 - object_left_out
    alone = plan._replace(
        kind=np.zeros_like(plan.kind),
        number=np.ones_like(plan.number),
        objects=plan.objects[:, [stays, stays]],
        places=plan.places[:, [stays, stays, 2, 3]],
    )
    before, after = object_masks(scenes, plan), object_masks(scenes, alone)
    left_out = torch.from_numpy(plan.objects[:, object_left_out])[:, None, None]
    assert torch.equal(after, before.masked_fill(before == left_out, BACKGROUND))
    images = [scenes.show(each, range(60)).pixels.int() for each in (plan, alone)]
    changed = (images[0] - images[1]).abs().amax(dim=1)  # (B, H, W)
    assert (changed[(before != left_out) & (before != BACKGROUND)] == 0).all()
    assert (changed[before == left_out] > 0).float().mean() > 0.9, "the rest has the background's very color"


@pytest.mark.parametrize("size", [32, 64, 96])
def test_boxes_are_the_smallest_around_each_drawing(objects, size):
    scenes = Scenes(objects, "test", size)
    plan = scenes.plan(range(200))
    corners, rows = boxes(scenes, plan)
    masks = object_masks(scenes, plan)
    assert corners.dtype == torch.float32
    assert (corners[rows == BACKGROUND] == 0).all()
    inside = torch.zeros_like(masks, dtype=torch.bool)
    for b, k in (rows != BACKGROUND).nonzero().tolist():
        left, top, right, bottom = (corners[b, k] * size).round().int().tolist()
        part = masks[b, top:bottom, left:right] == rows[b, k]
        assert part[0].any() and part[-1].any() and part[:, 0].any() and part[:, -1].any(), "each side touches it"
        inside[b, top:bottom, left:right] = True
    assert (masks[~inside] == BACKGROUND).all(), "no pixel of an object lies outside of all boxes"


def test_a_pair_stands_as_its_relation_says(objects):
    scenes = Scenes(objects, "test", 64)
    corners, _ = boxes(scenes, scenes.plan(range(300)))
    x, y = (corners[:, :, :2] + corners[:, :, 2:]).div(2).unbind(-1)  # centers, (B, 4) each
    right = {"left of": x[:, 0] < x[:, 1], "right of": x[:, 0] > x[:, 1], "above": y[:, 0] < y[:, 1]}
    right["below"] = y[:, 0] > y[:, 1]
    assert all(right[scene.relation][scene.index] for scene in scenes.scenes(range(300)) if scene.relation)


def test_the_truth_is_the_same_whatever_else_is_asked_for(objects):
    there = Scenes(objects, "train", 32)
    plan = there.plan([9, 4, 10**9])
    corners, masks = boxes(there, plan).corners, object_masks(there, plan)
    for n, index in enumerate([9, 4, 10**9]):
        alone = Scenes(objects, "train", 32)
        assert torch.equal(boxes(alone, alone.plan([index])).corners[0], corners[n])
        assert torch.equal(object_masks(alone, alone.plan([index]))[0], masks[n])


@pytest.mark.slow
def test_every_object_is_seen():
    """In the smallest scenes that boxes are made of, and not in smaller ones."""
    everything = load_emoji()

    def unseen(size: int) -> int:
        side = 2 * round(SIZE_RANGES[0, 0] * size / 2)
        sprites = SpriteBox(everything)
        return sum((sprites.sprite(row, side)[1] > 128).all() for row in range(len(everything)))

    assert unseen(SMALLEST) == 0
    assert unseen(SMALLEST // 2) > 0
    small = Scenes(everything, size=SMALLEST // 2)
    for measure in (boxes, object_masks):
        with pytest.raises(ValueError, match="size=32 or more"):
            measure(small, small.plan([0]))
