"""Every form that a sound checkpoint comes in gives the same model; every other file says what it is and what to do."""

import argparse
import io
import json
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from clip_tutor import zoo
from clip_tutor.model import CLIPConfig
from clip_tutor.towers import ResNetConfig, TextConfig, ViTConfig
from clip_tutor.weights import load, loading
from tests.weights.conftest import shake

TEXT = {"context_length": 8, "vocab_size": 64, "width": 64, "heads": 1, "layers": 1}
TINY = CLIPConfig(24, ViTConfig(32, 16, 64, 1, 1), TextConfig(64, 8, 64, 1, 1))
IDS = torch.tensor([[62, 5, 7, 63, 0, 0, 0, 0]])
State = dict[str, Tensor]


@pytest.fixture(autouse=True)
def _two_threads() -> None:
    """One thread will do here: the models are as small as can be."""


@pytest.fixture(scope="module")
def theirs() -> open_clip.CLIP:
    """OpenCLIP's smallest of our shape."""
    vision = {"layers": 1, "width": 64, "head_width": 64, "patch_size": 16, "image_size": 32}
    torch.manual_seed(0)
    return shake(open_clip.CLIP(24, vision, TEXT, quick_gelu=True))


@pytest.fixture
def state(theirs: open_clip.CLIP, monkeypatch: pytest.MonkeyPatch) -> State:
    """Its tensors; `load` knows the name "Tiny/16" and wants no vocabulary."""
    monkeypatch.setitem(zoo.MODELS, "Tiny/16", TINY)
    monkeypatch.setattr(loading, "tokenizer_for", lambda *_: None)
    return {name: tensor.detach().clone() for name, tensor in theirs.state_dict().items()}


def with_prefix(prefix: str, state: State) -> State:
    """The same tensors, the prefix before each name."""
    return {prefix + name: tensor for name, tensor in state.items()}


@torch.no_grad()
def assert_loads(path: Path, theirs: open_clip.CLIP, atol: float = 1e-6) -> dict[str, Any]:
    """Load a file, hold both towers' features and the temperature against the original, and return the notes."""
    model, _, notes = load("Tiny/16", weights=path)
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    pixels = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(model.encode_image(pixels), theirs.encode_image(pixels), atol=atol, rtol=1e-5)
    torch.testing.assert_close(model.encode_text(IDS), theirs.encode_text(IDS), atol=atol, rtol=1e-5)
    torch.testing.assert_close(model.log_logit_scale.detach(), theirs.logit_scale.detach(), atol=atol, rtol=1e-5)
    return notes


WRAPPED: dict[str, Callable[[State], dict[str, Any]]] = {
    "module.": lambda s: with_prefix("module.", s),
    "_orig_mod.": lambda s: with_prefix("_orig_mod.", s),
    "module._orig_mod.": lambda s: with_prefix("module._orig_mod.", s),
    "clip.": lambda s: with_prefix("clip.", s),
    "state_dict.model.": lambda s: {"state_dict": with_prefix("model.", s), "epoch": 3, "callbacks": {}},
    "state_dict.net._orig_mod.": lambda s: {"state_dict": with_prefix("net._orig_mod.", s)},
    "model.": lambda s: {"model": s, "optimizer": {"state": {0: {"exp_avg": torch.zeros(3)}}}},
    "model_state_dict.": lambda s: {"model_state_dict": s, "best": np.float64(0.5), "curve": np.arange(3)},
    "ema.": lambda s: {"ema": s, "args": argparse.Namespace(lr=np.float32(0.1), betas=(0.9, 0.98))},
    "checkpoint.module.": lambda s: {"checkpoint": {"module": s, "step": 7}},
    "averaged.module.": lambda s: {"averaged": {"n_averaged": torch.tensor(3)} | with_prefix("module.", s)},
}


@pytest.mark.parametrize("prefix", WRAPPED)
@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "before 2020"])
def test_whatever_is_around_the_weights_is_taken_away(state, theirs, tmp_path, prefix, zipped):
    torch.save(WRAPPED[prefix](state), tmp_path / "x.pt", _use_new_zipfile_serialization=zipped)
    assert assert_loads(tmp_path / "x.pt", theirs)["prefix"] == prefix


def test_numbers_of_the_numpy_before_2_are_not_needed_either(state, theirs, tmp_path):
    torch.save({"model": state, "best": np.float64(0.5)}, tmp_path / "x.pt", _use_new_zipfile_serialization=False)
    content = (tmp_path / "x.pt").read_bytes()
    (tmp_path / "x.pt").write_bytes(content.replace(b"cnumpy._core.", b"cnumpy.core."))
    assert_loads(tmp_path / "x.pt", theirs)


def test_weights_are_preferred_to_their_average_and_to_the_optimizer(state, theirs, tmp_path):
    halved = {name: tensor / 2 for name, tensor in state.items()}
    optimizer = {"state": {name: {"exp_avg": tensor} for name, tensor in halved.items()}}
    torch.save({"model_ema": halved, "optimizer": optimizer, "model": state}, tmp_path / "x.ckpt")
    notes = assert_loads(tmp_path / "x.ckpt", theirs)
    assert notes["prefix"] == "model."
    assert notes["ignored"].startswith("model_ema.")
    torch.save(state | {"ema": halved, "optimizer": optimizer}, tmp_path / "bare.ckpt")
    assert "prefix" not in assert_loads(tmp_path / "bare.ckpt", theirs)


def test_what_is_beside_the_model_is_named_and_ignored(state, theirs, tmp_path):
    beside = {"criterion.logit_scale": torch.ones(()), "head.weight": torch.ones(2)}
    torch.save({"state_dict": with_prefix("model.", state) | beside}, tmp_path / "x.ckpt")
    notes = assert_loads(tmp_path / "x.ckpt", theirs)
    assert notes["ignored"] == "state_dict.criterion.logit_scale, state_dict.head.weight"
    torch.save(state | {"loss.margin": torch.ones(1)}, tmp_path / "x.pt")
    assert assert_loads(tmp_path / "x.pt", theirs)["ignored"] == "loss.margin"


def test_a_part_that_was_compiled_alone_is_found(state, theirs, tmp_path):
    compiled = {name.replace("visual.", "visual._orig_mod."): tensor for name, tensor in state.items()}
    save_file(with_prefix("module.", compiled), tmp_path / "x.safetensors")
    assert_loads(tmp_path / "x.safetensors", theirs)


REFUSED: dict[str, tuple[Callable[[State], dict[str, Any]], str]] = {
    "half a prefix": (
        lambda s: {("module." if name.startswith("visual") else "") + name: t for name, t in s.items()},
        r"puts 'module\.' before some of the model's names, and not before \w+",
    ),
    "two models": (
        lambda s: {"student": s, "tutor": s},
        r"several models, or one .* \(one under each of 'student\.', 'tutor\.'\): keep one",
    ),
    "another architecture": (
        lambda s: {"state_dict": with_prefix("model.", s | {"visual.extra": torch.ones(1)})},
        r"unexpected: state_dict\.model\.visual\.extra",
    ),
    "a tensor is missing": (
        lambda s: with_prefix("module.", {name: t for name, t in s.items() if name != "visual.proj"}),
        r"missing: module\.visual\.proj",
    ),
    "two scales": (
        lambda s: s | {"logit_scale": torch.ones(2)},
        r"logit_scale is \(2,\) instead of \(\)",
    ),
    "other sizes": (
        lambda s: s | {"input_resolution": torch.tensor(224), "vocab_size": torch.tensor(64)},
        r"made for another model \(it says input_resolution 224 instead of 32\)",
    ),
    "quantized": (
        lambda s: s | {"visual.proj": s["visual.proj"].to(torch.int8)},
        r"holds a quantized model \(torch\.int8: visual\.proj\): take its weights in float32",
    ),
    "no tensors": (lambda s: {"epoch": 3}, r"does not hold tensors by name: .* \(it has epoch\)"),
    "the kit's own names": (
        lambda s: {"state_dict": {"image_tower.pos_embed": torch.ones(2)}},
        r"in no layout that is known here .*state_dict\.image_tower\.pos_embed",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_such_model_is_refused_by_the_names_of_its_file(state, tmp_path, case):
    make, message = REFUSED[case]
    torch.save(make(state), tmp_path / "x.pt")
    with pytest.raises(ValueError, match=message):
        load("Tiny/16", weights=tmp_path / "x.pt")


def test_openais_three_numbers_and_saved_buffers_are_no_weights(state, theirs, tmp_path):
    extra = {"input_resolution": 32, "context_length": 8, "vocab_size": 64}
    numbers = {name: torch.tensor(float(value)).half() for name, value in extra.items()}
    torch.save(state | numbers | {"attn_mask": torch.zeros(8, 8)}, tmp_path / "x.pt")
    assert_loads(tmp_path / "x.pt", theirs)


@pytest.mark.parametrize("shape", [(1,), (1, 1)])
def test_a_scale_may_have_dimensions_of_length_one(state, theirs, tmp_path, shape):
    torch.save(state | {"logit_scale": state["logit_scale"].view(shape)}, tmp_path / "x.pt")
    assert_loads(tmp_path / "x.pt", theirs)
    with torch.device("meta"):
        bias = CLIPConfig(24, TINY.vision, TINY.text, logit_bias=-10.0)
    model = loading.assemble(bias, state | {"logit_bias": torch.full(shape, -9.0)}, "this")
    assert model.logit_bias.tolist() == -9


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_any_floating_type_becomes_float32(state, theirs, tmp_path, dtype):
    save_file({name: tensor.to(dtype) for name, tensor in state.items()}, tmp_path / "x.safetensors")
    assert_loads(tmp_path / "x.safetensors", theirs, atol={torch.float16: 0.01, torch.bfloat16: 0.1}.get(dtype, 1e-6))


def test_every_weight_gets_memory_of_its_own(state, tmp_path):
    """As strided views of one tensor, two of which are the same numbers."""
    twins = ["ln_final.weight", "visual.ln_post.weight"]
    shared = {name: torch.ones(1).expand(64) for name in twins}
    torch.save(state | shared | {"visual.proj": state["visual.proj"].T.contiguous().T}, tmp_path / "x.pt")
    model = load("Tiny/16", weights=tmp_path / "x.pt").model
    assert all(p.is_contiguous() for p in model.parameters())
    with torch.no_grad():
        model.text_tower.ln_final.weight[0] = 5
    assert model.text_tower.ln_final.weight[1] == 1
    assert model.image_tower.ln_post.weight[0] == 1


def test_a_tensor_that_safetensors_left_out_as_anothers_twin_is_there_again(state, theirs, tmp_path):
    """Its ``save_model`` keeps one of two that share memory, and says which."""
    same = torch.equal(state["ln_final.bias"], state.pop("visual.ln_post.bias"))
    save_file(state, tmp_path / "x.safetensors", {"visual.ln_post.bias": "ln_final.bias"})
    model = load("Tiny/16", weights=tmp_path / "x.safetensors").model
    assert torch.equal(model.image_tower.ln_post.bias, state["ln_final.bias"])
    assert not same


def test_counts_of_batches_may_be_missing():
    config = CLIPConfig(24, ResNetConfig(32, (1, 1, 1, 1), 8, 4), TINY.text)
    torch.manual_seed(0)
    theirs = shake(open_clip.CLIP(24, {"layers": (1, 1, 1, 1), "width": 8, "image_size": 32}, TEXT))
    state = {k: t.half() for k, t in theirs.state_dict().items() if not k.startswith("visual.bn1.num_batches")}
    model = loading.assemble(config, state, "this")
    counters = [t for name, t in model.state_dict().items() if name.endswith("num_batches_tracked")]
    assert {t.dtype for t in counters} == {torch.int64}


# Files ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".ckpt", ".pth", ".pt", ".bin", ".safetensors", ""])
def test_the_content_tells_what_a_file_is_and_not_its_name(state, theirs, tmp_path, suffix):
    torch.save(state, tmp_path / f"zip{suffix}")
    torch.save(state, tmp_path / f"legacy{suffix}", _use_new_zipfile_serialization=False)
    save_file(state, tmp_path / f"safe{suffix}")
    for name in ("zip", "legacy", "safe"):
        assert_loads(tmp_path / (name + suffix), theirs)


def write_shards(folder: Path, state: State, suffix: str = "safetensors") -> Path:
    """Write two shards and their index, as transformers does, and return the index."""
    folder.mkdir(exist_ok=True)
    stem = {"safetensors": "model", "bin": "pytorch_model"}[suffix]
    names = list(state)
    shards = {name: f"{stem}-0000{1 + (place > 9)}-of-00002.{suffix}" for place, name in enumerate(names)}
    for shard in set(shards.values()):
        part = {name: state[name] for name in names if shards[name] == shard}
        (save_file if suffix == "safetensors" else torch.save)(part, folder / shard)
    index = folder / f"{stem}.{suffix}.index.json"
    index.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": shards}))
    return index


@pytest.mark.parametrize("suffix", ["safetensors", "bin"])
def test_shards_are_read_by_folder_or_index(state, theirs, tmp_path, suffix):
    index = write_shards(tmp_path / "shards", state, suffix)
    assert_loads(index, theirs)
    assert assert_loads(index.parent, theirs)["file"] == str(index)
    one, two = sorted(index.parent.glob("*-of-*"))
    with pytest.raises(ValueError, match="is one shard of 2: give the folder of them all"):
        load("Tiny/16", weights=one)
    two.unlink()
    with pytest.raises(FileNotFoundError, match=rf"lists 2 shards, and of these are missing {two.name}\. Download"):
        load("Tiny/16", weights=index)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("logit_scale", "logit_shift"), r"lists logit_shift in .*, which does not hold it"),
        (lambda text: text.replace("model-00001", "../model-00001"), r"outside of its folder"),
        (lambda text: text[:-9], "is no index of shards that can be read"),
        (lambda text: json.dumps({"weight_map": 3}), "is no index of shards that can be read"),
    ],
)
def test_an_index_that_does_not_fit_is_named(state, tmp_path, change, message):
    index = write_shards(tmp_path, state)
    index.write_text(change(index.read_text()))
    with pytest.raises(ValueError, match=message):
        load("Tiny/16", weights=index)


def test_a_folder_gives_the_one_file_in_it_or_says_what_it_holds(state, theirs, tmp_path):
    (tmp_path / "flax_model.msgpack").write_bytes(b"\x82\xa6params")
    with pytest.raises(FileNotFoundError, match=r"a folder without weights .* \(it holds flax_model\.msgpack\): give"):
        load("Tiny/16", weights=tmp_path)
    torch.save(state, tmp_path / "epoch_3.pt")
    assert_loads(tmp_path, theirs)
    torch.save(state, tmp_path / "epoch_4.pt")
    with pytest.raises(ValueError, match=r"several files of weights \(epoch_3\.pt, epoch_4\.pt\): give the path"):
        load("Tiny/16", weights=tmp_path)


def zip_of(name: str) -> bytes:
    """A zip archive with one file in it."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, b"x")
    return file.getvalue()


OTHERS = {
    "empty": (b"", "it is empty: download it again"),
    "zeros": (bytes(5000), "it begins with zeros only.*download it again"),
    "Git LFS": (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "it is a Git LFS pointer.*git lfs pull"),
    "HTML": (b"\n<!DOCTYPE html>\n<html>", r"it is a web page \(HTML\): .*download the file itself"),
    "text": (b"Entry not found", "it is text that begins with 'Entry not found': download it again"),
    "JSON": (b'{"model_type": "clip"}', "it is JSON, perhaps the configuration.*give the file of its weights"),
    "GGUF": (b"GGUF\x03\x00\x00\x00" + bytes(40), r"it is a GGUF file.*take the \.safetensors"),
    "HDF5": (b"\x89HDF\r\n\x1a\n" + bytes(40), "it is an HDF5 file, as TensorFlow and Keras"),
    "Flax": (b"\x84\xablogit_scale\xc7\x12\x01\x93\x90", "it is a Flax checkpoint"),
    "ONNX": (b"\x08\x07\x12\x07pytorch\x1a\x052.1.0", "it is an ONNX model"),
    "gzip": (b"\x1f\x8b\x08" + bytes(40), "it is a gzip archive: unpack it"),
    "tar": (b"x" * 257 + b"ustar\x00", "it is a tar archive: unpack it"),
    "a zip of files": (zip_of("clip/model.bin"), r"it is a zip archive of other files \(clip/model\.bin\): unpack it"),
    "NumPy": (zip_of("params.npy"), "it is an archive of NumPy arrays"),
    "half a zip": (zip_of("archive/data.pkl")[:40], "it is a zip archive without its end.*: download it again"),
    "one byte": (b"\x08", "it begins like no kind of weights that is known here"),
    "noise": (b"\xfe\x13\x00\x9a" * 100, "it begins like no kind of weights that is known here"),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_a_file_of_another_kind_says_what_it_is_and_what_to_do(state, tmp_path, kind):
    content, message = OTHERS[kind]
    for name in ("pytorch_model.bin", "model.safetensors"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=rf"{name} holds no weights that can be read here; {message}"):
            load("Tiny/16", weights=tmp_path / name)
        with pytest.raises(ValueError, match=rf"{name} is cut off or not a safetensors file \({message[:10]}"):
            load(tmp_path / name)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("share", [0.3, 0.97])
def test_a_pickle_that_is_cut_off_is_named(state, tmp_path, zipped, share):
    torch.save(state, tmp_path / "x.pt", _use_new_zipfile_serialization=zipped)
    whole = (tmp_path / "x.pt").read_bytes()
    (tmp_path / "x.pt").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ValueError, match=r"x\.pt (is damaged|holds no weights .*without its end).*download it again"):
        load("Tiny/16", weights=tmp_path / "x.pt")


def test_a_torchscript_archive_is_converted_by_the_lines_of_the_message(state, theirs, tmp_path, monkeypatch):
    traced = torch.jit.trace_module(theirs, {"encode_image": torch.ones(1, 3, 32, 32)})
    traced.save(str(tmp_path / "ViT-B-32.pt"))
    with pytest.raises(ValueError, match=r"is a TorchScript archive, .* in a place where you trust the file") as caught:
        load("Tiny/16", weights=tmp_path / "ViT-B-32.pt")
    monkeypatch.chdir(tmp_path)
    exec("\n".join(line.strip() for line in str(caught.value).splitlines()[1:]))
    assert_loads(tmp_path / "ViT-B-32.safetensors", theirs)


# Pickles are not run -------------------------------------------------------------------------------------------------


class Harm:
    """Opening a pickle of this would call a function."""

    def __init__(self, function: Callable[..., object], argument: str) -> None:
        self.call = function, (argument,)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return self.call


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "before 2020"])
@pytest.mark.parametrize("how", ["system", "eval", "mkdir", "in a namespace", "as a number", "shard"])
def test_a_program_in_a_pickle_is_named_and_never_run(state, tmp_path, how, zipped):
    trace = tmp_path / "trace"
    harm = {
        "system": Harm(os.system, f"mkdir {trace}"),
        "eval": Harm(eval, f"__import__('os').mkdir({str(trace)!r})"),
    }.get(how, Harm(os.mkdir, str(trace)))
    beside: object = argparse.Namespace(harm=harm) if how == "in a namespace" else harm
    content = state | {"visual.proj": harm} if how == "as a number" else {"state_dict": state, "x": [{"y": beside}]}
    path = tmp_path / "x.bin"
    if how == "shard":
        path = write_shards(tmp_path / "shards", state, "bin")
        torch.save(state | {"x": harm}, min(path.parent.glob("*-of-*")), _use_new_zipfile_serialization=zipped)
    else:
        torch.save(content, path, _use_new_zipfile_serialization=zipped)
    named = {"system": r"\w+\.system", "eval": r"builtins\.eval"}.get(how, r"\w+\.mkdir")
    with pytest.raises(ValueError, match=rf"more than tensors, .* refused \(opening it would need {named}\)"):
        load("Tiny/16", weights=path)
    assert not trace.exists()
    torch.load(min(tmp_path.glob("**/*.bin")), weights_only=False)
    assert trace.exists(), "opened as a pickle, it does its deed"


def test_a_whole_model_in_a_pickle_is_refused_and_converted_by_the_lines_of_the_message(
    state, theirs, tmp_path, monkeypatch
):
    torch.save({"state_dict": state, "path": Path("runs")}, tmp_path / "x.pt")
    with pytest.raises(ValueError, match=r"would need pathlib\.[\w.]+\): take the .*, or if you") as caught:
        load("Tiny/16", weights=tmp_path / "x.pt")
    monkeypatch.chdir(tmp_path)
    exec("\n".join(line.strip() for line in str(caught.value).splitlines()[1:]))
    assert_loads(tmp_path / "x.safetensors", theirs)
    torch.save(theirs, tmp_path / "model.pt")
    with pytest.raises(ValueError, match=r"would need open_clip\.model\.CLIP\)"):
        load("Tiny/16", weights=tmp_path / "model.pt")


def test_a_pickle_of_another_writer_is_refused(state, tmp_path):
    for protocol in (2, 4):
        (tmp_path / "x.bin").write_bytes(pickle.dumps({"visual.proj": np.ones(3)}, protocol))
        with pytest.raises(ValueError, match=r"x\.bin (is damaged|cannot be read without running).*"):
            load("Tiny/16", weights=tmp_path / "x.bin")
    torch.save([state], tmp_path / "x.bin")
    with pytest.raises(ValueError, match="does not hold tensors by name, but a list"):
        load("Tiny/16", weights=tmp_path / "x.bin")


def test_what_a_reader_has_allowed_to_torch_stays_so(state, theirs, tmp_path):
    torch.save({"state_dict": state, "best": np.float64(0.5), "at": Path("runs")}, tmp_path / "x.pt")
    scalar = np.float64(0.5).__reduce__()[0]
    with torch.serialization.safe_globals([scalar, np.dtype, type(np.dtype("f8")), type(Path("runs"))]):
        assert_loads(tmp_path / "x.pt", theirs)
