"""Captioning: what does an image show, in a sentence? ClipCap, on the kit's own CLIP and language model.

    from clip_tutor.applications.captioning import load_captioner, write_captions
    captioner, tokenizer, clip, _ = load_captioner()
    write_captions(captioner, tokenizer, encode_images(clip, pixels))

Read `mappers`, `captioner`, `writing`, `facts`, `controls` in this order. `training` and `train` made what ships.
"""

from clip_tutor.applications.captioning.captioner import Captioner, CaptionerConfig, prefix_loss
from clip_tutor.applications.captioning.controls import Collapse, collapse, nearest_captions, shuffled
from clip_tutor.applications.captioning.facts import CaptionReader, Told, facts_right
from clip_tutor.applications.captioning.files import LoadedCaptioner, load_captioner, save_captioner
from clip_tutor.applications.captioning.mappers import (
    MLPMapper,
    MLPMapperConfig,
    TransformerMapper,
    TransformerMapperConfig,
)
from clip_tutor.applications.captioning.report import CaptionReport, caption_report, fact_hits
from clip_tutor.applications.captioning.writing import write_captions

__all__ = [
    "CaptionReader",
    "CaptionReport",
    "Captioner",
    "CaptionerConfig",
    "Collapse",
    "LoadedCaptioner",
    "MLPMapper",
    "MLPMapperConfig",
    "Told",
    "TransformerMapper",
    "TransformerMapperConfig",
    "caption_report",
    "collapse",
    "fact_hits",
    "facts_right",
    "load_captioner",
    "nearest_captions",
    "prefix_loss",
    "save_captioner",
    "shuffled",
    "write_captions",
]
