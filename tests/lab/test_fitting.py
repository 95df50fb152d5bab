"""Which captions fit which images, by the truth about the scenes."""

from dataclasses import replace

import pytest
import torch

from clip_tutor.data.emoji import FIRST_WORDS, find_emoji
from clip_tutor.data.scenes import Scene, Scenes
from clip_tutor.lab.samples.fitting import SILENT, fits, told_and_true


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return Scenes(find_emoji(FIRST_WORDS)).scenes(range(400))


def test_a_caption_tells_what_is_true_or_nothing(scenes: list[Scene]):
    told, true = told_and_true(scenes)
    assert told.shape == true.shape == (400, 5)
    assert ((told == true) | (told == SILENT)).all()
    assert (true >= 0).all()
    silent = (told == SILENT).float().mean(dim=0)
    assert silent[0] == silent[1] == silent[3] == 0, "things, number and place are always told"
    assert 0.2 < silent[4] < 0.4, "and the color in two thirds of the captions"


def test_equal_numbers_are_equal_facts(scenes: list[Scene]):
    _, true = told_and_true(scenes)
    for column, fact in enumerate(zip(*(scene.truth for scene in scenes), strict=True)):
        same = torch.tensor([[one == other for other in fact] for one in fact[:50]])
        assert torch.equal(true[:50, None, column] == true[:, column], same)


def test_a_caption_fits_its_own_image_and_a_mirrored_one(scenes: list[Scene]):
    assert fits(scenes).diagonal().all()
    two = next(scene for scene in scenes if scene.relation == "left of")
    mirrored = replace(two, objects=two.objects[::-1], relation="right of")
    other = replace(two, relation="right of")
    assert fits([two, mirrored, other]).tolist()[0] == [True, True, False]
