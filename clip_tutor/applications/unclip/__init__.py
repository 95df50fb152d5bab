"""unCLIP: from a caption to an image embedding of CLIP, and from that to an image.

    caption ─ CLIP ─▶ text embedding, states ─ prior ─▶ image embedding ─ decoder ─▶ image
    image ─── CLIP ─▶ image embedding ─────────────────────────────────── decoder ─▶ another image of the same

    from clip_tutor.applications.unclip import as_condition, decode, load_unclip, predict
    prior, decoder, clip, tokenizer, _ = load_unclip()
    embeddings = predict(prior, *as_condition(clip, tokenizer, ["two cats"]), steps=25, generator=torch.manual_seed(0))
    images = decode(decoder, embeddings, steps=25, guidance=3.0, generator=torch.manual_seed(0))

Read `embeddings`, `prior`, `prior_loss`, `predicting`, `decoder`, `decoding`, `files` in this order.
"""

from clip_tutor.applications.unclip.decoder import Decoder
from clip_tutor.applications.unclip.decoding import decode, invert
from clip_tutor.applications.unclip.embeddings import (
    check_embeddings,
    edit,
    interpolate,
    mean_difference,
    shifted,
    to_unit,
    to_variance_1,
)
from clip_tutor.applications.unclip.files import UnCLIP, load_decoder, load_prior, load_unclip, save_decoder, save_prior
from clip_tutor.applications.unclip.predicting import as_condition, better_of_two, predict
from clip_tutor.applications.unclip.prior import Prior, PriorConfig
from clip_tutor.applications.unclip.prior_loss import prior_loss

__all__ = [
    "Decoder",
    "Prior",
    "PriorConfig",
    "UnCLIP",
    "as_condition",
    "better_of_two",
    "check_embeddings",
    "decode",
    "edit",
    "interpolate",
    "invert",
    "load_decoder",
    "load_prior",
    "load_unclip",
    "mean_difference",
    "predict",
    "prior_loss",
    "save_decoder",
    "save_prior",
    "shifted",
    "to_unit",
    "to_variance_1",
]
