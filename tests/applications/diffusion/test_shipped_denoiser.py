"""The denoiser that comes with the kit draws what unseen captions say."""

import json

import pytest
import torch

from clip_tutor.applications.attribute_judge import facts_of, load_judge, verdicts
from clip_tutor.applications.diffusion import encode_prompts, load_denoiser, sample, to_pixels
from clip_tutor.applications.diffusion.files import SHIPPED, LoadedDenoiser
from clip_tutor.assets import asset
from clip_tutor.data.scenes import Scenes

CAPTIONS = 64


@pytest.fixture(scope="module")
def shipped() -> LoadedDenoiser:
    return load_denoiser()


def test_it_is_small_enough_to_ship():
    files = [asset(f"checkpoints/{name}.safetensors") for name in ("text_to_image", "attribute_judge", "automata")]
    assert sum(file.stat().st_size for file in files) <= 8_000_000


def test_it_says_how_it_was_made(shipped: LoadedDenoiser):
    notes = shipped.notes
    assert notes["command"].startswith("python -m clip_tutor.applications.diffusion.train ")
    assert f"--save data/{SHIPPED['text_to_image']}" in notes["command"]
    curve = json.loads(asset("curves/text_to_image.json").read_text("utf-8"))
    assert curve["notes"] == notes and curve["images"][-1] == notes["images"]
    assert curve["unseen_loss"][-1] == min(curve["unseen_loss"])


@pytest.mark.slow
def test_it_draws_what_a_caption_says(shipped: LoadedDenoiser):
    """In 12 steps; the figures of the benchmark are those of 25, and of more captions."""
    judge, objects, _ = load_judge()
    batch = Scenes(objects, "test", shipped.denoiser.config.image_size, seed=221).batch(range(CAPTIONS))
    states = encode_prompts(shipped.clip, shipped.tokenizer, batch.captions)
    null = encode_prompts(shipped.clip, shipped.tokenizer, "")
    told = facts_of(batch.scenes, objects)

    def right(states: torch.Tensor) -> dict[str, float]:
        images = sample(shipped.denoiser, states, null, 12, 3.0, torch.Generator().manual_seed(0))
        return {
            name: hits.float().mean().item() for name, hits in verdicts(judge.read(to_pixels(images)), told).items()
        }

    found, of_others = right(states), right(states.roll(1, dims=0))
    assert found["background"] >= 0.9 and found["count"] >= 0.7 and found["object"] >= 0.5
    assert of_others["background"] < 0.3 and of_others["object"] < 0.1, "drawn for the caption before"
