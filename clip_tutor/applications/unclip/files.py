"""Prior and decoder in files, each with the name and the fingerprint of the CLIP whose embeddings it speaks.

    caption ─ CLIP a ─ prior ─▶ an embedding of CLIP a ─▶ decoder of CLIP b: it would draw something else, silently

So `load_unclip` puts two together only if both were trained beside the same CLIP.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from clip_tutor.applications.diffusion.denoiser import DenoiserConfig
from clip_tutor.applications.diffusion.files import TextOrigin, load_beside_clip, save_beside_clip
from clip_tutor.applications.unclip.decoder import Decoder
from clip_tutor.applications.unclip.prior import Prior, PriorConfig
from clip_tutor.assets import asset
from clip_tutor.model import CLIP
from clip_tutor.tokenizers import Tokenizer
from clip_tutor.weights import fingerprint

SHIPPED = {
    "unclip_prior": "checkpoints/unclip_prior.safetensors",
    "unclip_decoder": "checkpoints/unclip_decoder.safetensors",
}


class LoadedPrior(NamedTuple):
    """A prior and what it works with."""

    prior: Prior  # in evaluation mode
    clip: CLIP
    tokenizer: Tokenizer
    notes: dict[str, Any]  # what the one who saved it wrote down


class LoadedDecoder(NamedTuple):
    """A decoder and what it works with."""

    decoder: Decoder  # in evaluation mode
    clip: CLIP
    tokenizer: Tokenizer
    notes: dict[str, Any]


class UnCLIP(NamedTuple):
    """All that it takes to draw a caption by way of an image embedding."""

    prior: Prior
    decoder: Decoder
    clip: CLIP
    tokenizer: Tokenizer
    notes: dict[str, Any]  # of the "prior" and of the "decoder"


def save_prior(path: str | Path, prior: Prior, origin: TextOrigin, notes: dict[str, Any] | None = None) -> None:
    """Write a prior to one safetensors file, atomically, in float16; it stays as it is itself.

    Args:
        origin: the CLIP that it was trained beside, from `text_origin`.
        notes: whatever a reader of the file should know, as JSON.

    Raises:
        ValueError: a weight is too large for float16.
        OSError: the file could not be written; what was at ``path`` is still there.
    """
    save_beside_clip(path, "prior", prior, asdict(prior.config), origin, notes)


def save_decoder(path: str | Path, decoder: Decoder, origin: TextOrigin, notes: dict[str, Any] | None = None) -> None:
    """Write a decoder to one safetensors file; all as in `save_prior`."""
    fields = asdict(decoder.config) | {"embed_dim": decoder.embed_dim}
    save_beside_clip(path, "decoder", decoder, fields, origin, notes)


def load_prior(path: str | Path = "unclip_prior") -> LoadedPrior:
    """Return the prior in a file, in float32, with the CLIP that it was trained beside.

    Args:
        path: a file that `save_prior` wrote; "unclip_prior" is the one that comes with the kit.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is cut off, not a prior, or its CLIP is no longer the one that it was trained beside.
    """
    return LoadedPrior(*load_beside_clip(_found(path), "prior", lambda fields: Prior(PriorConfig(**fields))))


def load_decoder(path: str | Path = "unclip_decoder") -> LoadedDecoder:
    """Return the decoder in a file; all as in `load_prior`."""

    def build(fields: dict[str, Any]) -> Decoder:
        embed_dim = fields.pop("embed_dim")
        return Decoder(DenoiserConfig(**fields), embed_dim)

    return LoadedDecoder(*load_beside_clip(_found(path), "decoder", build))


def load_unclip(prior: str | Path = "unclip_prior", decoder: str | Path = "unclip_decoder") -> UnCLIP:
    """Return a prior and a decoder that belong together.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: see `load_prior`; or the two were trained beside different CLIPs.
    """
    first, second = load_prior(prior), load_decoder(decoder)
    if fingerprint(first.clip) != fingerprint(second.clip):
        raise ValueError(
            f"the prior in {prior} gives embeddings of another CLIP than the decoder in {decoder} reads: train one of "
            "them again, beside the CLIP of the other"
        )
    notes = {"prior": first.notes, "decoder": second.notes}
    return UnCLIP(first.prior, second.decoder, first.clip, first.tokenizer, notes)


def _found(path: str | Path) -> Path:
    return asset(SHIPPED[path]) if isinstance(path, str) and path in SHIPPED else Path(path)
