"""Every named model as a small frozen config: ``create("tiny")`` builds one with fresh weights.

name    picture   image tower                          text tower              E
tiny    64 px     conv stem, 2 blocks of width 96      2 blocks of width 64    128
"""

from clip_tutor.model import CLIP, CLIPConfig
from clip_tutor.towers import TextConfig, ViTConfig

_CONTEXT = 32  # the longest scene caption has about 30 tokens

MODELS = {
    # What two CPU cores can train during a coffee, on 104 everyday objects.
    "tiny": CLIPConfig(
        embed_dim=128,
        vision=ViTConfig(
            image_size=64, patch_size=16, width=96, layers=2, heads=3, activation="gelu", stem_channels=(32, 64, 128)
        ),
        text=TextConfig(vocab_size=2000, context_length=_CONTEXT, width=64, layers=2, heads=2, activation="gelu"),
    ),
    # The same idea with room for the whole emoji vocabulary: the model that comes with the kit.
    "emoji": CLIPConfig(
        embed_dim=192,
        vision=ViTConfig(
            image_size=64, patch_size=16, width=128, layers=2, heads=4, activation="gelu", stem_channels=(32, 64, 128)
        ),
        text=TextConfig(vocab_size=4000, context_length=_CONTEXT, width=96, layers=2, heads=3, activation="gelu"),
    ),
    # For a GPU: scenes of twice the side, patches as small as the tiny model's cells.
    "small": CLIPConfig(
        embed_dim=256,
        vision=ViTConfig(
            image_size=128, patch_size=16, width=384, layers=6, heads=6, activation="gelu", stem_channels=(32, 64, 128)
        ),
        text=TextConfig(vocab_size=4000, context_length=_CONTEXT, width=256, layers=4, heads=4, activation="gelu"),
    ),
}


def names() -> list[str]:
    """Return the name of every model that can be built."""
    return list(MODELS)


def create(name: str) -> CLIP:
    """Return the named model with fresh weights, drawn from torch's global generator.

    Raises:
        KeyError: there is no model of this name.
    """
    if name not in MODELS:
        raise KeyError(f"there is no model {name!r}: take one of {', '.join(MODELS)}")
    return CLIP(MODELS[name])
