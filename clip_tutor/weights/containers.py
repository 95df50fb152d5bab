"""The files that published and trained checkpoints come in: one file of two kinds, or many with an index.

    model.safetensors · pytorch_model.bin · run.ckpt · …       ─▶ read by what they hold, whatever they are called
    model.safetensors.index.json ─▶ model-00001-of-00002.safetensors, model-00002-of-00002.safetensors
    a folder                     ─▶ the file or the index in it

`clip_tutor.weights.unwrapping` then finds the model in what was read.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clip_tutor.printable import listed
from clip_tutor.weights.files import read_tensors
from clip_tutor.weights.kinds import kind_of
from clip_tutor.weights.pickles import read_pickle
from clip_tutor.weights.published import FILES

INDEX = ".index.json"
SUFFIXES = (".safetensors", ".bin", ".pt", ".pth", ".ckpt")


def file_in(path: Path) -> Path:
    """Return the file of weights at ``path``: itself, or if it is a folder, the one to read there.

    Raises:
        FileNotFoundError: there is nothing, or the folder holds no weights; what it holds is named.
        ValueError: it holds several files of weights, and nothing says which to read.
    """
    if path.is_file():
        return path
    if not path.is_dir():
        raise FileNotFoundError(f"there is no weights file at {path}")
    there = sorted(path.iterdir())
    indices = [file for file in there if file.name.endswith(INDEX)]
    known = [path / name for name in FILES if path / name in there] or indices
    weights = [file for file in there if file.suffix in SUFFIXES]
    if known or len(weights) == 1:
        return (known or weights)[0]
    names = listed([file.name for file in weights or there]) or "nothing"
    if any(file.suffix == ".distcp" for file in there):
        raise ValueError(
            f"{path} is a distributed checkpoint of PyTorch's: join it to one file with "
            f"`python -m torch.distributed.checkpoint.format_utils dcp_to_torch {path} joined.pt`, and give that"
        )
    if weights:
        raise ValueError(f"{path} holds several files of weights ({names}): give the path of one, or add their index")
    raise FileNotFoundError(
        f"{path} is a folder without weights that can be read here (it holds {names}): "
        f"give one with {FILES[0]}, {', '.join(FILES[2:])} or an index of shards"
    )


def read_checkpoint(path: Path) -> Mapping[str, Any]:
    """Return what a file of weights holds: tensors by name, or for one of `torch.save` a dictionary that has them.

    Raises:
        FileNotFoundError: a shard that the index lists is not there.
        ValueError: it is a file of another kind, damaged, or holds more than tensors; the message says what to do.
    """
    kind = kind_of(path)
    if kind.name == "index":
        return _read_shards(path)
    shard = re.search(r"-\d+-of-(\d+)\.\w+$", path.name)
    if shard and int(shard[1]) > 1:
        raise ValueError(f"{path} is one shard of {int(shard[1])}: give the folder of them all, with their index")
    return _read_one(path)


def _read_one(path: Path) -> Mapping[str, Any]:
    kind = kind_of(path)
    if kind.name == "pickle":
        content = read_pickle(path)
        if not isinstance(content, Mapping):
            raise ValueError(
                f"{path} does not hold tensors by name, but a {type(content).__name__}: "
                "give a checkpoint of OpenCLIP's or transformers'"
            )
        return content
    if kind.name != "safetensors":
        raise ValueError(f"{path} holds no weights that can be read here; {kind.what}: {kind.remedy}")
    tensors, metadata = read_tensors(path)
    # Where two names share one tensor, safetensors keeps one, and notes what the other was.
    twins = {name: tensors[kept] for name, kept in metadata.items() if name not in tensors and kept in tensors}
    return tensors | twins


def _read_shards(index: Path) -> dict[str, Any]:
    try:
        places: dict[str, str] = json.loads(index.read_text("utf-8"))["weight_map"]
        shards = sorted(set(places.values()))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{index} is no index of shards that can be read ({error!r}): download it again") from error
    outside = [shard for shard in shards if Path(shard).is_absolute() or ".." in Path(shard).parts]
    if outside:
        raise ValueError(f"{index} names {listed(outside)}, outside of its folder: shards lie beside their index")
    if absent := [shard for shard in shards if not (index.parent / shard).is_file()]:
        raise FileNotFoundError(
            f"{index} lists {len(shards)} shards, and of these are missing {listed(absent)}. "
            f"Download them into {index.parent}"
        )
    tensors = {name: tensor for shard in shards for name, tensor in _read_one(index.parent / shard).items()}
    if lost := sorted(places.keys() - tensors.keys()):
        raise ValueError(
            f"{index} lists {lost[0]} in {places[lost[0]]}, which does not hold it ({len(lost)} such names): "
            "index and shards belong to different checkpoints, download them together"
        )
    return tensors
