"""Files of tensors: ``safetensors``, written whole or not at all.

It holds numbers only. A pickle can run any program when it is opened; where an old checkpoint exists in no other form,
`read_pickled_tensors` opens it with a reader that knows tensors and nothing else.
"""

import os
import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor


def write_tensors(path: str | Path, tensors: Mapping[str, Tensor], metadata: dict[str, str]) -> None:
    """Write a safetensors file atomically: whoever reads ``path`` finds the old file or the new one, never half.

    Raises:
        OSError: it could not be written, most often for want of space; what was at ``path`` is still there.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, draft, metadata)
        with draft.open("rb") as file:
            os.fsync(file.fileno())  # or a power cut could leave the new name with nothing behind it
        os.replace(draft, path)
    except SafetensorError as error:
        raise OSError(
            f"{path} could not be written ({error}): make room on the disk; what was there before is untouched"
        ) from error
    finally:
        draft.unlink(missing_ok=True)


def read_tensors(path: str | Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors and the metadata of a safetensors file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is a pickle, cut off, or not a safetensors file.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no weights file at {path}")
    with path.open("rb") as file:
        start = file.read(9)
    # A safetensors file may begin with byte 80 as well (its header's length), but then JSON follows: "{" at byte 8.
    if start[:4] == b"PK\x03\x04" or (start[:1] == b"\x80" and start[8:] != b"{"):
        raise ValueError(
            f"{path} is a pickle (a .pt or .bin file): opening one can run any program, so it is refused. "
            "Ask its author for a .safetensors file"
        )
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(
            f"{path} is cut off or not a safetensors file ({error}): download it again, or take an older checkpoint"
        ) from error


def read_pickled_tensors(path: str | Path) -> dict[str, Tensor]:
    """Return the tensors of an old checkpoint, a ``.bin`` or ``.pt`` file; nothing else in it is ever run.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it holds something else than tensors by name.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no weights file at {path}")
    try:
        tensors = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        raise ValueError(
            f"{path} is damaged, or holds more than tensors, which could run any program and is refused "
            f"({str(error).splitlines()[0]}): take the .safetensors file of the same weights"
        ) from error
    tensors = tensors.get("state_dict", tensors) if isinstance(tensors, dict) else {}
    if not tensors or not all(isinstance(tensor, Tensor) for tensor in tensors.values()):
        raise ValueError(f"{path} does not hold tensors by name: give a checkpoint of OpenCLIP's or transformers'")
    return {name.removeprefix("module."): tensor for name, tensor in tensors.items()}
