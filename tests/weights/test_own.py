"""Weights files: there and back, and whatever else one might be handed."""

import json
import os
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from clip_tutor.weights import files, load, read_tensors, save, write_tensors


@pytest.fixture
def saved(make_model, tokenizer, tmp_path) -> Path:
    save(tmp_path / "model.safetensors", make_model(), tokenizer, {"recall_at_1": 0.9, "why": "à cause du test"})
    return tmp_path / "model.safetensors"


@pytest.mark.parametrize("stem_channels", [(), (4, 8, 8)])
def test_a_model_comes_back_as_it_was(make_model, tokenizer, tmp_path, stem_channels):
    model = make_model(seed=3, stem_channels=stem_channels)
    path = tmp_path / "new folder" / "model.safetensors"
    save(path, model, tokenizer, {"recall_at_1": 0.9})
    for again, words, notes in (load(path), load(str(path))):
        assert again.config == model.config
        assert not again.training
        assert {name: tensor.tolist() for name, tensor in again.state_dict().items()} == {
            name: tensor.tolist() for name, tensor in model.state_dict().items()
        }
        assert words.to_json() == tokenizer.to_json()
        assert notes == {"recall_at_1": 0.9}


def test_layout_and_precision_survive(make_model, tokenizer, tmp_path):
    model = make_model().to(memory_format=torch.channels_last)
    model.image_tower.projection.data = model.image_tower.projection.data.T.contiguous().T
    save(tmp_path / "m", model, tokenizer)
    again = load(tmp_path / "m").model
    pixels = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(again.encode_image(pixels), model.eval().encode_image(pixels))


def test_half_precision_halves_the_file_and_loads_as_float32(make_model, tokenizer, tmp_path):
    model = make_model(stem_channels=(4, 8, 8))
    save(tmp_path / "whole", model, tokenizer)
    save(tmp_path / "half", model, tokenizer, dtype=torch.float16)
    assert {p.dtype for p in model.parameters()} == {torch.float32}, "the model itself is left alone"
    stored, _ = read_tensors(tmp_path / "half")
    kinds = {name: tensor.dtype for name, tensor in stored.items()}
    counts = {name: kind for name, kind in kinds.items() if kind == torch.int64}
    assert counts and all(name.endswith("num_batches_tracked") for name in counts), "what counts is not rounded"
    assert set(kinds.values()) == {torch.float16, torch.int64}
    saved_bytes = (tmp_path / "whole").stat().st_size - (tmp_path / "half").stat().st_size
    assert saved_bytes == pytest.approx(2 * sum(p.numel() for p in model.parameters()), rel=0.02)
    again = load(tmp_path / "half").model
    assert {p.dtype for p in again.parameters()} == {torch.float32}
    for name, tensor in again.state_dict().items():
        assert torch.equal(tensor, stored[name].to(tensor.dtype)), name
    assert {p.dtype for p in load(tmp_path / "half", dtype=torch.bfloat16).model.parameters()} == {torch.bfloat16}


def test_what_half_precision_cannot_hold_is_named(model, tokenizer, tmp_path):
    model.text_tower.ln_final.weight.data[0] = 1e5
    with pytest.raises(ValueError, match=r"text_tower\.ln_final\.weight: numbers there are larger .*65,504"):
        save(tmp_path / "m", model, tokenizer, dtype=torch.float16)
    with pytest.raises(ValueError, match=r"floating point type, such as torch\.float16, not in torch\.int8"):
        save(tmp_path / "m", model, tokenizer, dtype=torch.int8)
    assert not list(tmp_path.iterdir())


def test_every_length_of_notes_can_be_read(tmp_path):
    """A header of some lengths makes the file begin like a pickle (byte 80) without being one."""
    beginnings = set()
    for n in range(256):
        write_tensors(tmp_path / "m", {"a": torch.arange(3.0)}, {"notes": "x" * n})
        beginnings.add((tmp_path / "m").read_bytes()[0])
        tensors, metadata = read_tensors(tmp_path / "m")
        assert tensors["a"].tolist() == [0, 1, 2]
        assert metadata["notes"] == "x" * n
    assert 0x80 in beginnings


def test_others_may_read_it_as_any_new_file(tmp_path):
    (tmp_path / "new").touch()
    write_tensors(tmp_path / "m", {"a": torch.ones(2)}, {})
    assert (tmp_path / "m").stat().st_mode == (tmp_path / "new").stat().st_mode


def test_a_missing_file_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no weights file at .*nothing\.safetensors"):
        load(tmp_path / "nothing.safetensors")
    with pytest.raises(FileNotFoundError, match="no weights file"):
        load(tmp_path)


def test_metadata_that_the_format_cannot_hold_is_refused_before_anything_is_lost(saved, make_model, monkeypatch):
    before = saved.read_bytes()
    monkeypatch.setattr(files, "LARGEST_METADATA", 1_000)
    with pytest.raises(ValueError, match=r"the metadata \(notes\) comes to 0 MB, and .*keep less there"):
        write_tensors(saved, {"a": torch.ones(2)}, {"notes": "x" * 1_000})
    assert saved.read_bytes() == before


def test_what_another_project_made_wants_the_name_of_its_model(tmp_path):
    (tmp_path / "model.safetensors.index.json").write_text('{"weight_map": {}}')
    save_file({"visual.proj": torch.ones(2)}, tmp_path / "open_clip.safetensors")
    torch.save({"visual.proj": torch.ones(2)}, tmp_path / "open_clip.pt")
    for path in tmp_path.iterdir():
        with pytest.raises(ValueError, match=r'name.* load\((name|"ViT-B/32"), weights=path\)'):
            load(path)
    with pytest.raises(FileNotFoundError, match="which is a folder: give the path of a file in it"):
        load(tmp_path)


class Burglar:
    """Opening a pickle of this makes a file."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.trace),)


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_a_pickle_is_refused_and_not_run(tmp_path, protocol):
    trace = tmp_path / "was here"
    (tmp_path / "model.bin").write_bytes(pickle.dumps({"w": Burglar(trace)}, protocol))
    message = "is a pickle .* refused" if protocol >= 2 else "not a safetensors file"
    with pytest.raises(ValueError, match=message):
        load(tmp_path / "model.bin")
    assert not trace.exists()
    pickle.loads((tmp_path / "model.bin").read_bytes())
    assert trace.exists(), "opened as a pickle, it does its deed"


@pytest.mark.parametrize("zipped", [True, False])
def test_a_torch_file_is_refused_and_not_run(tmp_path, zipped):
    trace = tmp_path / "was here"
    torch.save({"w": torch.ones(2), "x": Burglar(trace)}, tmp_path / "m.pt", _use_new_zipfile_serialization=zipped)
    with pytest.raises(ValueError, match=r"m\.pt is a pickle .*any program, so it is refused. Ask its author"):
        load(tmp_path / "m.pt")
    assert not trace.exists()


@pytest.mark.parametrize("share", [0.0, 0.0005, 0.1, 0.5, 0.99])
def test_a_file_that_is_cut_off_is_refused(saved, share):
    saved.write_bytes(saved.read_bytes()[: int(share * saved.stat().st_size)])
    with pytest.raises(
        ValueError, match=r"model\.safetensors is cut off or not a safetensors file \(.*\): download it"
    ):
        load(saved)


@pytest.mark.parametrize("content", [b"hello", b"x" * 5000, b"\x80", b"{}", bytes(64)])
def test_any_other_file_is_refused(tmp_path, content):
    (tmp_path / "notes.txt").write_bytes(content)
    with pytest.raises(ValueError, match=r"notes\.txt (is a pickle|is cut off or not a safetensors file)"):
        load(tmp_path / "notes.txt")


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        {"format": "pt"},
        {"config": "{}"},
        {"config": "not json"},
        {"config": "[1, 2]"},
        {"config": "3"},
        {"config": '{"model_type": "clip"}'},
    ],
)
def test_tensors_of_another_project_are_refused(tmp_path, metadata):
    save_file({"visual.conv1.weight": torch.ones(2)}, tmp_path / "open_clip.safetensors", metadata)
    with pytest.raises(
        ValueError, match=r"does not say which clip_tutor model they belong to .*load a file written by"
    ):
        load(tmp_path / "open_clip.safetensors")


@pytest.mark.parametrize("key", ["config", "tokenizer"])
def test_a_file_without_one_of_its_parts_is_refused(saved, key):
    tensors, metadata = read_tensors(saved)
    del metadata[key]
    write_tensors(saved, tensors, metadata)
    with pytest.raises(ValueError, match="does not say which clip_tutor model"):
        load(saved)


def test_the_tensors_of_another_architecture_are_named(saved, make_model):
    tensors, metadata = read_tensors(saved)
    del tensors["image_tower.cls_token"]
    tensors["image_tower.bottleneck"] = torch.ones(1)
    tensors["text_tower.pos_embed"] = torch.ones(3, 4)
    write_tensors(saved, tensors, metadata)
    with pytest.raises(ValueError, match="holds another architecture") as caught:
        load(saved)
    for part in (
        "3 keys do not fit",
        "missing: image_tower.cls_token",
        "left over: image_tower.bottleneck",
        "text_tower.pos_embed is (3, 4) instead of (32, 16)",
    ):
        assert part in str(caught.value)


def test_a_config_that_does_not_fit_its_tensors_is_refused(saved):
    tensors, metadata = read_tensors(saved)
    config = json.loads(metadata["config"])
    config["text"]["layers"] = 2
    write_tensors(saved, tensors, metadata | {"config": json.dumps(config)})
    with pytest.raises(ValueError, match=r"another architecture \(12 keys do not fit; missing: text_tower.blocks.1"):
        load(saved)


def test_a_write_that_fails_leaves_the_old_file(saved, make_model, tokenizer, monkeypatch):
    def out_of_space(tensors, path, metadata):
        path.write_bytes(b"half of a file")
        raise OSError("no space left on device")

    before = saved.read_bytes()
    monkeypatch.setattr(files, "save_file", out_of_space)
    with pytest.raises(OSError, match="no space"):
        save(saved, make_model(seed=1), tokenizer)
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]


def test_a_write_replaces_the_old_file(saved, make_model, tokenizer):
    save(saved, make_model(seed=1), tokenizer)
    assert torch.equal(load(saved).model.text_tower.pos_embed, make_model(seed=1).text_tower.pos_embed)
    assert list(saved.parent.iterdir()) == [saved]
