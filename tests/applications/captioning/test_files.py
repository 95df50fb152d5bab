"""A captioner's file is enough to use it, and knows whose vectors it reads."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from clip_tutor.applications.captioning import (
    Captioner,
    MLPMapperConfig,
    TransformerMapperConfig,
    load_captioner,
    save_captioner,
    write_captions,
)
from clip_tutor.applications.captioning.files import origin_of
from clip_tutor.model import CLIP
from clip_tutor.tokenizers import BPETokenizer
from clip_tutor.weights import save, write_tensors
from tests.applications.captioning.conftest import E


@pytest.fixture
def clip_file(tmp_path: Path, make_model: Callable[..., CLIP], tokenizer: BPETokenizer) -> Path:
    """A CLIP in a file; its vectors have 16 numbers."""
    path = tmp_path / "clip.safetensors"
    save(path, make_model(), tokenizer)
    return path


@pytest.mark.parametrize(
    ("mapper", "normalize"), [(MLPMapperConfig(hidden=9), False), (TransformerMapperConfig(2, 2, 3), True)]
)
def test_what_is_loaded_writes_what_was_saved(make_captioner, make_model, tokenizer, clip_file, mapper, normalize):
    captioner = make_captioner(mapper, normalize=normalize)
    captioner.standardize(torch.randn(30, E))
    captioner.half().float()  # what float16 keeps
    path = clip_file.with_name("captioner.safetensors")
    save_captioner(path, captioner, tokenizer, origin_of(str(clip_file), make_model()), {"made": "today"})
    loaded = load_captioner(path)
    assert loaded.captioner.config == captioner.config and not loaded.captioner.training
    assert loaded.captioner.language_model.config == captioner.language_model.config
    assert loaded.notes == {"made": "today"} and loaded.clip.config.embed_dim == E
    assert {parameter.dtype for parameter in loaded.captioner.parameters()} == {torch.float32}
    vectors = torch.randn(4, E)
    torch.testing.assert_close(loaded.captioner.prefix(vectors), captioner.prefix(vectors))
    assert write_captions(loaded.captioner, loaded.tokenizer, vectors) == write_captions(captioner, tokenizer, vectors)
    assert path.stat().st_size < 2.2 * sum(p.numel() for p in captioner.parameters()) + 30_000, "stored in float16"


def test_another_clip_is_refused(captioner: Captioner, make_model, tokenizer, clip_file: Path):
    """Its vectors mean something else, and captions of them would read as well as ever."""
    path = clip_file.with_name("captioner.safetensors")
    save_captioner(path, captioner, tokenizer, origin_of(str(clip_file), make_model(seed=1)))
    with pytest.raises(ValueError, match=r"vectors of another CLIP than .* train the captioner again"):
        load_captioner(path)


def test_a_file_that_holds_no_captioner_is_refused(clip_file: Path, tmp_path: Path):
    with pytest.raises(ValueError, match="does not say which captioner they belong to"):
        load_captioner(clip_file)
    write_tensors(tmp_path / "odd.safetensors", {"a": torch.zeros(1)}, {"captioner": "{}"})
    with pytest.raises(ValueError, match="load a file written by save_captioner"):
        load_captioner(tmp_path / "odd.safetensors")
    with pytest.raises(FileNotFoundError, match="there is no weights file"):
        load_captioner(tmp_path / "none.safetensors")


def test_a_tokenizer_of_another_vocabulary_is_not_saved(captioner: Captioner, make_model, tokenizer, tmp_path: Path):
    other = BPETokenizer(tokenizer.merges[:-1], context_length=32)
    with pytest.raises(ValueError, match="take the vocabulary that the model was trained with"):
        save_captioner(tmp_path / "it.safetensors", captioner, other, origin_of("emoji", make_model()))
    assert not list(tmp_path.iterdir())
