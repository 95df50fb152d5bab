"""GPT-2 from files of the published form, from the Hub's cache, and what is refused."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from clip_tutor.applications.language_model import (
    LANGUAGE_MODELS,
    LanguageModelConfig,
    generate,
    load_language_model,
)
from clip_tutor.applications.language_model.pretrained import assemble_gpt2
from clip_tutor.weights.containers import read_checkpoint

V = 259
CONFIG = LanguageModelConfig(V, context_length=40, width=32, layers=2, heads=4)


@pytest.fixture
def theirs(make_pair):
    return make_pair(vocab_size=V)[0]


@pytest.fixture
def folder(tmp_path: Path, theirs, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small GPT-2 laid out as the published one: bare names, its masks among them, and no head."""
    tensors = {name.removeprefix("transformer."): tensor for name, tensor in theirs.transformer.state_dict().items()}
    masks = {f"h.{n}.attn.bias": torch.ones(1, 1, 40, 40).tril() for n in range(2)}
    save_file(tensors | masks, tmp_path / "model.safetensors", {"format": "pt"})
    (tmp_path / "merges.txt").write_text("#version: 0.2\n\u0120 t\nh e\n", encoding="utf-8")
    monkeypatch.setitem(LANGUAGE_MODELS, "gpt2", CONFIG)
    return tmp_path


@torch.no_grad()
def test_a_file_as_the_published_one_is_read(folder: Path, theirs):
    model, tokenizer = load_language_model("gpt2", folder, folder / "merges.txt")
    ids = torch.tensor([tokenizer.encode("the hen")])
    torch.testing.assert_close(model.logits(ids), theirs(ids).logits, atol=1e-5, rtol=1e-5)
    assert not model.training
    assert tokenizer.vocab_size == V
    (written,) = generate(model, model.embed(ids), end_id=tokenizer.end_id, max_tokens=5)
    assert isinstance(tokenizer.decode(written), str)


@torch.no_grad()
def test_files_of_the_hubs_cache_are_found(folder: Path, monkeypatch: pytest.MonkeyPatch):
    asked = []

    def fetch(repo: str, file: str, revision: str) -> Path:
        asked.append((repo, file, len(revision)))
        return folder / file

    for module in ("clip_tutor.applications.language_model.pretrained", "clip_tutor.weights.vocabularies"):
        monkeypatch.setattr(f"{module}.fetch", fetch)
    load_language_model()
    assert asked == [("openai-community/gpt2", "model.safetensors", 40), ("openai-community/gpt2", "merges.txt", 40)]


@torch.no_grad()
def test_what_transformers_saves_is_read(tmp_path: Path, theirs):
    theirs.save_pretrained(tmp_path)
    torch.save(theirs.state_dict(), tmp_path / "whole.bin")  # the head among them, and every name with its prefix
    ids = torch.randint(V, (2, 6))
    for file in ("model.safetensors", "whole.bin"):
        model = assemble_gpt2(CONFIG, read_checkpoint(tmp_path / file), file)
        torch.testing.assert_close(model.logits(ids), theirs(ids).logits, atol=1e-5, rtol=1e-5)


def test_half_precision_where_it_is_asked_for(folder: Path):
    model, _ = load_language_model("gpt2", folder, folder / "merges.txt", torch.float16)
    assert {p.dtype for p in model.parameters()} == {torch.float16}


def test_an_untied_head_is_refused(theirs):
    tensors = theirs.state_dict() | {"lm_head.weight": torch.zeros(V, 32)}
    with pytest.raises(
        ValueError, match=r"in mine, lm_head.weight differs from the token embedding, .*tied embeddings"
    ):
        assemble_gpt2(CONFIG, tensors, "mine")


def test_another_architecture_is_refused_by_its_own_names(theirs):
    wide = LanguageModelConfig(V, context_length=40, width=32, layers=3, heads=4)
    with pytest.raises(
        ValueError,
        match=r"mine holds another architecture .*missing: h\.2\.attn\.c_proj\.bias, .*h\.2\.attn\.c_attn\.bias",
    ):
        assemble_gpt2(wide, theirs.state_dict(), "mine")
    with pytest.raises(ValueError, match=r"mine does not fit this model \(unexpected: transformer.extra"):
        assemble_gpt2(CONFIG, theirs.state_dict() | {"transformer.extra": torch.zeros(1)}, "mine")


def test_a_vocabulary_that_does_not_fit_is_refused(folder: Path):
    (folder / "merges.txt").write_text("#version: 0.2\n\u0120 t\n", encoding="utf-8")
    with pytest.raises(ValueError, match="this tokenizer has 258 ids and the language model 259: take the vocabulary"):
        load_language_model("gpt2", folder, folder / "merges.txt")


def test_an_unknown_name_is_refused():
    with pytest.raises(KeyError, match="there is no language model 'gpt5': take gpt2"):
        load_language_model("gpt5")
