"""How much memory something takes beyond what it was given, at its worst moment: counted tensor by tensor.

    every operation ──▶ which of the tensors made so far still live? ──▶ their bytes, and the most there ever were

The process' own size says little here: an allocator keeps what it once got, and Python adds to it. Counting what
PyTorch itself brought into being gives the same number on every machine.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class _Ledger(TorchDispatchMode):
    """Keeps the most bytes that lived at once among the storages made while it is on."""

    def __init__(self) -> None:
        super().__init__()
        self.most = 0
        self._living: dict[int, tuple[StorageWeakRef, int]] = {}
        self._given: set[int] = set()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        for storage in _storages((args, kwargs)):
            if storage._cdata not in self._living:
                self._given.add(storage._cdata)
        result = function(*args, **(kwargs or {}))
        self._living = {key: entry for key, entry in self._living.items() if not entry[0].expired()}
        for storage in _storages(result):
            if storage._cdata not in self._given:
                self._living[storage._cdata] = (StorageWeakRef(storage), storage.nbytes())
        self.most = max(self.most, sum(size for _, size in self._living.values()))
        return result


def _storages(values: Any) -> list[torch.UntypedStorage]:
    return [leaf.untyped_storage() for leaf in tree_leaves(values) if isinstance(leaf, torch.Tensor)]


def peak_memory(run: Callable[[], Any]) -> int:
    """Return the most bytes that tensors made by ``run()`` took at once; those it was given are not counted."""
    with _Ledger() as ledger:
        run()
    return ledger.most
