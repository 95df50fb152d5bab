"""What a file of weights is, told by its content: names lie, and a download may bring something else.

"safetensors"   a length, then JSON: {"visual.proj": {"dtype": "F32", …
"pickle"        what torch.save writes: a zip archive with a pickle in it, or before 2020 pickles one after another
"index"         JSON that says which tensor lies in which file of a folder
"other"         anything else, with what it is and what to do about it
"""

import re
import zipfile
from pathlib import Path
from typing import NamedTuple

_TAKE = "take the .safetensors or the PyTorch file of the same model"
_UNPACK = "unpack it, and give the path of the weights in it"
_AGAIN = "download it again"
# Where in the file, which bytes, what it is, what to do.
_SIGNATURES = (
    (
        0,
        b"version https://git-lfs",
        "a Git LFS pointer, which only names the weights",
        "fetch the file itself (git lfs pull)",
    ),
    (0, b"GGUF", "a GGUF file, llama.cpp's", _TAKE),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file, as TensorFlow and Keras write it", _TAKE),
    (4, b"TFL3", "a TensorFlow Lite model", _TAKE),
    (0, b"\x93NUMPY", "a NumPy array", _TAKE),
    (0, b"\x1f\x8b", "a gzip archive", _UNPACK),
    (0, b"\x28\xb5\x2f\xfd", "a Zstandard archive", _UNPACK),
    (0, b"BZh", "a bzip2 archive", _UNPACK),
    (0, b"\xfd7zXZ\x00", "an xz archive", _UNPACK),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (257, b"ustar", "a tar archive", _UNPACK),
)
# What has no signature of its own, by the usual end of its name.
_BY_SUFFIX = {
    ".onnx": "an ONNX model",
    ".msgpack": "a Flax checkpoint",
    ".npz": "an archive of NumPy arrays",
    ".pb": "a TensorFlow graph",
    ".index": "the index of a TensorFlow checkpoint",
    ".data-00000-of-00001": "a part of a TensorFlow checkpoint",
}
_TORCH_SCRIPT = """in a place where you trust the file, write its tensors to one that runs nothing, and load that:
    import torch, safetensors.torch
    state = torch.jit.load({name!r}, map_location="cpu").state_dict()
    state = {{key: tensor.detach().clone().contiguous() for key, tensor in state.items()}}
    safetensors.torch.save_file(state, {new!r})"""


class Kind(NamedTuple):
    """What a file is: one of the four names above, the same in words, and what to do if it cannot be read."""

    name: str
    what: str
    remedy: str = ""


def kind_of(path: Path) -> Kind:
    """Return what the file at ``path`` is. Nothing in it is run or unpacked."""
    with path.open("rb") as file:
        start = file.read(512)
    if not start:
        return Kind("other", "it is empty", _AGAIN)
    # A safetensors file may begin with any byte, its header's length; that is at most 100 MB, and JSON follows.
    if start[4:9] == bytes(4) + b"{":
        return Kind("safetensors", "a safetensors file")
    if start[:1] == b"\x80" and start[1:2] in b"\x02\x03\x04\x05":
        return Kind("pickle", "a pickle")
    if start[:4] == b"PK\x03\x04":
        return _zip_kind(path)
    for place, signature, what, remedy in _SIGNATURES:
        if start[place:].startswith(signature):
            return Kind("other", f"it is {what}", remedy)
    if suffix := ".onnx" if _is_onnx(start) else ".msgpack" if _is_msgpack(start) else "":
        return Kind("other", f"it is {_BY_SUFFIX[suffix]}", _TAKE)
    if not any(start):
        return Kind("other", "it begins with zeros only, as a download that broke off may leave it", _AGAIN)
    return _text_kind(path, start)


def _zip_kind(path: Path) -> Kind:
    """`torch.save`, `torch.jit.save` and NumPy all write zip archives."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError):
        return Kind("other", "it is a zip archive without its end, as a PyTorch file that was cut off", _AGAIN)
    if any(name.endswith("/constants.pkl") or "/code/" in name for name in names):
        remedy = _TORCH_SCRIPT.format(name=path.name, new=path.with_suffix(".safetensors").name)
        return Kind("other", "it is a TorchScript archive, a program with weights in it, which is not run here", remedy)
    if any(name.endswith("data.pkl") for name in names):
        return Kind("pickle", "a pickle")
    if any(name.endswith(".npy") for name in names):
        return Kind("other", f"it is {_BY_SUFFIX['.npz']}", _TAKE)
    return Kind("other", f"it is a zip archive of other files ({', '.join(names[:3])})", _UNPACK)


def _text_kind(path: Path, start: bytes) -> Kind:
    """Return what a file is that has no signature: a page, JSON, other text, or nothing that is known here."""
    text = start.decode("utf-8-sig", errors="ignore").lstrip()
    if re.match(r"<(!doctype html|html|head|\?xml|!--)", text, re.IGNORECASE):
        remedy = "the address gave a page, perhaps to sign in: download the file itself (hf download)"
        return Kind("other", "it is a web page (HTML)", remedy)
    if text.startswith(("{", "[")):
        if b'"weight_map"' in path.read_bytes():
            return Kind("index", "it is the index of a sharded model", "name the model, too: load(name, weights=path)")
        return Kind("other", "it is JSON, perhaps the configuration of a model", "give the file of its weights")
    if text and all(sign.isprintable() or sign in "\r\n\t" for sign in text):
        return Kind("other", f"it is text that begins with {text[:40]!r}", _AGAIN)
    if path.suffix in _BY_SUFFIX:
        return Kind("other", f"it is {_BY_SUFFIX[path.suffix]}", _TAKE)
    return Kind("other", "it begins like no kind of weights that is known here", f"{_AGAIN}, or {_TAKE}")


def _is_onnx(start: bytes) -> bool:
    """A protocol buffer: field 1 is ONNX's version, and a producer, a domain, a graph or an opset come next."""
    return start[:1] == b"\x08" and start[1:2] < b"\x20" and start[2:3] in (b"\x12", b"\x1a", b"\x22", b"\x3a", b"\x42")


def _is_msgpack(start: bytes) -> bool:
    """A map whose first key is a word: how Flax writes a tree of parameters."""
    after = {0xDE: 3, 0xDF: 5}.get(start[0], 1)
    is_map = 0x81 <= start[0] <= 0x8F or after > 1
    is_text = start[after : after + 1] in bytes((*range(0xA1, 0xC0), 0xD9))
    return is_map and is_text and start[after + 2 : after + 5].isalnum()
