"""How large a tensor a computation makes."""

import torch
from torch.utils._python_dispatch import TorchDispatchMode


class Largest(TorchDispatchMode):
    """Notes the size of the largest tensor that any operation makes, forward or backward."""

    size = 0

    def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
        result = function(*arguments, **(keywords or {}))
        made = result if isinstance(result, tuple | list) else [result]
        self.size = max([self.size, *(tensor.numel() for tensor in made if isinstance(tensor, torch.Tensor))])
        return result
