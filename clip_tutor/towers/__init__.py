"""The two halves of CLIP: image towers and text towers, and the transformer block they share."""

from clip_tutor.towers.text import TextConfig, TextTower
from clip_tutor.towers.vit import VisionTransformer, ViTConfig

__all__ = ["TextConfig", "TextTower", "ViTConfig", "VisionTransformer"]
