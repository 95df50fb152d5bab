"""What the published checkpoints call their tensors: a table for each kind of tower, in each project's layout.

`clip_tutor.weights.renaming` says how a table is read.
"""

from collections.abc import Collection
from pathlib import Path

from clip_tutor.model import CLIPConfig
from clip_tutor.towers import (
    BertConfig,
    ConvNeXtConfig,
    EfficientNetConfig,
    NaFlexConfig,
    NFNetConfig,
    ResNetConfig,
    TextConfig,
    ViTConfig,
)
from clip_tutor.weights.names import align, open_clip, transformers


def layout_of(names: Collection[str], source: str | Path) -> str:
    """Return whose names these are, "open_clip" or "transformers".

    Raises:
        ValueError: neither's.
    """
    if any(name.startswith(("vision_model.", "text_model.")) for name in names):
        return "transformers"
    if any(name.startswith("visual.") for name in names):
        return "open_clip"
    raise ValueError(
        f"{source} is in no layout that is known here (OpenCLIP's tensors begin with 'visual.', transformers' with "
        f"'vision_model.'); its first are {', '.join(sorted(names)[:3])}. A model that this kit saved is loaded by its "
        "path alone"
    )


def table_for(config: CLIPConfig, names: Collection[str], source: str | Path) -> str:
    """Return the table of names that takes a checkpoint with these ``names`` to a model of this config.

    Raises:
        ValueError: the names are in no known layout, or nobody publishes such a tower in it.
    """
    layout = layout_of(names, source)
    vision, text = _kind(config.vision), _kind(config.text)
    tables = _TABLES[layout]
    if vision not in tables or text not in tables:
        there = ", ".join(tables)
        raise ValueError(f"{source} has {layout}'s names, which know the towers {there}, not {vision} and {text}")
    # OpenCLIP's newer models keep the text tower in a module of its own.
    apart = layout == "open_clip" and any(name.startswith("text.") for name in names)
    text_table = "\n".join(f"text.{line}" for line in tables[text].split("\n") if line) if apart else tables[text]
    return tables["scale"] + tables[vision] + text_table


def _kind(tower: object) -> str:
    """Return what a config is called in `_TABLES`."""
    if isinstance(tower, ViTConfig):
        return "ViT" if tower.pool == "class" else "SigLIP ViT"
    if isinstance(tower, TextConfig):
        return "text" if tower.causal else "SigLIP text"
    return _KINDS[type(tower)]


_KINDS: dict[type, str] = {
    ResNetConfig: "ResNet",
    ConvNeXtConfig: "ConvNeXt",
    EfficientNetConfig: "EfficientNet",
    NFNetConfig: "NFNet",
    NaFlexConfig: "NaFlex",
    BertConfig: "BERT",
}


_TABLES = {
    "open_clip": {
        "scale": open_clip.SCALE,
        "ViT": open_clip.VIT,
        "ResNet": open_clip.RESNET,
        "ConvNeXt": open_clip.CONVNEXT,
        "NFNet": open_clip.NFNET,
        "SigLIP ViT": open_clip.SIGLIP_VIT,
        "text": open_clip.TEXT,
        "SigLIP text": open_clip.SIGLIP_TEXT,
    },
    "transformers": {
        "scale": transformers.SCALE + align.SCALE,
        "ViT": transformers.VIT,
        "EfficientNet": align.EFFICIENTNET,
        "SigLIP ViT": transformers.SIGLIP_VIT,
        "text": transformers.TEXT,
        "NaFlex": transformers.NAFLEX,
        "SigLIP text": transformers.SIGLIP_TEXT,
        "BERT": align.BERT,
    },
}
