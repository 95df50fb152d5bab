"""A denoiser's file is enough to draw with, and knows whose token states it reads."""

import json
from pathlib import Path

import pytest
import torch

from clip_tutor.applications.diffusion import (
    Denoiser,
    encode_prompts,
    load_denoiser,
    sample,
    save_denoiser,
    text_origin,
)
from clip_tutor.applications.diffusion import train as program
from clip_tutor.weights import read_tensors, save, write_tensors


@pytest.fixture
def clip_file(tmp_path: Path, make_model, tokenizer) -> Path:
    """A CLIP in a file; its token states have 16 numbers."""
    path = tmp_path / "clip.safetensors"
    save(path, make_model(), tokenizer)
    return path


def test_what_is_loaded_draws_what_was_saved(make_denoiser, make_model, tokenizer, clip_file: Path):
    denoiser: Denoiser = make_denoiser(moved=0.1, text_width=16, patch_size=2, schedule="linear")
    alphas = denoiser.alphas_cumprod.clone()
    denoiser.half().float()  # what float16 keeps
    denoiser.alphas_cumprod = alphas
    path = clip_file.with_name("denoiser.safetensors")
    clip = make_model().eval()
    save_denoiser(path, denoiser, text_origin(str(clip_file), clip), {"made": "today"})
    loaded = load_denoiser(path)
    assert loaded.denoiser.config == denoiser.config and not loaded.denoiser.training
    assert loaded.notes == {"made": "today"}
    states, null = encode_prompts(loaded.clip, loaded.tokenizer, ["two cats"]), encode_prompts(clip, tokenizer, "")
    drawn = [
        sample(each, states, null, 3, 2.0, torch.Generator().manual_seed(0)) for each in (denoiser, loaded.denoiser)
    ]
    torch.testing.assert_close(*drawn)
    tensors = read_tensors(path)[0]
    assert tensors["alphas_cumprod"].dtype == torch.float32, "half precision would round the last of them to 0"
    assert {t.dtype for name, t in tensors.items() if name != "alphas_cumprod"} == {torch.float16}


def test_another_clip_is_refused(make_denoiser, make_model, clip_file: Path):
    """Its states mean something else, and what is drawn from them would look as good as ever."""
    path = clip_file.with_name("denoiser.safetensors")
    save_denoiser(path, make_denoiser(text_width=16), text_origin(str(clip_file), make_model(seed=1)))
    with pytest.raises(ValueError, match=r"trained on what another CLIP says than .* train it again"):
        load_denoiser(path)


def test_weights_that_say_another_schedule_are_refused(make_denoiser, make_model, clip_file: Path):
    path = clip_file.with_name("denoiser.safetensors")
    save_denoiser(path, make_denoiser(text_width=16), text_origin(str(clip_file), make_model()))
    tensors, metadata = read_tensors(path)
    config = json.loads(metadata["denoiser"]) | {"schedule": "linear"}
    write_tensors(path, tensors, metadata | {"denoiser": json.dumps(config)})
    with pytest.raises(ValueError, match="trained with another noise schedule than 'linear'"):
        load_denoiser(path)


def test_a_file_that_holds_no_denoiser_is_refused(clip_file: Path, tmp_path: Path):
    with pytest.raises(ValueError, match="does not say which denoiser they belong to"):
        load_denoiser(clip_file)
    with pytest.raises(FileNotFoundError):
        load_denoiser(tmp_path / "nothing.safetensors")


@pytest.mark.slow
def test_the_program_trains_goes_on_and_saves(clip_file: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    for name, small in (("LOOKED_AT", 16), ("LOOKS", 2), ("WIDTHS", (8, 16))):
        monkeypatch.setattr(program, name, small)
    saved, curve, run = (clip_file.with_name(name) for name in ("denoiser.safetensors", "curve.json", "run"))
    options = ["--clip", str(clip_file), "--steps", "6", "--batch-size", "8", "--run", str(run)]
    program.main([*options, "--save", str(saved), "--curve", str(curve)])
    denoiser, _, _, notes = load_denoiser(saved)
    assert notes["images"] == 48 and notes["command"].endswith(str(curve))
    written = json.loads(curve.read_text("utf-8"))
    assert written["images"] == [24, 48] and written["unseen_loss"][1] < written["unseen_loss"][0]
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == written
    program.main([*options, "--save", str(saved)])  # nothing is left to do
    for name, tensor in load_denoiser(saved).denoiser.state_dict().items():
        assert torch.equal(tensor, denoiser.state_dict()[name])
