"""Images against slow, exact compositing by Pillow."""

import numpy as np
import pytest
from PIL import Image

from clip_tutor.data.drawing import BACKGROUNDS, SpriteBox
from clip_tutor.data.emoji import load_emoji
from clip_tutor.data.scenes import Scenes


def composed_by_pillow(scenes: Scenes, index: int) -> np.ndarray:
    """The image of one scene, laid together drawing by drawing at full precision."""
    plan = scenes.plan([index])
    image = Image.new("RGBA", (scenes.size, scenes.size), tuple(plan.color[0].tolist()))
    for k in range(plan.number[0]):
        left, top, side = plan.places[0, k].tolist()
        row = plan.objects[0, k if plan.kind[0] == 2 else 0]
        drawing = scenes.objects[row].image().convert("RGBa").resize((side, side), Image.Resampling.LANCZOS)
        image.alpha_composite(drawing.convert("RGBA"), (left, top))
    return np.asarray(image.convert("RGB")).astype(int)


@pytest.mark.parametrize("size", [32, 64, 96])
def test_images_are_what_the_plan_says(objects, size):
    scenes = Scenes(objects, "train", size)
    batch = scenes.batch(range(120))
    assert {scene.count for scene in batch.scenes} == {1, 2, 3, 4}
    for index, pixels in enumerate(batch.pixels.permute(0, 2, 3, 1).numpy()):
        difference = np.abs(pixels - composed_by_pillow(scenes, index))
        assert difference.max() <= 4, batch.captions[index]
        assert difference.mean() < 0.5


def test_colors_never_wrap_around():
    """On white, nothing may be darker than the drawing itself; a byte that overflows turns bright edges black."""
    some = load_emoji()[::20]
    box, white = SpriteBox(some), np.full((1, 3), 255, np.uint8)
    one, not_pair = np.ones(1, np.int64), np.zeros(1, bool)
    for row in range(len(some)):
        for side in (10, 28, 60):
            place = np.array([[[0, 0, side]]])
            drawn = box.draw(side, white, np.array([[row, row]]), not_pair, one, place)[0].astype(int)
            sprite = some[row].image().convert("RGBa").resize((side, side), Image.Resampling.LANCZOS)
            color, opacity = np.split(np.asarray(sprite).astype(int), [3], axis=2)
            assert np.abs(drawn - np.minimum(color + 255 - opacity, 255)).max() <= 1, (some[row].name, side)


def test_backgrounds_can_be_told_apart():
    colors = np.array(list(BACKGROUNDS.values()))
    assert len(colors) >= 10
    jitter = 18
    for n, color in enumerate(colors):
        others = np.delete(colors, n, axis=0)
        assert np.abs(others - color).max(axis=1).min() > 2 * jitter, list(BACKGROUNDS)[n]


def test_a_drawing_is_scaled_once(objects):
    box = SpriteBox(objects)
    assert box.sprite(3, 20)[0] is box.sprite(3, 20)[0]
    assert box.sprite(3, 20)[0].shape == (20, 20, 3)
