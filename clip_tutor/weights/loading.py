"""`load`: a model with trained weights, wherever they lie and whoever wrote them.

name ─ zoo ─▶ shape, on no device ──┐
                                    ├─ rename, fit ─▶ model
weights ─ Hub, cache or path ─▶ tensors┘
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from clip_tutor import zoo
from clip_tutor.assets import asset
from clip_tutor.model import CLIP, CLIPConfig
from clip_tutor.weights.files import read_pickled_tensors, read_tensors
from clip_tutor.weights.hub import commit_of, fetch
from clip_tutor.weights.names import table_for
from clip_tutor.weights.own import Loaded, fit, open_own
from clip_tutor.weights.published import FILES, PUBLISHED, Checkpoint
from clip_tutor.weights.renaming import rename, their_names
from clip_tutor.weights.vocabularies import tokenizer_for

SHIPPED = {"emoji": "checkpoints/emoji.safetensors"}


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
            wrote, or "emoji" for the model that comes with the kit.
        weights: the tag of published weights, say "openai" (`checkpoints(name)` lists them), or the path of a file or
            folder in the layout of OpenCLIP or of transformers.
        vocabulary: the path of the tokenizer's file, where it should not come from the Hub.
        revision: another commit of the Hub's repository than the one this kit was tried with.
        dtype: of the weights; published ones are often stored in half precision, which a CPU cannot compute with well.

    Raises:
        KeyError: there is no model or no tag of this name.
        FileNotFoundError: a file is neither here nor to be had; the message says how to get it.
        ValueError: the file is a pickle or damaged, holds another architecture (each key that does not fit is named),
            or was trained with another activation.
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
    tensors = read_pickled_tensors(path) if path.suffix in (".bin", ".pt", ".pth") else read_tensors(path)[0]
    _refuse_another_activation(config, path)
    model = assemble(config, tensors, path, dtype)
    notes = {"file": str(path), "commit": commit_of(path)} | ({"repo": checkpoint.repo} if checkpoint else {})
    return Loaded(model, tokenizer_for(config.text, vocabulary), notes)


def assemble(
    config: CLIPConfig, tensors: Mapping[str, Tensor], source: str | Path, dtype: torch.dtype = torch.float32
) -> CLIP:
    """Return a model of this config with the tensors of a published checkpoint, in evaluation mode.

    The model is built without memory and takes over the tensors, so that a large one is never there twice.

    Args:
        tensors: by their own names, in the layout of OpenCLIP or of transformers.
        source: where they come from, for the error.

    Raises:
        ValueError: they are in neither layout, or belong to another architecture.
    """
    table = table_for(config, tensors, source)
    renamed = rename(tensors, table, source)
    with torch.device("meta"):
        model = CLIP(config)
    floats = {key: tensor.to(dtype) if tensor.is_floating_point() else tensor for key, tensor in renamed.items()}
    fit(model, floats, source, their_name=lambda name: their_names(name, table), assign=True)
    return model.eval().requires_grad_(True)


def _find(name: str, weights: str | Path, revision: str | None) -> tuple[Path, Checkpoint | None]:
    """Return the file of some weights, and what is known of it if it is a published one."""
    published = PUBLISHED.get(name, {})
    if isinstance(weights, str) and weights in published:
        checkpoint = published[weights]
        return fetch(checkpoint.repo, checkpoint.file, revision or checkpoint.revision), checkpoint
    path = Path(weights)
    for file in (path, *(path / name for name in FILES)):
        if file.is_file():
            return file, None
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
        model: dict[str, Any] = json.loads(file.read_text("utf-8")).get("model_cfg", {})
        # OpenCLIP does not say which form of GELU SigLIP's towers want.
        return "" if "init_logit_bias" in model else "quick_gelu" if model.get("quick_gelu") else "gelu"
    if (file := folder / "config.json").is_file():
        fields = json.loads(file.read_text("utf-8"))
        usual = {"clip": "quick_gelu", "siglip": "gelu_pytorch_tanh", "siglip2": "gelu_pytorch_tanh", "align": "gelu"}
        declared = fields.get("text_config", {}).get("hidden_act", usual.get(fields.get("model_type", ""), ""))
        return names.get(declared, declared)
    return ""
