"""`load`: a model with trained weights, wherever they lie and whoever wrote them.

name ─ zoo ─▶ shape, on no device ──┐
                                    ├─ rename, fit ─▶ model
weights ─ Hub, cache or path ─▶ tensors┘
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from clip_tutor import zoo
from clip_tutor.assets import asset
from clip_tutor.model import CLIP, CLIPConfig
from clip_tutor.printable import listed
from clip_tutor.weights.adopting import adopt, refuse_other_sizes
from clip_tutor.weights.containers import file_in, read_checkpoint
from clip_tutor.weights.hub import commit_of, fetch
from clip_tutor.weights.names import table_for
from clip_tutor.weights.own import Loaded, fit, open_own
from clip_tutor.weights.published import PUBLISHED, Checkpoint
from clip_tutor.weights.renaming import rename, their_names
from clip_tutor.weights.unwrapping import unwrap
from clip_tutor.weights.vocabularies import tokenizer_for

SHIPPED = {name: f"checkpoints/{name}.safetensors" for name in ("emoji", "emoji_plain", "everyday")}


def load(
    name: str | Path,
    weights: str | Path | None = None,
    vocabulary: str | Path | None = None,
    revision: str | None = None,
    dtype: torch.dtype = torch.float32,
) -> Loaded:
    """Return a model with trained weights, in evaluation mode, and the tokenizer it reads with.

    Args:
        name: a model of `clip_tutor.zoo`, say "ViT-B/32"; or, without ``weights``, the path of a file that `save`
            wrote, or "emoji" for the model that comes with the kit; "emoji_plain" is the same one before its last run,
            which taught it left from right, and "everyday" a smaller one that was trained apart from it.
        weights: the tag of published weights, say "openai" (`list_weights(name)` lists them), or the path of a file or
            folder in the layout of OpenCLIP or of transformers: safetensors, what torch.save wrote (nothing in it is
            run), or an index of shards; ``notes`` say what in it was taken and what was not.
        vocabulary: the path of the tokenizer's file, where it should not come from the Hub.
        revision: another commit of the Hub's repository than the one this kit was tried with.
        dtype: of the weights; published ones are often stored in half precision, which a CPU cannot compute with well.

    Raises:
        KeyError: there is no model or no tag of this name.
        FileNotFoundError: a file is neither here nor to be had; the message says how to get it.
        ValueError: the file is damaged or of another kind, holds more than tensors, or another architecture (each key
            that does not fit is named), or was trained with another activation.

    >>> model, tokenizer, notes = load("emoji")
    >>> tokenizer.decode(tokenizer("a rocket")[0])
    'a rocket'
    """
    if weights is None:
        if name in PUBLISHED:
            tags = ", ".join(f'weights="{tag}"' for tag in PUBLISHED[str(name)])
            raise KeyError(
                f"which weights of {name}? Take {tags} or the path of a file; zoo.create({name!r}) has fresh ones"
            )
        return open_own(asset(SHIPPED[name]) if isinstance(name, str) and name in SHIPPED else Path(name), dtype)
    config = zoo.config(str(name))
    path, checkpoint = _find(str(name), weights, revision)
    if checkpoint and checkpoint.preprocessing:
        config = replace(config, preprocessing=checkpoint.preprocessing)
    found = unwrap(read_checkpoint(path), path)
    _refuse_another_activation(config, path)
    model = assemble(config, found.tensors, path, dtype, found.in_file)
    notes = {"file": str(path), "commit": commit_of(path)} | ({"repo": checkpoint.repo} if checkpoint else {})
    notes |= {"prefix": found.prefix} if found.prefix else {}
    notes |= {"ignored": listed(found.ignored)} if found.ignored else {}
    return Loaded(model, tokenizer_for(config.text, vocabulary), notes)


def assemble(
    config: CLIPConfig,
    tensors: Mapping[str, Tensor],
    source: str | Path,
    dtype: torch.dtype = torch.float32,
    in_file: Callable[[str], str] = str,
) -> CLIP:
    """Return a model of this config with the tensors of a published checkpoint, in evaluation mode.

    The model is built without memory and takes over the tensors, so that a large one is never there twice.

    Args:
        tensors: by their own names, in the layout of OpenCLIP or of transformers.
        source: where they come from, for the error.
        in_file: what that place calls a tensor, where `unwrap` took a prefix away, for the error.

    Raises:
        ValueError: they are in neither layout, or belong to another architecture.
    """
    table = table_for(config, tensors, source)
    refuse_other_sizes(config, tensors, source)
    renamed = rename(tensors, table, source, in_file)
    with torch.device("meta"):
        model = CLIP(config)

    def their_name(name: str) -> str:
        return their_names(name, table, in_file)

    ready = adopt(renamed, model.state_dict(), dtype, source, their_name)
    fit(model, ready, source, their_name, assign=True)
    return model.eval().requires_grad_(True)


def _find(name: str, weights: str | Path, revision: str | None) -> tuple[Path, Checkpoint | None]:
    """Return the file of some weights, and what is known of it if it is a published one."""
    published = PUBLISHED.get(name, {})
    if isinstance(weights, str) and weights in published:
        checkpoint = published[weights]
        return fetch(checkpoint.repo, checkpoint.file, revision or checkpoint.revision), checkpoint
    path = Path(weights)
    if path.exists():
        return file_in(path), None
    elsewhere = [other for other, tags in PUBLISHED.items() if str(weights) in tags and zoo_twin(name, other)]
    hint = f" These weights belong to {elsewhere[0]!r}, whose activation is another." if elsewhere else ""
    raise (ValueError if elsewhere else FileNotFoundError if path.suffix or len(path.parts) > 1 else KeyError)(
        f"{name} has no weights {str(weights)!r}: take one of {', '.join(published) or 'none that is published'}, "
        f"or the path of a file.{hint}"
    )


def zoo_twin(name: str, other: str) -> bool:
    """Tell whether two named models differ in nothing but their activation."""
    one, two = zoo.config(name), zoo.config(other)
    return name != other and _without_activation(one) == _without_activation(two)


def _without_activation(config: CLIPConfig) -> CLIPConfig:
    towers = {
        tower: replace(getattr(config, tower), activation="gelu")
        for tower in ("vision", "text")
        if hasattr(getattr(config, tower), "activation")
    }
    return replace(config, **towers)


def _refuse_another_activation(config: CLIPConfig, path: Path) -> None:
    """Weights do not tell what they were trained with; the config that lies beside them on the Hub does.

    Raises:
        ValueError: it says another activation than the model's.
    """
    declared = _declared_activation(path.parent)
    built = getattr(config.text, "activation", "gelu")
    if declared and declared != built:
        raise ValueError(
            f"{path} was trained with {declared}, and this model is built with {built}: every number would come out "
            "a little wrong. OpenAI's names, such as 'ViT-B/32', stand for quick_gelu, OpenCLIP's, such as "
            "'ViT-B-32', for gelu"
        )


def _declared_activation(folder: Path) -> str:
    """Return the activation that open_clip_config.json or transformers' config.json declares, "" if none does."""
    names = {"quick_gelu": "quick_gelu", "gelu": "gelu", "gelu_pytorch_tanh": "gelu_tanh"}
    if (file := folder / "open_clip_config.json").is_file():
        model: dict[str, Any] = _fields_of(file).get("model_cfg") or {}
        # OpenCLIP does not say which form of GELU SigLIP's towers want.
        return "" if "init_logit_bias" in model else "quick_gelu" if model.get("quick_gelu") else "gelu"
    if (file := folder / "config.json").is_file():
        fields = _fields_of(file)
        usual = {"clip": "quick_gelu", "siglip": "gelu_pytorch_tanh", "siglip2": "gelu_pytorch_tanh", "align": "gelu"}
        declared = (fields.get("text_config") or {}).get("hidden_act", usual.get(fields.get("model_type", ""), ""))
        return names.get(declared, declared)
    return ""


def _fields_of(file: Path) -> dict[str, Any]:
    try:
        fields = json.loads(file.read_text("utf-8"))
    except ValueError as error:
        raise ValueError(
            f"{file}, which says what the weights beside it were trained with, is not JSON ({error}): "
            "download it again, or move the weights to a folder without it"
        ) from error
    return fields if isinstance(fields, dict) else {}
