"""Arithmetic on the sphere where CLIP's embeddings lie: their scale, the gap between its halves, and turns.

    images  ●●●                 the mean of all texts and the mean of all images stand apart: the modality gap
             ●●   ⟵ shift ─ ○○○  texts

    a ──────── share ────────▶ b        `interpolate`: the shorter arc of the great circle through both

Asked which text belongs to an image, what all texts have in common makes no difference; asked which image belongs to a
text, what all images have in common makes none. These are the two questions of CLIP's loss, and little in them brings
the two clouds together.

Sources: Ramesh et al. 2022, "Hierarchical Text-Conditional Image Generation with CLIP Latents", sections 3.2 and 3.3;
Liang et al. 2022, "Mind the Gap"; Shoemake 1985, "Animating Rotation with Quaternion Curves" (the turn).
"""

import torch
import torch.nn.functional as F
from torch import Tensor

TOLERANCE = 1e-2  # of a length of 1, as in the losses


def check_embeddings(embeddings: Tensor, embed_dim: int) -> None:
    """Refuse what is not (B, E) unit vectors.

    Raises:
        ValueError: embeddings of another width, which another CLIP has made, or of another length than 1.
    """
    if embeddings.ndim != 2 or embeddings.shape[1] != embed_dim:
        raise ValueError(
            f"embeddings of shape {tuple(embeddings.shape)}, and this model reads (B, {embed_dim}): take those of the "
            "CLIP that it was trained beside, from encode_images or encode_texts"
        )
    lengths = embeddings.float().norm(dim=1)
    if not torch.allclose(lengths, torch.ones_like(lengths), atol=TOLERANCE):
        raise ValueError(
            f"embeddings must have length 1, and these have {lengths.min():.3g} to {lengths.max():.3g}: divide each by "
            "its length, as to_unit does. The scale at which they are diffused is chosen inside"
        )


def to_variance_1(embeddings: Tensor) -> Tensor:
    """Return unit vectors (B, E) at the scale of noise: √E times as long, so that a number has a mean square of 1.

    Noise of variance 1 in each of E directions has a length of about √E. Beside it a unit vector would be lost at the
    first timestep.

    Source: DALLE2-pytorch ``dalle2_pytorch.py``, class DiffusionPrior, image_embed_scale.
    """
    return embeddings * embeddings.shape[-1] ** 0.5


def to_unit(vectors: Tensor) -> Tensor:
    """Return (B, E) vectors of length 1, of any others but zero."""
    return F.normalize(vectors, dim=-1)


def mean_difference(images: Tensor, texts: Tensor) -> Tensor:
    """Return (E,), the way from the mean text to the mean image, from two sets of unit vectors (M, E)."""
    return images.mean(dim=0) - texts.mean(dim=0)


def shifted(texts: Tensor, difference: Tensor) -> Tensor:
    """Return (B, E) unit vectors: text embeddings moved over to where the images are, all by the same way.

    The plainest stand-in for a prior. It closes the gap between the means, and knows nothing else about images.

    Args:
        texts: (B, E), unit vectors.
        difference: (E,), see `mean_difference`.
    """
    return to_unit(texts + difference)


def interpolate(start: Tensor, end: Tensor, share: float) -> Tensor:
    """Return (B, E) unit vectors on the shorter arc between two of them, so far along it.

    On the straight line between them vectors become shorter, and CLIP has made no such ones.

    Args:
        start, end: (B, E), unit vectors.
        share: 0 is the start, 1 the end.

    Raises:
        ValueError: a pair is opposite to each other: each arc between them is as short as the next.
    """
    cosine = (start * end).sum(dim=1, keepdim=True).clamp(-1, 1)  # (B, 1)
    if bool((cosine < -1 + 1e-6).any()):
        raise ValueError("two embeddings point in opposite directions, and no arc between them is the shorter one")
    angle = cosine.arccos()
    whole = angle.sin()
    # Where the two are the same, sin(0) / sin(0) would be no number, and the straight line is the arc.
    is_same = whole < 1e-6
    safe = whole.masked_fill(is_same, 1)
    along = (((1 - share) * angle).sin() * start + (share * angle).sin() * end) / safe
    return to_unit(torch.where(is_same, start, along))


def edit(images: Tensor, before: Tensor, after: Tensor, share: float) -> Tensor:
    """Return (B, E): image embeddings, turned towards what one text says more than another.

    The gap cancels out: of two texts, both lie on the same side of it.

    Args:
        images: (B, E), unit vectors.
        before: (B, E) or (1, E), of texts that describe the images as they are; unit vectors.
        after: the same, as they are to be.
        share: how much of the way towards the difference of the texts; 0 leaves the images as they are.

    Raises:
        ValueError: the two texts have one embedding: there is no way from one to the other.

    Source: Ramesh et al. 2022, section 3.3, text diffs.
    """
    difference = after - before
    if bool((difference.norm(dim=1) < 1e-6).any()):
        raise ValueError("the text before and the text after have the same embedding: say what is to change")
    return interpolate(images, to_unit(difference).expand_as(images), share)
