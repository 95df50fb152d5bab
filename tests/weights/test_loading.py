"""`load` for published weights: from a cache laid out as the Hub's, from a path, and all that can go wrong."""

import json
import shutil
from pathlib import Path

import huggingface_hub.constants
import open_clip
import pytest
import torch
from safetensors.torch import save_file

from clip_tutor import zoo
from clip_tutor.images import LAION_L14_PREPROCESSING
from clip_tutor.model import CLIPConfig
from clip_tutor.towers import ResNetConfig, TextConfig, ViTConfig
from clip_tutor.weights import PUBLISHED, hub, list_weights, load, loading
from clip_tutor.weights.published import Checkpoint
from clip_tutor.weights.vocabularies import VOCABULARIES, tokenizer_for, vocabulary
from tests.weights.conftest import shake

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TINY = CLIPConfig(24, ViTConfig(32, 16, 64, 1, 1), TextConfig(49_408, 77, 64, 1, 1))
TINY_GELU = CLIPConfig(24, ViTConfig(32, 16, 64, 1, 1, "gelu"), TextConfig(49_408, 77, 64, 1, 1, "gelu"))


@pytest.fixture(scope="module")
def theirs() -> open_clip.CLIP:
    """OpenCLIP's smallest of our shape."""
    vision = {"layers": 1, "width": 64, "head_width": 64, "patch_size": 16, "image_size": 32}
    text = {"context_length": 77, "vocab_size": 49_408, "width": 64, "heads": 1, "layers": 1}
    torch.manual_seed(0)
    return shake(open_clip.CLIP(24, vision, text, quick_gelu=True))


@pytest.fixture
def cache(tmp_path: Path, theirs: open_clip.CLIP, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache as the Hub's client leaves it, with one repository in it, and no network."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(huggingface_hub.file_download, "HF_HUB_CACHE", str(tmp_path), raising=False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setitem(zoo.MODELS, "Tiny/16", TINY)
    monkeypatch.setitem(zoo.MODELS, "Tiny-16", TINY_GELU)
    monkeypatch.setitem(PUBLISHED, "Tiny/16", {"openai": Checkpoint("someone/tiny_clip", COMMIT)})
    repo = tmp_path / "models--someone--tiny_clip"
    (repo / "blobs").mkdir(parents=True)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text(COMMIT)
    snapshot = repo / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    half = {name: tensor.half() for name, tensor in theirs.state_dict().items()}
    save_file(half, repo / "blobs" / "abc")
    (snapshot / "open_clip_model.safetensors").symlink_to("../../blobs/abc")
    (snapshot / "open_clip_config.json").write_text(json.dumps({"model_cfg": {"quick_gelu": True}}))
    return snapshot


def test_published_weights_come_from_the_cache(cache: Path, theirs: open_clip.CLIP):
    model, tokenizer, notes = load("Tiny/16", weights="openai")
    assert notes["commit"] == COMMIT
    assert notes["repo"] == "someone/tiny_clip"
    assert not model.training
    assert {p.dtype for p in model.parameters()} == {torch.float32}, "half precision is not for computing on a CPU"
    ids = torch.tensor(tokenizer(["two dogs playing in the snow"]))
    with torch.no_grad():
        ours, expected = model.encode_text(ids), theirs.half().float().encode_text(ids)
    torch.testing.assert_close(ours, expected, atol=1e-5, rtol=1e-5)
    assert all(p.requires_grad for p in model.parameters()), "and it can be trained further"


def test_without_a_pinned_commit_the_cached_main_branch_will_do(cache: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(PUBLISHED, "Tiny/16", {"openai": Checkpoint("someone/tiny_clip", "f" * 40)})
    assert load("Tiny/16", weights="openai").notes["commit"] == COMMIT


def test_half_precision_where_it_is_asked_for(cache: Path):
    model, _, _ = load("Tiny/16", weights="openai", dtype=torch.float16)
    assert {p.dtype for p in model.parameters()} == {torch.float16}


@pytest.mark.slow
def test_a_path_will_do_too(cache: Path, tmp_path: Path):
    for place in (cache, cache / "open_clip_model.safetensors", str(cache)):
        assert load("Tiny/16", weights=place).notes["file"].endswith(".safetensors")
    torch.save(dict(load("Tiny/16", weights=cache).model.state_dict()), tmp_path / "ours.bin")
    with pytest.raises(ValueError, match="in no layout that is known here"):
        load("Tiny/16", weights=tmp_path / "ours.bin")


def test_an_old_checkpoint_is_opened_by_a_reader_that_runs_nothing(theirs, cache: Path, tmp_path: Path):
    torch.save({"state_dict": {f"module.{k}": v for k, v in theirs.state_dict().items()}}, tmp_path / "old.pt")
    model = load("Tiny/16", weights=tmp_path / "old.pt").model
    torch.testing.assert_close(model.image_tower.projection.detach(), theirs.visual.proj.detach().float())
    torch.save({"state_dict": Path("/")}, tmp_path / "evil.pt")
    with pytest.raises(ValueError, match="holds more than tensors, which could run any program and is refused"):
        load("Tiny/16", weights=tmp_path / "evil.pt")


def test_weights_under_another_activation_are_refused(cache: Path):
    with pytest.raises(ValueError, match="was trained with quick_gelu, and this model is built with gelu"):
        load("Tiny-16", weights=cache)
    with pytest.raises(ValueError, match=r"These weights belong to 'Tiny/16', whose activation is another"):
        load("Tiny-16", weights="openai")


def test_transformers_config_tells_the_activation_too(cache: Path):
    (cache / "open_clip_config.json").unlink()
    config = {"model_type": "clip", "text_config": {"hidden_act": "gelu"}}
    (cache / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="was trained with gelu, and this model is built with quick_gelu"):
        load("Tiny/16", weights=cache)


def test_a_config_beside_the_weights_that_is_broken_is_named(cache: Path):
    (cache / "open_clip_config.json").write_text("<html>")
    with pytest.raises(ValueError, match=r"open_clip_config\.json, which says .*, is not JSON .*: download it again"):
        load("Tiny/16", weights=cache)


def test_real_names_are_refused_under_another_activation():
    with pytest.raises(ValueError, match=r"These weights belong to 'ViT-B/32'"):
        load("ViT-B-32", weights="openai")
    with pytest.raises(ValueError, match=r"These weights belong to 'ViT-B-32'"):
        load("ViT-B/32", weights="laion2b_s34b_b79k")


def test_what_is_not_there_is_named_and_how_to_get_it(cache: Path):
    shutil.rmtree(cache)
    with pytest.raises(FileNotFoundError) as caught:
        load("Tiny/16", weights="openai")
    message = str(caught.value)
    assert "open_clip_model.safetensors of someone/tiny_clip is not in the cache" in message
    assert "the network is switched off (HF_HUB_OFFLINE=1)" in message
    assert f"hf download someone/tiny_clip open_clip_model.safetensors --revision {COMMIT}" in message


def test_a_network_that_is_not_there_is_noticed_at_once(cache: Path, monkeypatch: pytest.MonkeyPatch):
    shutil.rmtree(cache)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "https://hub.invalid")
    for proxy in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(proxy, raising=False)
        monkeypatch.delenv(proxy.upper(), raising=False)
    with pytest.raises(FileNotFoundError, match="the Hub cannot be reached from here"):
        load("Tiny/16", weights="openai")


def test_a_download_asks_for_the_pinned_commit(cache: Path, monkeypatch: pytest.MonkeyPatch):
    asked = {}

    def download(repo: str, file: str, revision: str) -> str:
        asked.update(repo=repo, file=file, revision=revision)
        return str(cache / file)

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub, "_reachable", lambda: True)
    monkeypatch.setattr(hub, "try_to_load_from_cache", lambda *_, **__: None)
    monkeypatch.setattr(hub, "hf_hub_download", download)
    load("Tiny/16", weights="openai")
    assert asked == {"repo": "someone/tiny_clip", "file": "open_clip_model.safetensors", "revision": COMMIT}
    load("Tiny/16", weights="openai", revision="a-branch")
    assert asked["revision"] == "a-branch"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("visual.proj"), r"1 keys do not fit; missing: visual\.proj"),
        (lambda t: t.update({"visual.extra": torch.zeros(1)}), r"unexpected: visual\.extra"),
        (
            lambda t: t.update({"ln_final.weight": torch.ones(65)}),
            r"ln_final\.weight is \(65,\) instead of \(64,\)",
        ),
    ],
)
def test_a_key_that_does_not_fit_is_named_as_its_file_has_it(theirs, change, message):
    tensors = dict(theirs.state_dict())
    change(tensors)
    with pytest.raises(ValueError, match=message):
        loading.assemble(TINY, tensors, "this file")


def test_a_part_of_what_is_joined_is_named():
    names = ["q_proj", "k_proj", "v_proj"]
    tensors = {f"vision_model.encoder.layers.0.self_attn.{n}.weight": torch.zeros(64, 64) for n in names[:2]}
    with pytest.raises(ValueError, match=r"missing: vision_model\.encoder\.layers\.0\.self_attn\.v_proj\.weight"):
        loading.assemble(TINY, tensors, "this file")


def test_a_tower_that_nobody_publishes_in_this_layout_is_refused():
    config = CLIPConfig(24, ResNetConfig(32, (1, 1, 1, 1), 8, 4), TINY.text)
    with pytest.raises(ValueError, match="transformers's names, which know the towers"):
        loading.assemble(config, {"vision_model.x": torch.zeros(1)}, "this file")


def test_a_name_without_weights_says_which_there_are():
    with pytest.raises(KeyError, match='which weights of ViT-B/32\\? Take weights="openai"'):
        load("ViT-B/32")
    with pytest.raises(KeyError, match="ViT-B/32 has no weights 'imagenet': take one of openai"):
        load("ViT-B/32", weights="imagenet")
    with pytest.raises(KeyError, match="there is no model 'ViT-B/23': did you mean ViT-B/32"):
        load("ViT-B/23", weights="openai")
    with pytest.raises(FileNotFoundError, match=r"has no weights '.*nothing\.safetensors'"):
        load("ViT-B/32", weights="some/nothing.safetensors")


def test_every_published_model_is_in_the_zoo_and_has_a_vocabulary():
    assert set(PUBLISHED) <= set(zoo.list_models())
    assert set(zoo.OPENAI) <= set(PUBLISHED)
    for name in PUBLISHED:
        assert list_weights(name)
        assert zoo.config(name).text.vocab_size in VOCABULARIES
    assert PUBLISHED["ViT-L-14"]["laion2b_s32b_b82k"].preprocessing == LAION_L14_PREPROCESSING


def test_clips_vocabulary_is_found_where_open_clip_is_installed():
    tokenizer = tokenizer_for(zoo.config("ViT-B/32").text)
    assert tokenizer(["Hello World!"])[0][:5] == [49406, 3306, 1002, 256, 49407]
    with pytest.raises(KeyError, match="there is no vocabulary 'latin': take one of clip, gpt2, siglip, gemma, bert"):
        vocabulary("latin")
    with pytest.raises(ValueError, match="no published vocabulary has 2,000 ids"):
        tokenizer_for(zoo.config("tiny").text)


def test_a_missing_vocabulary_is_named(cache: Path):
    with pytest.raises(FileNotFoundError, match=r"spiece\.model of google/siglip-base-patch16-224 is not in the cache"):
        tokenizer_for(zoo.config("SigLIP-B/16-224").text)
