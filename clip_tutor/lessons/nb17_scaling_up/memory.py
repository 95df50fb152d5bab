"""How much memory autograd takes for the way back."""

from collections.abc import Callable

import torch
from torch import Tensor, nn


def graph_bytes(model: nn.Module, loss: Callable[[], Tensor]) -> int:
    """Return how many bytes autograd keeps after ``loss()`` for its backward pass, the model's weights left out."""
    kept: dict[int, tuple[int, Tensor]] = {}
    known = {weight.untyped_storage().data_ptr() for weight in model.parameters()}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes(), tensor  # held: no place in memory is given out twice
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss()
    return sum(size for place, (size, _) in kept.items() if place not in known)
