"""A Flamingo's file is enough to use it with a captioner's, and knows around which language model it was trained."""

import json
from pathlib import Path

import pytest
import torch

from clip_tutor.applications.captioning import Captioner, CaptionerConfig, save_captioner
from clip_tutor.applications.captioning.files import origin_of as clip_origin
from clip_tutor.applications.flamingo import (
    Flamingo,
    FlamingoConfig,
    generate,
    image_places,
    load_flamingo,
    origin_of,
    save_flamingo,
)
from clip_tutor.applications.language_model import LanguageModel, LanguageModelConfig
from clip_tutor.model import CLIP, CLIPConfig
from clip_tutor.tokenizers import BPETokenizer
from clip_tutor.towers import ConvNeXtConfig, NaFlexConfig, ResNetConfig, TextConfig, ViTConfig, build_tower
from clip_tutor.weights import read_tensors, save, write_tensors
from tests.applications.flamingo.conftest import SMALL

CONVNEXT = ConvNeXtConfig(64, depths=(1, 1, 1, 1), widths=(4, 8, 8, 16))


def a_clip(vision, tokenizer: BPETokenizer) -> CLIP:
    torch.manual_seed(0)
    text = TextConfig(tokenizer.vocab_size, tokenizer.context_length, 16, layers=1, heads=2)
    return CLIP(CLIPConfig(16, vision, text)).half().float().eval()


@pytest.fixture
def captioner_file(tmp_path: Path, model: CLIP, tokenizer: BPETokenizer) -> Path:
    """A captioner in a file, beside the CLIP that it names."""
    save(tmp_path / "clip.safetensors", model, tokenizer)
    torch.manual_seed(0)
    language_model = LanguageModel(LanguageModelConfig(tokenizer.vocab_size, 40, width=32, layers=2, heads=2))
    captioner = Captioner(CaptionerConfig(16, 4), language_model.half().float())
    path = tmp_path / "captioner.safetensors"
    save_captioner(path, captioner, tokenizer, clip_origin(str(tmp_path / "clip.safetensors"), model))
    return path


def a_flamingo(captioner_file: Path) -> Flamingo:
    """One around the language model of that captioner, its gates open."""
    tensors, metadata = read_tensors(captioner_file)
    language_model = LanguageModel(LanguageModelConfig(**json.loads(metadata["language_model"])))
    own = {name.removeprefix("language_model."): t for name, t in tensors.items() if name.startswith("language_model.")}
    language_model.load_state_dict(own)
    torch.manual_seed(1)
    flamingo = Flamingo(FlamingoConfig(16, **SMALL, attend="all"), language_model)
    for name, parameter in flamingo.named_parameters():
        if name.endswith("gate"):
            parameter.data.fill_(0.5)
    return flamingo


@pytest.mark.parametrize("vision", [ViTConfig(32, 8, 16, layers=1, heads=2, stem_channels=()), CONVNEXT])
def test_what_is_loaded_answers_what_was_saved(captioner_file: Path, tokenizer, vision):
    clip, flamingo = a_clip(vision, tokenizer), a_flamingo(captioner_file)
    path = captioner_file.with_name("flamingo.safetensors")
    save_flamingo(path, flamingo, clip, origin_of(str(captioner_file), flamingo.language_model), {"made": "today"})
    found, loaded_tokenizer, tower, preprocessing, notes = load_flamingo(path)
    assert found.config == flamingo.config and not found.training and not tower.training
    assert (tower.config, preprocessing, notes) == (vision, clip.config.preprocessing, {"made": "today"})
    assert loaded_tokenizer.vocab_size == found.image_id == tokenizer.vocab_size
    assert not any(p.requires_grad for p in tower.parameters())
    assert {p.dtype for p in [*found.parameters(), *tower.parameters()]} == {torch.float32}
    pixels, ids = torch.randn(2, 3, vision.image_size, vision.image_size), torch.tensor([[found.image_id, 5]] * 2)
    features = image_places(clip.image_tower, pixels)[:, None]
    torch.testing.assert_close(image_places(tower, pixels)[:, None], features)
    flamingo.half().float()  # what float16 keeps
    torch.testing.assert_close(found(features, ids), flamingo(features, ids))
    asked = {"end_id": tokenizer.end_id, "max_tokens": 5}
    assert generate(found, features, ids, **asked) == generate(flamingo, features, ids, **asked)
    kept = [*flamingo.trained_parameters(), *clip.image_tower.parameters()]
    assert path.stat().st_size < 2.2 * sum(p.numel() for p in kept) + 20_000, "in float16, no language model"


def test_another_language_model_is_refused(captioner_file: Path, model: CLIP):
    """The new layers were fitted to one, and would add noise to the states of any other."""
    flamingo = a_flamingo(captioner_file)
    other = LanguageModel(flamingo.language_model.config)
    path = captioner_file.with_name("flamingo.safetensors")
    save_flamingo(path, flamingo, model, origin_of(str(captioner_file), other))
    with pytest.raises(ValueError, match=r"around another language model than that of .* train the Flamingo again"):
        load_flamingo(path)


def test_a_file_that_holds_no_flamingo_is_refused(captioner_file: Path, model: CLIP, tmp_path: Path):
    with pytest.raises(ValueError, match="does not say which Flamingo they belong to"):
        load_flamingo(captioner_file)
    write_tensors(tmp_path / "odd.safetensors", {"a": torch.zeros(1)}, {"flamingo": "{}"})
    with pytest.raises(ValueError, match="load a file written by save_flamingo"):
        load_flamingo(tmp_path / "odd.safetensors")
    with pytest.raises(FileNotFoundError, match="there is no weights file"):
        load_flamingo(tmp_path / "none.safetensors")


def test_a_damaged_file_is_refused(captioner_file: Path, model: CLIP):
    flamingo = a_flamingo(captioner_file)
    path = captioner_file.with_name("flamingo.safetensors")
    save_flamingo(path, flamingo, model, origin_of(str(captioner_file), flamingo.language_model))
    tensors, metadata = read_tensors(path)
    for name in ("image_mark", "image_tower.ln_post.weight"):
        write_tensors(path, {key: t for key, t in tensors.items() if key != name}, metadata)
        with pytest.raises(ValueError, match=rf"another architecture \(1 keys do not fit; missing: {name[-14:]}"):
            load_flamingo(path)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ValueError, match="cut off"):
        load_flamingo(path)
    save_flamingo(path, flamingo, model, origin_of("gone.safetensors", flamingo.language_model))
    with pytest.raises(FileNotFoundError, match=r"gone\.safetensors"):
        load_flamingo(path)


@pytest.mark.parametrize(
    ("vision", "places", "width"),
    [
        (ViTConfig(32, 8, 16, layers=2, heads=2), 16, 16),
        (ViTConfig(32, 8, 16, layers=2, heads=2, pool="map"), 16, 16),
        (NaFlexConfig(patch_size=8, grid_size=4, width=16, layers=1, heads=2, mlp_width=32), 16, 16),
        (CONVNEXT, 4, 16),
        (ResNetConfig(64, (1, 1, 1, 1), width=2, heads=2), 4, 64),
    ],
)
@torch.no_grad()
def test_places_are_what_the_tower_pools(vision, places, width):
    """Any tower, row by row of the image, without the class token."""
    torch.manual_seed(0)
    tower = build_tower(vision, 16).eval()
    H = W = vision.image_size
    pixels = torch.randn(2, 3, H, W)
    found = image_places(tower, pixels)
    assert found.shape == (2, places, width)
    if isinstance(vision, ViTConfig):
        tokens = tower.blocks(tower.embed(pixels))
        torch.testing.assert_close(found, tokens[:, -places:])
    if isinstance(vision, ConvNeXtConfig):
        torch.testing.assert_close(tower.projection(tower.norm(found.mean(dim=1))), tower(pixels))
        assert torch.equal(found[:, 1], tower.feature_map(pixels)[:, :, 0, 1])
