"""Prior and decoder in files: they know whose embeddings they speak, and the program makes them."""

import json
from pathlib import Path

import pytest
import torch

from clip_tutor.applications.diffusion import load_noised_clip, text_origin
from clip_tutor.applications.unclip import (
    as_condition,
    decode,
    load_decoder,
    load_prior,
    load_unclip,
    predict,
    save_decoder,
    save_prior,
)
from clip_tutor.applications.unclip import train as program
from clip_tutor.weights import read_tensors, save


def seed() -> torch.Generator:
    return torch.Generator().manual_seed(7)


@pytest.fixture
def files(make_prior, make_decoder, make_model, clip_file: Path) -> tuple[Path, Path]:
    """A prior and a decoder beside one CLIP."""
    prior, decoder = (clip_file.with_name(f"{name}.safetensors") for name in ("prior", "decoder"))
    origin = text_origin(str(clip_file), make_model())
    save_prior(prior, make_prior(text_width=16, context_length=32), origin, {"made": "today"})
    save_decoder(decoder, make_decoder(), origin, {"made": "yesterday"})
    return prior, decoder


def test_what_is_loaded_draws_what_was_saved(files, make_prior, make_decoder):
    prior, decoder, clip, tokenizer, notes = load_unclip(*files)
    assert notes == {"prior": {"made": "today"}, "decoder": {"made": "yesterday"}}
    assert not prior.training and not decoder.training
    assert read_tensors(files[1])[0]["alphas_cumprod"].dtype == torch.float32
    states, texts = as_condition(clip, tokenizer, ["two cats"])
    images = []
    for one, other in ((prior, decoder), (make_prior(text_width=16, context_length=32), make_decoder())):
        with torch.no_grad():
            for parameter in [*one.parameters(), *other.parameters()]:
                parameter.copy_(parameter.half().float())  # what float16 keeps
        images.append(decode(other, predict(one, states, texts, 5, seed()), 3, 2.0, seed()))
    torch.testing.assert_close(*images)


def test_a_prior_of_another_clip_is_not_put_before_a_decoder(files, make_decoder, make_model, tokenizer):
    """Both are whole and of the right shape; what the one says, the other would take for something else."""
    other = files[0].with_name("other.safetensors")
    save(other, make_model(seed=1), tokenizer)
    save_decoder(files[1], make_decoder(), text_origin(str(other), make_model(seed=1)))
    with pytest.raises(ValueError, match=r"gives embeddings of another CLIP than the decoder in .* train one of them"):
        load_unclip(*files)


def test_a_clip_that_has_changed_is_refused(files, clip_file, make_model, tokenizer):
    save(clip_file, make_model(seed=1), tokenizer)
    for load, path in zip((load_prior, load_decoder), files, strict=True):
        with pytest.raises(ValueError, match=r"trained on what another CLIP says than .* train it again"):
            load(path)


def test_a_file_of_another_kind_is_refused(files):
    with pytest.raises(ValueError, match=r"does not say which prior they belong to .* written by save_prior"):
        load_prior(files[1])
    with pytest.raises(ValueError, match=r"does not say which decoder they belong to .* written by save_decoder"):
        load_decoder(files[0])
    with pytest.raises(ValueError, match="does not say which noised_clip they belong to"):
        load_noised_clip(files[0])


@pytest.mark.slow
@pytest.mark.parametrize("part", ["prior", "decoder", "noised_clip"])
def test_the_program_trains_goes_on_and_saves(clip_file: Path, part: str, monkeypatch: pytest.MonkeyPatch, capsys):
    small = {"PAIRS": 40, "LOOKED_AT": 16, "LOOKS": 2, "WIDTHS": (8, 16), "DEPTH": 1, "TOKEN_WIDTH": 8}
    for name, value in small.items():
        monkeypatch.setattr(program, name, value)
    saved, curve, run = (clip_file.with_name(name) for name in ("saved.safetensors", "curve.json", "run"))
    options = [part, "--clip", str(clip_file), "--steps", "6", "--batch-size", "8", "--run", str(run)]
    program.main([*options, "--save", str(saved), "--curve", str(curve)])
    load = {"prior": load_prior, "decoder": load_decoder, "noised_clip": load_noised_clip}[part]
    model, _, _, notes = load(saved)
    assert notes["scenes"] == 48 and notes["command"].endswith(str(curve))
    written = json.loads(curve.read_text("utf-8"))
    assert written["scenes"] == [24, 48] and written["unseen_loss"][1] < written["unseen_loss"][0]
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == written
    program.main([*options, "--save", str(saved)])  # nothing is left to do
    for name, tensor in load(saved)[0].state_dict().items():
        assert torch.equal(tensor, model.state_dict()[name])


def test_scenes_of_two_sizes_show_the_same():
    """A decoder's image and the embedding that it is told are of one scene."""
    small, large = (program.scenes_of("test", size).scenes(range(50)) for size in (32, 64))
    assert small == large
