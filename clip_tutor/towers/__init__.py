"""The two halves of CLIP: image towers and text towers, each built from a frozen config.

from clip_tutor.towers import ViTConfig, build_tower
tower = build_tower(ViTConfig(image_size=224, patch_size=32, width=768, layers=12, heads=12), embed_dim=512)
"""

from torch import nn

from clip_tutor.towers.bert import BertConfig, BertTower
from clip_tutor.towers.convnext import ConvNeXt, ConvNeXtConfig
from clip_tutor.towers.efficientnet import EfficientNet, EfficientNetConfig
from clip_tutor.towers.naflex import NaFlexConfig, NaFlexTransformer
from clip_tutor.towers.nfnet import NFNet, NFNetConfig
from clip_tutor.towers.resnet import ResNet, ResNetConfig
from clip_tutor.towers.text import TextConfig, TextTower
from clip_tutor.towers.vit import VisionTransformer, ViTConfig

VisionConfig = ViTConfig | ResNetConfig | ConvNeXtConfig | EfficientNetConfig | NFNetConfig | NaFlexConfig
TextTowerConfig = TextConfig | BertConfig

_TOWERS: dict[type, type[nn.Module]] = {
    ViTConfig: VisionTransformer,
    ResNetConfig: ResNet,
    ConvNeXtConfig: ConvNeXt,
    EfficientNetConfig: EfficientNet,
    NFNetConfig: NFNet,
    NaFlexConfig: NaFlexTransformer,
    TextConfig: TextTower,
    BertConfig: BertTower,
}
CONFIGS = tuple(_TOWERS)


def build_tower(config: VisionConfig | TextTowerConfig, embed_dim: int) -> nn.Module:
    """Return the tower that a config describes, with fresh weights; its vectors have ``embed_dim`` numbers."""
    return _TOWERS[type(config)](config, embed_dim)


__all__ = [
    "CONFIGS",
    "BertConfig",
    "BertTower",
    "ConvNeXt",
    "ConvNeXtConfig",
    "EfficientNet",
    "EfficientNetConfig",
    "NFNet",
    "NFNetConfig",
    "NaFlexConfig",
    "NaFlexTransformer",
    "ResNet",
    "ResNetConfig",
    "TextConfig",
    "TextTower",
    "TextTowerConfig",
    "ViTConfig",
    "VisionConfig",
    "VisionTransformer",
    "build_tower",
]
