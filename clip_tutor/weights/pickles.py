"""Checkpoints that `torch.save` wrote, today's and those of before 2020: opened, and nothing in them is run.

A pickle is a program that Python's own reader would run. PyTorch's reader with ``weights_only=True`` knows tensors,
numbers, texts, lists and dictionaries, and refuses every other call.
"""

import pickle
import re
from pathlib import Path
from typing import Any

import torch
from torch.serialization import get_safe_globals, safe_globals

# What often lies beside the weights and is not needed: numbers of NumPy's, the options of the run.
_NOT_NEEDED = (
    "numpy.dtype",
    "numpy.ndarray",
    "numpy.core.multiarray.scalar",
    "numpy.core.multiarray._reconstruct",
    "numpy._core.multiarray.scalar",
    "numpy._core.multiarray._reconstruct",
    "argparse.Namespace",
    "types.SimpleNamespace",
)
_CONVERT = """if you trust its author, write its tensors to a file that runs nothing, and load that:
    import torch, safetensors.torch
    content = torch.load({name!r}, map_location="cpu", weights_only=False)
    state = content["state_dict"]  # or content itself, or content.state_dict() if it is a whole model
    state = {{key: tensor.detach().clone().contiguous() for key, tensor in state.items()}}
    safetensors.torch.save_file(state, {new!r})"""


class _Blank:
    """Stands in for what is not needed: takes anything, keeps and does nothing."""

    def __new__(cls, *_: object) -> "_Blank":
        return object.__new__(cls)

    def __setstate__(self, state: object) -> None:
        pass


def _blank(name: str) -> type[_Blank]:
    module, qualname = name.rsplit(".", 1)
    return type(qualname, (_Blank,), {"__module__": module, "__qualname__": qualname})


_BLANKS = {name: _blank(name) for name in _NOT_NEEDED}


def read_pickle(path: Path) -> Any:
    """Return what a checkpoint holds, most often a dictionary; NumPy's numbers and argparse's options come blank.

    Raises:
        ValueError: it is damaged, or needs a class or function that is not known to be harmless, which is named.
    """
    # Who has allowed classes of a package to `torch.load` gets those: a blank beside them would not fit.
    allowed = [entry[0] if isinstance(entry, tuple) else entry for entry in get_safe_globals()]
    packages = {str(getattr(entry, "__module__", "")).split(".")[0] for entry in allowed}
    blanks: list[Any] = [blank for name, blank in _BLANKS.items() if name.split(".")[0] not in packages]
    try:
        with path.open("rb") as file, safe_globals(blanks):
            # A zip archive need not be read into memory; but of the name "….safetensors", torch.load expects no pickle.
            mapped = file.read(2) == b"PK" and path.suffix != ".safetensors"
            file.seek(0)
            return torch.load(path if mapped else file, map_location="cpu", weights_only=True, mmap=mapped)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise _refusal(path, error) from error


def _refusal(path: Path, error: Exception) -> ValueError:
    """Return the error for a file that PyTorch's careful reader does not read."""
    remedy = _CONVERT.format(name=path.name, new=path.with_suffix(".safetensors").name)
    if found := re.search(r"GLOBAL (\S+)", str(error)):
        named = found[1] if "." in found[1] else f"builtins.{found[1]}"
        return ValueError(
            f"{path} holds more than tensors, which could run any program and is refused (opening it would need "
            f"{named}): take the .safetensors file of the same weights, or {remedy}"
        )
    if found := re.search(r"WeightsUnpickler error: (.+)", str(error)):
        return ValueError(f"{path} cannot be read without running what it holds ({found[1]}), and is refused: {remedy}")
    reason = str(error).strip().splitlines() or [type(error).__name__]
    return ValueError(
        f"{path} is damaged, or a pickle that torch.save did not write ({reason[0]}): "
        "download it again, or take the .safetensors file of the same weights"
    )
