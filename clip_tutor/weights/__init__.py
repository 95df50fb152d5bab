"""Weights: the kit's own files, and every published checkpoint under our names.

load("emoji")                                       the model that comes with the kit
load("runs/mine.safetensors")                       one that you trained and saved
load("ViT-B/32", weights="openai")                  a published one, from the Hub or from its cache
load("ViT-B/32", weights="model.safetensors")       the same from a file that you have:
                                                    .pt, .bin, .ckpt, shards, in whatever a trainer wrapped them
"""

from clip_tutor.weights.files import read_tensors, write_tensors
from clip_tutor.weights.fingerprints import fingerprint
from clip_tutor.weights.loading import load
from clip_tutor.weights.own import Loaded, fit, metadata_of, save
from clip_tutor.weights.published import PUBLISHED, list_weights

__all__ = [
    "PUBLISHED",
    "Loaded",
    "list_weights",
    "fingerprint",
    "fit",
    "load",
    "metadata_of",
    "read_tensors",
    "save",
    "write_tensors",
]
