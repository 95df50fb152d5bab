"""Every model that OpenCLIP has, OpenAI's nine among them: the same random weights, the same features."""

from dataclasses import replace

import open_clip
import pytest
import torch

from clip_tutor import zoo
from clip_tutor.weights.loading import assemble
from tests.weights.conftest import RepeatedRandomNumbers, assert_agree, from_open_clip, shake, some_ids, some_pixels

OPENAI_COUNTS = {  # total, vision, text; Radford et al. 2021, tables 19 and 20 say the shapes
    "RN50": (102_007_137, 38_316_896, 63_690_240),
    "RN101": (119_688_033, 56_259_936, 63_428_096),
    "RN50x4": (178_300_601, 87_137_080, 91_163_520),
    "RN50x16": (290_979_217, 167_328_912, 123_650_304),
    "RN50x64": (623_258_305, 420_380_352, 202_877_952),
    "ViT-B/32": (151_277_313, 87_849_216, 63_428_096),
    "ViT-B/16": (149_620_737, 86_192_640, 63_428_096),
    "ViT-L/14": (427_616_513, 303_966_208, 123_650_304),
    "ViT-L/14@336px": (427_944_193, 304_293_888, 123_650_304),
}


def their_name(name: str) -> str:
    """ "ViT-L/14@336px" is "ViT-L-14-336" there."""
    return name.replace("/", "-").replace("@336px", "-336")


def test_the_nine_are_here():
    assert list(OPENAI_COUNTS) == list(zoo.OPENAI)


@pytest.mark.parametrize("name", OPENAI_COUNTS)
def test_parameter_counts_are_the_published_ones(name: str):
    assert zoo.parameter_counts(name) == OPENAI_COUNTS[name]


@pytest.mark.slow
def test_each_of_openais_nine_equals_open_clip(openai_name: str):
    """Whole, but for one image: the towers' own tests have several."""
    config = zoo.config(openai_name)
    theirs, ours = from_open_clip(their_name(openai_name), config, force_quick_gelu=True)
    assert_agree(theirs, ours, some_pixels(config, count=1), some_ids(config))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ViT-B-32", "ViT-B-16-plus-240", "ViT-H-14", "ViT-g-14", "ViT-bigG-14"])
def test_open_clips_own_equal_open_clip_with_two_layers_each(name: str):
    """Whole, two copies of bigG would need 20 GB; the layers are all alike."""
    config = zoo.config(name)
    shapes = open_clip.get_model_config(name)
    shapes["vision_cfg"]["layers"] = shapes["text_cfg"]["layers"] = 2
    torch.manual_seed(0)
    with RepeatedRandomNumbers():
        theirs = shake(open_clip.CLIP(**shapes))
    config = replace(config, vision=replace(config.vision, layers=2), text=replace(config.text, layers=2))
    assert_agree(theirs, assemble(config, theirs.state_dict(), name), some_pixels(config), some_ids(config))


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in zoo.OPEN_CLIP])
def test_parameter_counts_equal_open_clips(name: str):
    with torch.device("meta"):
        theirs = open_clip.create_model(name, pretrained=None, device="meta")
    assert zoo.parameter_counts(name).total == sum(p.numel() for p in theirs.parameters())
