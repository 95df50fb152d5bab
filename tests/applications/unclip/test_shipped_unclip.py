"""The prior, the decoder and the noised CLIP that come with the kit know unseen scenes."""

import json

import pytest
import torch

from clip_tutor.applications.attribute_judge import facts_of, load_judge, verdicts
from clip_tutor.applications.diffusion import load_noised_clip, to_pixels
from clip_tutor.applications.diffusion.forward import add_noise, from_pixels
from clip_tutor.applications.diffusion.schedule import at_timesteps
from clip_tutor.applications.unclip import UnCLIP, as_condition, decode, load_unclip, mean_difference, predict, shifted
from clip_tutor.applications.unclip.train import image_embeddings, scenes_of
from clip_tutor.assets import asset
from clip_tutor.embedding import encode_texts
from clip_tutor.evaluation import bootstrap_interval

PARTS = {"unclip_prior": "prior", "unclip_decoder": "decoder", "noised_clip": "noised_clip"}
CAPTIONS, SEED = 64, 231


@pytest.fixture(scope="module")
def shipped() -> UnCLIP:
    return load_unclip()


@pytest.fixture(scope="module")
def embeddings(shipped: UnCLIP) -> dict[str, torch.Tensor]:
    """Of unseen scenes (M, E): the images', and three ways to come to them from the captions."""
    clip, tokenizer = shipped.clip, shipped.tokenizer
    known, unseen = scenes_of("train"), scenes_of("test", seed=SEED)
    captions = [scene.caption for scene in known.scenes(range(500))]
    difference = mean_difference(image_embeddings(clip, known, range(500)), encode_texts(clip, tokenizer, captions))
    states, texts = as_condition(clip, tokenizer, [scene.caption for scene in unseen.scenes(range(CAPTIONS))])
    return {
        "image": image_embeddings(clip, unseen, range(CAPTIONS)),
        "prior": predict(shipped.prior, states, texts, 10, torch.Generator().manual_seed(0)),
        "shifted": shifted(texts, difference),
        "text": texts,
    }


def test_they_are_small_enough_to_ship():
    assert sum(asset(f"checkpoints/{name}.safetensors").stat().st_size for name in PARTS) <= 8_000_000


def test_they_say_how_they_were_made(shipped: UnCLIP):
    notes = {**shipped.notes, "noised_clip": load_noised_clip().notes}
    for name, part in PARTS.items():
        curve = json.loads(asset(f"curves/{name}.json").read_text("utf-8"))
        assert curve["notes"] == notes[part] and curve["scenes"][-1] == notes[part]["scenes"]
        assert notes[part]["command"].startswith(f"python -m clip_tutor.applications.unclip.train {part} ")
        assert f"--save data/checkpoints/{name}.safetensors" in notes[part]["command"]
        assert curve["unseen_loss"][-1] < 1.001 * min(curve["unseen_loss"])


@pytest.mark.slow
def test_the_prior_is_nearer_to_the_image_than_what_is_moved(embeddings: dict[str, torch.Tensor]):
    cosines = {name: (each * embeddings["image"]).sum(dim=1) for name, each in embeddings.items()}
    assert bootstrap_interval(cosines["prior"] - cosines["shifted"])[0] > 0.05
    assert bootstrap_interval(cosines["shifted"] - cosines["text"])[0] > 0.2


@pytest.mark.slow
def test_the_decoder_reads_image_embeddings_best(shipped: UnCLIP, embeddings: dict[str, torch.Tensor]):
    """In 12 steps; the figures of the benchmark are those of 25, and of more captions."""
    judge, objects, _ = load_judge()
    told = facts_of(scenes_of("test", seed=SEED).scenes(range(CAPTIONS)), objects)

    def right(embeddings: torch.Tensor) -> dict[str, float]:
        images = decode(shipped.decoder, embeddings, 12, 3.0, torch.Generator().manual_seed(0))
        return {
            name: hits.float().mean().item() for name, hits in verdicts(judge.read(to_pixels(images)), told).items()
        }

    found = {name: right(each) for name, each in embeddings.items()}
    assert found["prior"]["background"] >= 0.9 and found["prior"]["object"] >= 0.35
    assert found["prior"]["object"] > found["text"]["object"] + 0.1
    assert abs(found["prior"]["object"] - found["image"]["object"]) < 0.2


@pytest.mark.slow
def test_the_noised_clip_finds_captions_until_nothing_is_to_be_seen():
    tower, clip, tokenizer, _ = load_noised_clip()
    batch = scenes_of("test", seed=SEED).batch(range(CAPTIONS))
    texts, x0 = encode_texts(clip, tokenizer, batch.captions), from_pixels(batch.pixels)
    noise = torch.randn(x0.shape, generator=torch.Generator().manual_seed(0))
    found = {}
    for timestep in (50, 500, 999):
        t = torch.full((CAPTIONS,), timestep)
        with torch.no_grad():
            seen = tower(add_noise(x0, noise, at_timesteps(tower.alphas_cumprod, t)), t)
        found[timestep] = ((seen @ texts.T).argmax(dim=1) == torch.arange(CAPTIONS)).float().mean().item()
    assert found[50] > 0.9 and 0.3 < found[500] < found[50] and found[999] < 0.1
