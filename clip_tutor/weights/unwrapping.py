"""Find the model in a checkpoint: whatever holds it puts a prefix before its names, and other things beside it.

    {"epoch": 3, "optimizer": {…}, "state_dict": {"module._orig_mod.visual.proj": …, "criterion.margin": …}}

        written as one name each    state_dict.module._orig_mod.visual.proj      state_dict.criterion.margin
        the prefix                  state_dict.module._orig_mod.
        the model's tensors         visual.proj
        ignored, and named          state_dict.criterion.margin

A dictionary, DistributedDataParallel ("module."), torch.compile ("_orig_mod."), a trainer ("model."): all are prefixes.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

# Every layout keeps the image tower, or both towers, in a module of one of these names: what comes before is a prefix.
_ANCHOR = re.compile(r"((?:[^.]+\.)*?)(?:visual|vision_model|text_model)\.")
# All that stands beside or in them: a model of which only a part carries the prefix is taken for no model.
_TOP = re.compile(
    r"(visual|vision_model|text_model|text|transformer|token_embedding|positional_embedding|ln_final"
    r"|text_projection|visual_projection|logit_scale|logit_bias)(\.|$)"
)
# torch.compile, FSDP and activation checkpointing of a part of the model put these into the middle of names.
_INNER = re.compile(r"(?<=\.)(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module|module)\.")
_OF_AN_OPTIMIZER = re.compile(r"(^|\.)(\w*optim\w*|opt|opt_state|exp_avg\w*)\.")
_AVERAGE = re.compile(r"(^|[._])(ema|swa|average[ds]?|averaged_model|shadow|teacher|momentum)[\d]*([._]|$)")
# What training keeps beside a model that has no prefix of its own.
_OF_THE_TRAINING = re.compile(
    r"((\w*_)?(optim\w*|(lr_)?scheduler\w*|scaler|loss\w*|criterion\w*|metrics?|rng_state\w*)(\.|$))|(n_averaged|step)$"
)


@dataclass(frozen=True)
class Unwrapped:
    """The model of a checkpoint, and where in it that was."""

    tensors: dict[str, Tensor]  # by the names of the layout: "visual.proj"
    prefix: str = ""  # what the file puts before them: "state_dict.module."
    ignored: tuple[str, ...] = ()  # tensors that are not the model's, by the names of the file
    names: Mapping[str, str] = field(default_factory=dict)  # what the file calls each of them

    def in_file(self, name: str) -> str:
        """Return what the file calls a tensor, for an error that its owner can read."""
        return self.names.get(name, self.prefix + name)


def unwrap(content: Mapping[str, Any], source: str | Path) -> Unwrapped:
    """Return the tensors of a model, free of what was put around them.

    Where the file holds the weights and their average over the training ("ema"), the weights are taken. Whatever
    lies outside of the prefix is ignored; inside it, only what is known to belong to the training.

    Args:
        content: tensors by name, or dictionaries of such, among other things.
        source: where it comes from, for the error.

    Raises:
        ValueError: there are no tensors, several models, or one of whose tensors only some carry the prefix.
    """
    everything = dict(_leaves(content))
    if not everything:
        raise ValueError(
            f"{source} does not hold tensors by name: give a checkpoint of OpenCLIP's or transformers' "
            f"(it has {', '.join(map(str, list(content)[:5])) or 'nothing'})"
        )
    found = {match[1]: None for name in everything if (match := _ANCHOR.match(name))}  # as a set, in order
    prefixes = [prefix for prefix in found if not _OF_AN_OPTIMIZER.search(prefix)]
    chosen = [prefix for prefix in prefixes if not _AVERAGE.search(prefix)] or prefixes
    if not chosen:
        return Unwrapped(everything)
    if len(chosen) > 1:
        raise _several_models(chosen, everything, source)
    prefix = chosen[0]
    others = tuple(other for other in found if other != prefix and other.startswith(prefix))
    tensors: dict[str, Tensor] = {}
    names: dict[str, str] = {}
    ignored: list[str] = []
    for name, tensor in everything.items():
        rest = name.removeprefix(prefix)
        if not name.startswith(prefix) or name.startswith(others) or _OF_THE_TRAINING.match(rest):
            ignored.append(name)
            continue
        inner = _INNER.sub("", rest)
        if inner in tensors:
            raise ValueError(f"{source} has both {names[inner]} and {name}, which are one tensor: keep one of them")
        tensors[inner], names[inner] = tensor, name
    _refuse_half_a_prefix(prefix, ignored, source)
    return Unwrapped(tensors, prefix, tuple(ignored), names)


def _leaves(content: Mapping[Any, Any], path: str = "") -> Iterator[tuple[str, Tensor]]:
    """Yield every tensor of nested dictionaries, the names on the way to it joined by dots."""
    for name, value in content.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{path}{name}.")
        elif isinstance(value, Tensor):
            yield f"{path}{name}", value.detach()


def _several_models(prefixes: list[str], names: Iterable[str], source: str | Path) -> ValueError:
    if "" in prefixes:
        with_one = next(name for name in names if name.startswith(tuple(filter(None, prefixes))))
        bare = next(name for name in names if (found := _ANCHOR.match(name)) and not found[1])
        where = f"{with_one} carries a prefix, {bare} does not"
    else:
        where = f"one under each of {', '.join(repr(prefix) for prefix in prefixes)}"
    return ValueError(f"{source} holds several models, or one of which only a part has a prefix ({where}): keep one")


def _refuse_half_a_prefix(prefix: str, outside: list[str], source: str | Path) -> None:
    """Refuse a model of whose tensors some lie on the way to the prefix: "module.visual.proj", and "logit_scale"."""
    words = prefix.split(".")[:-1]
    ways = ["".join(f"{word}." for word in words[:count]) for count in range(len(words))]
    for name in outside:
        if any(name.startswith(way) and _TOP.match(name.removeprefix(way)) for way in ways):
            raise ValueError(
                f"{source} puts {prefix!r} before some of the model's names, and not before {name}: "
                "give all of them the same prefix, or none"
            )
