"""Tensors of a checkpoint as a model wants them: of its number types, each with memory of its own, and complete.

What is learned must fit exactly, and `clip_tutor.weights.own.fit` sees to that. What is set right here can be decided
without guessing.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from clip_tutor.model import CLIPConfig
from clip_tutor.printable import listed

# How many batches a batch norm has averaged: with a momentum, as here, nothing reads it, and old files lack it.
_COUNTER = "num_batches_tracked"


def adopt(
    tensors: Mapping[str, Tensor],
    own: Mapping[str, Tensor],
    dtype: torch.dtype,
    source: str | Path,
    their_name: Callable[[str], str],
) -> dict[str, Tensor]:
    """Return the tensors ready to become a model's own.

    Args:
        tensors: by our names.
        own: the model's, whose memory may be nowhere ("meta").
        dtype: of the floating point ones.
        source: where the tensors come from, for the error.
        their_name: what one is called there, for the error.

    Raises:
        ValueError: some are stored as whole numbers, as a quantized model's, and mean something else than they say.
    """
    learned = {name for name, tensor in own.items() if tensor.is_floating_point()}
    if quantized := [name for name in tensors if name in learned and not tensors[name].is_floating_point()]:
        kinds = ", ".join(sorted({str(tensors[name].dtype) for name in quantized}))
        raise ValueError(
            f"{source} holds a quantized model ({kinds}: {listed(map(their_name, quantized))}): "
            "take its weights in float32 or float16"
        )
    ready = {name: torch.zeros((), dtype=own[name].dtype) for name in own if name.endswith(_COUNTER)}
    seen: set[int] = set()
    for name, tensor in tensors.items():
        kind = dtype if name in learned else own.get(name, tensor).dtype
        tensor = tensor.to(kind).contiguous()
        place = tensor.data_ptr()
        # Two names that share memory would be trained as one.
        ready[name] = tensor.clone() if place in seen else tensor
        seen.add(place)
    return ready


def refuse_other_sizes(config: CLIPConfig, tensors: Mapping[str, Tensor], source: str | Path) -> None:
    """OpenAI's own files tell three sizes beside the weights; they must be the model's.

    Raises:
        ValueError: one of them is not.
    """
    sizes = {
        "input_resolution": getattr(config.vision, "image_size", None),
        "context_length": config.text.context_length,
        "vocab_size": config.text.vocab_size,
    }
    wrong = [
        f"{name} {tensors[name].tolist()} instead of {size}"
        for name, size in sizes.items()
        if name in tensors and tensors[name].tolist() not in (size, [size])
    ]
    if wrong:
        raise ValueError(
            f"{source} was made for another model (it says {', '.join(wrong)}): build the model that it was made with"
        )
