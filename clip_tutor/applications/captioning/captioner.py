"""ClipCap: the vector of an image becomes a prefix, and a language model goes on from there.

    image ─ CLIP ─▶ (B, E) ─ unit length ─ mapper ─▶ prefix (B, N, D) ─┐
                                                                       ├─ language model ─▶ (B, N + T, V) logits
    caption ─ tokenizer ─▶ (B, T) ─ embed ─▶ (B, T, D) ────────────────┘

The language model was made for words and reads vectors. It cannot tell that the first N of them are no words: they
are whatever makes the right caption the likeliest continuation. CLIP stays as it is; the language model may, too.

    place       0    …   N-2   N-1    N     N+1   N+2
    input       v₀   …   v_    v_     a     dog   end
    says                       a      dog   end              so the loss reads logits[N-1 : -1], not logits[N:]

With ``logits[N:]`` each token would be asked to name itself, which it can: the loss falls to nothing and the model
cannot write a word. ``test_each_place_predicts_the_token_after_it``.

Source: Mokady, Hertz and Bermano 2021, "ClipCap: CLIP Prefix for Image Captioning", section 3.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clip_tutor.applications.captioning.mappers import MapperConfig, MLPMapperConfig, build_mapper
from clip_tutor.applications.language_model import LanguageModel, next_token_loss


@dataclass(frozen=True)
class CaptionerConfig:
    """The shape of what lies between an image's vector and a language model."""

    embed_dim: int  # E, of the CLIP whose vectors are read
    prefix_length: int = 10  # N
    mapper: MapperConfig = field(default_factory=MLPMapperConfig)
    normalize: bool = True  # bring image vectors to unit length first, in training as in use


class Captioner(nn.Module):
    """A mapper and a language model.

    Args:
        language_model: the kit's own, GPT-2, or any other `LanguageModel`.

    Raises:
        ValueError: the prefix leaves the language model no room for a caption.
    """

    def __init__(self, config: CaptionerConfig, language_model: LanguageModel) -> None:
        super().__init__()
        room = language_model.config.context_length
        if not 1 <= config.prefix_length < room:
            raise ValueError(
                f"a prefix of {config.prefix_length} in a context of {room} tokens: it takes at least 1 of them, and "
                f"must leave room for words, so choose 1 to {room - 1}"
            )
        self.config = config
        width = language_model.config.width
        # ClipCap's mapper reads the vectors as they are, which these leave unchanged: see `standardize`.
        self.mean: Tensor
        self.scale: Tensor
        self.register_buffer("mean", torch.zeros(config.embed_dim))
        self.register_buffer("scale", torch.ones(config.embed_dim))
        self.mapper = build_mapper(config.mapper, config.embed_dim, width, config.prefix_length)
        self.language_model = language_model

    def standardize(self, train_features: Tensor) -> None:
        """Have the mapper read, from now on, by how much a vector differs from those of the training images.

        CLIP's vectors lie in a narrow cone: most of each is what all images have in common, and what tells two objects
        apart is small beside it. Without its mean and in units of its spread, a mapper that starts from nothing reaches
        in a thousand steps what it otherwise does in two thousand.

        Args:
            train_features: (M, E) image vectors. Call it before the training, and not again.
        """
        vectors = self._checked(train_features.float())
        self.mean.copy_(vectors.mean(dim=0))
        self.scale.copy_(vectors.std(dim=0).clamp(min=1e-6))  # a number that is the same in all says nothing

    def prefix(self, image_features: Tensor) -> Tensor:
        """Return (B, N, D) from (B, E) image vectors.

        Training and use both come through here, so that a vector is of unit length in both or in neither: a mapper
        that has learned from vectors of length 1 says nonsense about one of length 10.

        Raises:
            ValueError: the vectors are not (B, E), or the mapper is one of another width or length.
        """
        prefix = self.mapper((self._checked(image_features) - self.mean) / self.scale)
        expected = (len(image_features), self.config.prefix_length, self.language_model.config.width)
        if prefix.shape != expected:
            raise ValueError(
                f"the mapper gives a prefix of shape {tuple(prefix.shape)}, and this language model wants {expected}: "
                "(B, N, D), with D the width of its token vectors"
            )
        return prefix

    def _checked(self, image_features: Tensor) -> Tensor:
        """Return (B, E) vectors, of unit length where the config says so."""
        E = self.config.embed_dim
        if image_features.ndim != 2 or image_features.shape[1] != E:
            raise ValueError(
                f"image vectors of shape {tuple(image_features.shape)}, and this captioner reads (B, {E}): encode the "
                "images with the CLIP that it was trained on, and give a single one a batch dimension"
            )
        return F.normalize(image_features, dim=1) if self.config.normalize else image_features

    def forward(self, image_features: Tensor, token_ids: Tensor) -> Tensor:
        """Return (B, N + T, V) logits: at each place, of prefix and caption, what comes after it.

        Args:
            image_features: (B, E).
            token_ids: (B, T), captions without a start token: the prefix is one.

        Raises:
            ValueError: image vectors of another length, or more tokens than the context holds.
        """
        words = self.language_model.embed(token_ids)  # (B, T, D)
        return self.language_model(torch.cat([self.prefix(image_features), words], dim=1))


def prefix_loss(captioner: Captioner, image_features: Tensor, token_ids: Tensor, end_id: int) -> Tensor:
    """Return the mean cross-entropy of each token of the captions, in nats, given the image and the tokens before it.

    Args:
        image_features: (B, E).
        token_ids: (B, T), each row ending in ``end_id``; what stands behind its first one is padding, and ignored.
    """
    return next_token_loss(captioner(image_features, token_ids), token_ids, end_id)
