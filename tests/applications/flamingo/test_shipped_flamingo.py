"""The Flamingo that comes with the kit says what its notes promise, and learns from the examples of a prompt."""

import json

import pytest
import torch

from clip_tutor.applications.flamingo import load_flamingo
from clip_tutor.applications.flamingo.episodes import NEVER_ASKED, EpisodeMaker
from clip_tutor.applications.flamingo.few_shot import few_shot_hits, shots_gain
from clip_tutor.applications.flamingo.files import SHIPPED, LoadedFlamingo
from clip_tutor.applications.flamingo.train import encode_places
from clip_tutor.assets import asset
from clip_tutor.data.emoji import FIRST_WORDS, find_emoji
from clip_tutor.data.scenes import Scenes
from clip_tutor.towers import NFNet


@pytest.fixture(scope="module")
def shipped() -> LoadedFlamingo:
    return load_flamingo()


def test_it_is_small_enough_to_ship():
    assert asset(SHIPPED["flamingo"]).stat().st_size <= 4_000_000


def test_it_says_how_it_was_made(shipped: LoadedFlamingo):
    notes = shipped.notes
    assert notes["command"].startswith("python -m clip_tutor.applications.flamingo.train ")
    assert f"--save data/{SHIPPED['flamingo']}" in notes["command"]
    assert "clip_tutor.training flamingo_clip" in notes["clip"]["command"]
    curve = json.loads(asset("curves/flamingo.json").read_text("utf-8"))
    assert curve["steps"][-1] == notes["steps"] and curve["shots"] == notes["shots"]
    assert torch.tensor(curve["gates"][-1]).allclose(shipped.flamingo.gates(), atol=1e-3)


def test_its_image_tower_is_an_nfnet_and_all_but_the_new_layers_is_frozen(shipped: LoadedFlamingo):
    assert isinstance(shipped.image_tower, NFNet)
    frozen = [*shipped.image_tower.parameters(), *shipped.flamingo.language_model.parameters()]
    assert not any(parameter.requires_grad for parameter in frozen)


@pytest.fixture(scope="module")
def unseen(shipped: LoadedFlamingo) -> tuple[torch.Tensor, EpisodeMaker]:
    """Places of 4,000 scenes of a seed that no training and no benchmark has used, and episodes of them."""
    scenes = Scenes(find_emoji(FIRST_WORDS), "test", shipped.image_tower.config.image_size, seed=190)
    features = encode_places(shipped.image_tower, shipped.preprocessing, scenes, 4000)
    return features, EpisodeMaker(scenes, 4000, shipped.tokenizer, shipped.flamingo.image_id)


@pytest.mark.slow
def test_examples_answer_questions_that_training_never_asked(shipped: LoadedFlamingo, unseen):
    features, maker = unseen
    gain = shots_gain(shipped.flamingo, features, maker, NEVER_ASKED, shots=4, count=1500)
    assert gain.low > 0, str(gain)


@pytest.mark.slow
def test_it_follows_examples_that_lie(shipped: LoadedFlamingo, unseen):
    features, maker = unseen

    def right(labels: str) -> float:
        hits = few_shot_hits(shipped.flamingo, features, maker, ["object"], 4, 300, labels=labels)
        return hits.float().mean().item()

    assert right("true") > 0.8 and right("flipped") < 0.2
