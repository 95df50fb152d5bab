"""Every named model as a small frozen config: ``create("ViT-B/32")`` builds one with fresh weights.

    the kit's own     tiny, emoji, flamingo_clip, small           scenes of 64 or 128 pixels
    OpenAI's nine     RN50 … RN50x64, ViT-B/32 … ViT-L/14@336px   QuickGELU
    OpenCLIP's        ViT-B-32 … ViT-bigG-14, convnext_…          GELU
    Google's          SigLIP-…, SigLIP2-…, ALIGN-base             their own losses, tokenizers and preprocessing

Sources: Radford et al. 2021, tables 19 and 20; open_clip ``model_configs/``; google-research/big_vision
``models/vit.py``, function decode_variant; kakaobrain/coyo-align.
"""

import difflib
from typing import NamedTuple

import torch

from clip_tutor.images import ALIGN_PREPROCESSING, SIGLIP2_PREPROCESSING, SIGLIP_PREPROCESSING, Preprocessing
from clip_tutor.model import CLIP, CLIPConfig
from clip_tutor.towers import (
    BertConfig,
    ConvNeXtConfig,
    EfficientNetConfig,
    NaFlexConfig,
    NFNetConfig,
    ResNetConfig,
    TextConfig,
    VisionConfig,
    ViTConfig,
)
from clip_tutor.towers.attention import Activation

# ------------------------------------------------------------------------------------------------ the kit's own

_STEM = (32, 64, 128)  # channels of the convolutional stem
_CONTEXT = 32  # the longest scene caption has about 30 tokens

KIT = {
    # What two CPU cores can train during a coffee, on 104 everyday objects.
    "tiny": CLIPConfig(
        embed_dim=128,
        vision=ViTConfig(64, 16, width=96, layers=2, heads=3, activation="gelu", stem_channels=_STEM),
        text=TextConfig(2000, _CONTEXT, width=64, layers=2, heads=2, activation="gelu"),
    ),
    # The same idea with room for the whole emoji vocabulary: the model that comes with the kit.
    "emoji": CLIPConfig(
        embed_dim=128,
        vision=ViTConfig(64, 16, width=160, layers=2, heads=5, activation="gelu", stem_channels=(48, 96, 192)),
        text=TextConfig(3072, _CONTEXT, width=144, layers=2, heads=3, activation="gelu"),
    ),
    # The two towers that Flamingo's image tower was trained with, made small: an NFNet and a BERT.
    "flamingo_clip": CLIPConfig(
        embed_dim=128,
        vision=NFNetConfig(64, (1, 1, 2, 1), (64, 128, 192, 256), features=256, group_width=32, skip_gain=1.0),
        text=BertConfig(3072, 40, max_positions=40, width=96, layers=2, heads=3, mlp_width=384),
    ),
    # For a GPU: scenes of twice the side, patches as small as the tiny model's cells.
    "small": CLIPConfig(
        embed_dim=256,
        vision=ViTConfig(128, 16, width=384, layers=6, heads=6, activation="gelu", stem_channels=_STEM),
        text=TextConfig(4000, _CONTEXT, width=256, layers=4, heads=4, activation="gelu"),
    ),
}

# --------------------------------------------------------------------------------------------- OpenAI, OpenCLIP


def _text(width: int, layers: int = 12, activation: Activation = "gelu") -> TextConfig:
    """CLIP's text tower: 49,408 ids, 77 places, heads of 64 numbers."""
    return TextConfig(49_408, 77, width, layers, heads=width // 64, activation=activation)


def _openai(embed_dim: int, vision: VisionConfig, text_width: int) -> CLIPConfig:
    return CLIPConfig(embed_dim, vision, _text(text_width, activation="quick_gelu"))


def _vit(size: int, patch: int, width: int, layers: int, head: int = 64, mlp_width: int | None = None) -> ViTConfig:
    """OpenCLIP's Vision Transformer; ``head`` is the width of one."""
    return ViTConfig(size, patch, width, layers, width // head, "gelu", mlp_width=mlp_width)


OPENAI = {
    "RN50": _openai(1024, ResNetConfig(224, (3, 4, 6, 3), width=64, heads=32), 512),
    "RN101": _openai(512, ResNetConfig(224, (3, 4, 23, 3), width=64, heads=32), 512),
    "RN50x4": _openai(640, ResNetConfig(288, (4, 6, 10, 6), width=80, heads=40), 640),
    "RN50x16": _openai(768, ResNetConfig(384, (6, 8, 18, 8), width=96, heads=48), 768),
    "RN50x64": _openai(1024, ResNetConfig(448, (3, 15, 36, 10), width=128, heads=64), 1024),
    "ViT-B/32": _openai(512, ViTConfig(224, 32, width=768, layers=12, heads=12), 512),
    "ViT-B/16": _openai(512, ViTConfig(224, 16, width=768, layers=12, heads=12), 512),
    "ViT-L/14": _openai(768, ViTConfig(224, 14, width=1024, layers=24, heads=16), 768),
    "ViT-L/14@336px": _openai(768, ViTConfig(336, 14, width=1024, layers=24, heads=16), 768),
}

_BASE = (3, 3, 27, 3), (128, 256, 512, 1024)  # blocks and channels of a ConvNeXt's four stages
_LARGE = (3, 3, 27, 3), (192, 384, 768, 1536)
_XXLARGE = (3, 4, 30, 3), (384, 768, 1536, 3072)

OPEN_CLIP = {
    "ViT-B-32": CLIPConfig(512, _vit(224, 32, 768, 12), _text(512)),
    "ViT-B-32-256": CLIPConfig(512, _vit(256, 32, 768, 12), _text(512)),
    "ViT-B-16": CLIPConfig(512, _vit(224, 16, 768, 12), _text(512)),
    "ViT-B-16-plus-240": CLIPConfig(640, _vit(240, 16, 896, 12), _text(640)),
    "ViT-L-14": CLIPConfig(768, _vit(224, 14, 1024, 24), _text(768)),
    "ViT-H-14": CLIPConfig(1024, _vit(224, 14, 1280, 32, head=80), _text(1024, 24)),
    "ViT-g-14": CLIPConfig(1024, _vit(224, 14, 1408, 40, head=88, mlp_width=6144), _text(1024, 24)),
    "ViT-bigG-14": CLIPConfig(1280, _vit(224, 14, 1664, 48, head=104, mlp_width=8192), _text(1280, 32)),
    "convnext_base": CLIPConfig(512, ConvNeXtConfig(224, *_BASE), _text(512)),
    "convnext_base_w": CLIPConfig(640, ConvNeXtConfig(256, *_BASE), _text(640)),
    "convnext_base_w_320": CLIPConfig(640, ConvNeXtConfig(320, *_BASE), _text(640)),
    "convnext_large_d": CLIPConfig(768, ConvNeXtConfig(256, *_LARGE, head="mlp"), _text(768, 16)),
    "convnext_large_d_320": CLIPConfig(768, ConvNeXtConfig(320, *_LARGE, head="mlp"), _text(768, 16)),
    "convnext_xxlarge": CLIPConfig(1024, ConvNeXtConfig(256, *_XXLARGE, eps=1e-5), _text(1024, 24)),
}

# ------------------------------------------------------------------------------------------------------- Google

# width, layers, heads, MLP width
_SIGLIP_SIZES = {"B": (768, 12, 12, 3072), "L": (1024, 24, 16, 4096), "SO400M": (1152, 27, 16, 4304)}


def _siglip_text(size: str, vocab_size: int, context_length: int = 64) -> TextConfig:
    width, layers, heads, mlp_width = _SIGLIP_SIZES[size]
    return TextConfig(
        vocab_size,
        context_length,
        width,
        layers,
        heads,
        activation="gelu_tanh",
        mlp_width=mlp_width,
        causal=False,
        pool="last",
        projection_bias=True,
        eps=1e-6,
    )


def _siglip(
    size: str,
    patch: int,
    pixels: int,
    vocab_size: int = 32_000,
    context_length: int = 64,
    preprocessing: Preprocessing = SIGLIP_PREPROCESSING,
) -> CLIPConfig:
    width, layers, heads, mlp_width = _SIGLIP_SIZES[size]
    vision = ViTConfig(
        pixels,
        patch,
        width,
        layers,
        heads,
        activation="gelu_tanh",
        mlp_width=mlp_width,
        ln_pre=False,
        patch_bias=True,
        pool="map",
        eps=1e-6,
    )
    text = _siglip_text(size, vocab_size, context_length)
    return CLIPConfig(width, vision, text, preprocessing, logit_scale=10.0, logit_bias=-10.0)


def _siglip2(size: str, patch: int, pixels: int) -> CLIPConfig:
    return _siglip(size, patch, pixels, vocab_size=256_000, preprocessing=SIGLIP2_PREPROCESSING)


def _naflex(size: str) -> CLIPConfig:
    width, layers, heads, mlp_width = _SIGLIP_SIZES[size]
    vision = NaFlexConfig(patch_size=16, width=width, layers=layers, heads=heads, mlp_width=mlp_width)
    text = _siglip_text(size, 256_000)
    return CLIPConfig(width, vision, text, SIGLIP2_PREPROCESSING, logit_scale=10.0, logit_bias=-10.0)


SIGLIP = {
    **{f"SigLIP-B/16-{pixels}": _siglip("B", 16, pixels) for pixels in (224, 256, 384, 512)},
    **{f"SigLIP-L/16-{pixels}": _siglip("L", 16, pixels) for pixels in (256, 384)},
    "SigLIP-SO400M/14-224": _siglip("SO400M", 14, 224, context_length=16),
    "SigLIP-SO400M/14-384": _siglip("SO400M", 14, 384),
    **{f"SigLIP2-B/16-{pixels}": _siglip2("B", 16, pixels) for pixels in (224, 256, 384, 512)},
    **{f"SigLIP2-L/16-{pixels}": _siglip2("L", 16, pixels) for pixels in (256, 384, 512)},
    **{f"SigLIP2-SO400M/14-{pixels}": _siglip2("SO400M", 14, pixels) for pixels in (224, 384)},
    **{f"SigLIP2-SO400M/16-{pixels}": _siglip2("SO400M", 16, pixels) for pixels in (256, 384, 512)},
    "SigLIP2-B/16-NaFlex": _naflex("B"),
    "SigLIP2-SO400M/16-NaFlex": _naflex("SO400M"),
}

# Kakao Brain's reproduction: EfficientNet-B7 and BERT-base. Its scale starts at 1.
ALIGN = {
    "ALIGN-base": CLIPConfig(
        640, EfficientNetConfig(289, width=2.0, depth=3.1), BertConfig(), ALIGN_PREPROCESSING, logit_scale=1.0
    )
}

# ------------------------------------------------------------------------------------------------------ all

MODELS: dict[str, CLIPConfig] = {**KIT, **OPENAI, **OPEN_CLIP, **SIGLIP, **ALIGN}


def list_models() -> list[str]:
    """Return the name of every model that can be built.

    >>> "ViT-B/32" in list_models()
    True
    """
    return list(MODELS)


def config(name: str) -> CLIPConfig:
    """Return the named model's config.

    Raises:
        KeyError: there is no model of this name.
    """
    if name not in MODELS:
        near = difflib.get_close_matches(name, MODELS, n=4, cutoff=0.4)
        raise KeyError(
            f"there is no model {name!r}: did you mean {', '.join(near)}? zoo.list_models() lists all of them"
        )
    return MODELS[name]


def create(name: str) -> CLIP:
    """Return the named model with fresh weights, drawn from torch's global generator.

    Raises:
        KeyError: there is no model of this name.

    >>> create("tiny").config.vision.image_size
    64
    """
    return CLIP(config(name))


class ParameterCounts(NamedTuple):
    """How many numbers a model learns."""

    total: int
    vision: int
    text: int  # the whole tower: blocks, token embedding, positions, last LayerNorm, projection


def parameter_counts(name: str) -> ParameterCounts:
    """Return the named model's parameter counts; no weight is ever held in memory.

    Raises:
        KeyError: there is no model of this name.
    """
    with torch.device("meta"):
        model = create(name)
    vision, text, total = (
        sum(parameter.numel() for parameter in part.parameters())
        for part in (model.image_tower, model.text_tower, model)
    )
    return ParameterCounts(total, vision, text)
