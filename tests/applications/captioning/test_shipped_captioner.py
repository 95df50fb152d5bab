"""The captioner that comes with the kit says what its own notes promise."""

import json

import pytest
import torch

from clip_tutor.applications.captioning import (
    CaptionReader,
    caption_report,
    fact_hits,
    load_captioner,
    nearest_captions,
    shuffled,
    write_captions,
)
from clip_tutor.applications.captioning.files import SHIPPED, LoadedCaptioner
from clip_tutor.applications.captioning.scene_captions import encode_scenes, scene_captions
from clip_tutor.applications.captioning.train import SEED
from clip_tutor.assets import asset
from clip_tutor.data.emoji import load_emoji
from clip_tutor.data.scenes import Scenes
from clip_tutor.evaluation.attributes import attribute_hits
from clip_tutor.evaluation.featurizer import paired_difference


@pytest.fixture(scope="module")
def shipped() -> LoadedCaptioner:
    return load_captioner()


def test_it_is_small_enough_to_ship():
    assert asset(SHIPPED["captioner"]).stat().st_size <= 4_000_000


def test_it_says_how_it_was_made(shipped: LoadedCaptioner):
    notes = shipped.notes
    assert notes["command"].startswith("python -m clip_tutor.applications.captioning.train ")
    assert f"--save data/{SHIPPED['captioner']}" in notes["command"]
    assert shipped.captioner.config.prefix_length == 10 and shipped.captioner.config.normalize
    curve = json.loads(asset("curves/captioning.json").read_text("utf-8"))
    assert curve["step"][-1] == notes["steps"]
    assert curve["figures"] == notes["figures"]


@pytest.fixture(scope="module")
def unseen(shipped: LoadedCaptioner) -> tuple[torch.Tensor, list[str], Scenes]:
    """Vectors and captions of 2,000 unseen scenes."""
    scenes = Scenes(load_emoji(), "test", shipped.clip.config.vision.image_size, SEED)
    vectors = encode_scenes(shipped.clip, scenes, 2000).float()
    return vectors, write_captions(shipped.captioner, shipped.tokenizer, vectors), scenes


@pytest.mark.slow
def test_it_reaches_its_figures(shipped: LoadedCaptioner, unseen):
    vectors, captions, scenes = unseen
    found = caption_report(captions, scenes.scenes(range(2000)), CaptionReader(load_emoji()))
    for name, share in found.shares.items():
        # The notes' figures are of 5,000 scenes, of which these are the first 2,000.
        tolerance = 0.01 if name in ("background", "count") else 0.06
        assert share.right == pytest.approx(shipped.notes["figures"][name], abs=tolerance), name
    assert found.shares["background"].right >= 0.97
    assert found.shares["count"].right >= 0.95
    hits = attribute_hits(
        shipped.clip, shipped.tokenizer, vectors, scenes.scenes(range(2000)), load_emoji(), ensemble=False
    )
    assert found.shares["object, one"].right >= 0.9 * hits["object"].float().mean().item()


@pytest.mark.slow
def test_it_looks_at_the_image(shipped: LoadedCaptioner, unseen):
    """Written from another scene's vector, captions are as wrong as chance has it; the nearest caption is beaten."""
    vectors, captions, scenes = unseen
    truth, reader = scenes.scenes(range(2000)), CaptionReader(load_emoji())
    others = write_captions(shipped.captioner, shipped.tokenizer, shuffled(vectors))
    found = caption_report(others, truth, reader).shares
    assert found["background"].right < 0.15 and found["object"].right < 0.01 and found["all facts"].right < 0.01
    train = Scenes(load_emoji(), "train", scenes.size, SEED)
    nearest = nearest_captions(vectors, encode_scenes(shipped.clip, train, 5000), scene_captions(train, range(5000)))
    ours, theirs = (fact_hits(some, truth, reader)["all facts"] for some in (captions, nearest))
    assert paired_difference(ours, theirs).low > 0
    assert caption_report(captions, truth, reader).collapse.distinct > 0.9


@pytest.mark.slow
def test_an_edited_vector_changes_the_caption(shipped: LoadedCaptioner):
    """What is added to a vector on the way from red to blue scenes turns up in words."""
    scenes = Scenes(load_emoji(), "test", shipped.clip.config.vision.image_size, SEED + 1)
    vectors, truth = encode_scenes(shipped.clip, scenes, 1500).float(), scenes.scenes(range(1500))
    red, blue = (torch.tensor([scene.background == color for scene in truth]) for color in ("red", "blue"))
    edited = vectors[red] + vectors[blue].mean(dim=0) - vectors[red].mean(dim=0)
    reader = CaptionReader(load_emoji())
    told = [reader.read(caption) for caption in write_captions(shipped.captioner, shipped.tokenizer, edited)]
    assert sum(one.background == "blue" for one in told) > 0.6 * len(told)
