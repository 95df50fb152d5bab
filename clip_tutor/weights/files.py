"""Files of tensors: ``safetensors``, written whole or not at all.

It holds numbers only, where a pickle can run any program when it is opened. `clip_tutor.weights.containers` reads the
other forms that published weights come in.
"""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from clip_tutor.weights.kinds import kind_of

LARGEST_METADATA = 95_000_000  # bytes as JSON: the format allows a header of 100 MB, which lists the tensors as well


def write_tensors(path: str | Path, tensors: Mapping[str, Tensor], metadata: dict[str, str]) -> None:
    """Write a safetensors file atomically: whoever reads ``path`` finds the old file or the new one, never half.

    Raises:
        ValueError: the metadata, a tokenizer for example, is larger than the format allows.
        OSError: it could not be written, most often for want of space; what was at ``path`` is still there.
    """
    path = Path(path)
    size = len(json.dumps(metadata, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    if size > LARGEST_METADATA:
        raise ValueError(
            f"{path}: the metadata ({', '.join(metadata)}) comes to {size / 1e6:,.0f} MB, and a safetensors file holds "
            f"{LARGEST_METADATA / 1e6:.0f} MB of it: keep less there, such as a tokenizer of a smaller vocabulary"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    # A folder of its own: safetensors writes into a file with a random name, which a kill leaves behind.
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.mkdir(exist_ok=True)
        whole = draft / path.name
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, whole, metadata)
        with whole.open("rb") as file:
            os.fsync(file.fileno())  # or a power cut could leave the new name with nothing behind it
        whole.chmod(draft.stat().st_mode & 0o666)  # for whom any new file is, and not for its owner alone
        os.replace(whole, path)
    except SafetensorError as error:
        raise OSError(
            f"{path} could not be written ({error}): make room on the disk; what was there before is untouched"
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def read_tensors(path: str | Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors and the metadata of a safetensors file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is a pickle, cut off, or not a safetensors file.
    """
    path = Path(path)
    if not path.is_file():
        folder = ", which is a folder: give the path of a file in it" if path.is_dir() else ""
        raise FileNotFoundError(f"there is no weights file at {path}{folder}")
    kind = kind_of(path)
    if kind.name == "pickle":
        raise ValueError(
            f"{path} is a pickle (a .pt or .bin file): opening one can run any program, so it is refused. "
            "Ask its author for a .safetensors file; a checkpoint of a model that has a name here is read with care by "
            "load(name, weights=path)"
        )
    if kind.name != "safetensors":
        raise ValueError(f"{path} is cut off or not a safetensors file ({kind.what}): {kind.remedy}")
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(
            f"{path} is cut off or not a safetensors file ({error}): download it again, or take an older checkpoint"
        ) from error
