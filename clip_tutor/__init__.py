"""clip_tutor: every component of CLIP, built from scratch to be read.

    caption ──tokenizers──▶ ids ────┐
                                    ├─ towers ─▶ model ─▶ losses ─▶ training ─▶ checkpoint
    image ────images──▶ pixels ─────┘                │
                                                     └▶ evaluation · search · applications ─▶ lab ─▶ notebooks

What most people come for stands here, and is imported when it is first used:

>>> import clip_tutor as ct
>>> model, tokenizer, _ = ct.load("emoji")
>>> image = ct.find_emoji("🚀")[0].image()
>>> ct.zero_shot(model, tokenizer, image, ["a cat", "a rocket", "a pizza"])["a rocket"] > 0.9
True
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clip_tutor.data.emoji import find_emoji as find_emoji
    from clip_tutor.data.emoji import load_emoji as load_emoji
    from clip_tutor.embedding import encode_images as encode_images
    from clip_tutor.embedding import encode_texts as encode_texts
    from clip_tutor.evaluation.zero_shot import zero_shot as zero_shot
    from clip_tutor.images import load_image as load_image
    from clip_tutor.model import CLIP as CLIP
    from clip_tutor.search import ImageIndex as ImageIndex
    from clip_tutor.training import TrainConfig as TrainConfig
    from clip_tutor.training import train as train
    from clip_tutor.weights import list_weights as list_weights
    from clip_tutor.weights import load as load
    from clip_tutor.weights import save as save
    from clip_tutor.zoo import create as create
    from clip_tutor.zoo import list_models as list_models

__version__ = "0.4.0"

_MODULE_OF = {
    "CLIP": "clip_tutor.model",
    "ImageIndex": "clip_tutor.search",
    "TrainConfig": "clip_tutor.training",
    "create": "clip_tutor.zoo",
    "encode_images": "clip_tutor.embedding",
    "encode_texts": "clip_tutor.embedding",
    "find_emoji": "clip_tutor.data.emoji",
    "list_models": "clip_tutor.zoo",
    "list_weights": "clip_tutor.weights",
    "load": "clip_tutor.weights",
    "load_emoji": "clip_tutor.data.emoji",
    "load_image": "clip_tutor.images",
    "save": "clip_tutor.weights",
    "train": "clip_tutor.training",
    "zero_shot": "clip_tutor.evaluation.zero_shot",
}
__all__ = ["__version__", *_MODULE_OF]


def __getattr__(name: str) -> Any:
    """Import what is asked for, at its first use."""
    if name not in _MODULE_OF:
        raise AttributeError(f"clip_tutor has no {name!r}: it has {', '.join(_MODULE_OF)}, and packages beside them")
    value = globals()[name] = getattr(importlib.import_module(_MODULE_OF[name]), name)
    return value


def __dir__() -> list[str]:
    """Return what tab completion is to show."""
    return sorted(__all__)
