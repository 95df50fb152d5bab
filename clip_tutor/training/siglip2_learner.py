"""Everything that has weights while SigLIP 2 is trained: the model, and what is thrown away after.

    model     image tower, text tower, temperature, bias          what is kept
    decoder   reads patches, says words and boxes                 learns
    student   the image tower, a head each for images and patches learns
    teacher   a copy of the student that follows it slowly        never learns: see `follow`

The student IS the model's image tower: what it learns from views, the model knows.
"""

import copy
from typing import NamedTuple

import torch
from torch import Tensor, nn

from clip_tutor.model import CLIP
from clip_tutor.tokenizers.located import LocatedTokenizer
from clip_tutor.towers.decoder import CaptionDecoder, DecoderConfig
from clip_tutor.towers.patch_tokens import patch_tokens
from clip_tutor.towers.prototypes import PrototypeConfig, PrototypeHead
from clip_tutor.towers.text import TextConfig
from clip_tutor.towers.vit import VisionTransformer
from clip_tutor.training.ema import move_average
from clip_tutor.training.siglip2_config import SigLIP2Config


class ViewLogits(NamedTuple):
    """What student or teacher say of B views: how much the view, and each patch of it, is like each prototype."""

    image: Tensor  # (B, K)
    patches: Tensor  # (B, N, K)


class ViewEncoder(nn.Module):
    """An image tower with two heads: what student and teacher are.

    Args:
        tower: with a MAP head.
    """

    def __init__(self, tower: VisionTransformer, heads: PrototypeConfig) -> None:
        super().__init__()
        D = tower.config.width
        self.tower = tower
        self.image_head, self.patch_head = PrototypeHead(D, heads), PrototypeHead(D, heads)
        self.mask_token = nn.Parameter(0.02 * torch.randn(D))

    def image_logits(self, pixels: Tensor) -> Tensor:
        """Return (B, K) from (B, 3, H, W) views of any size that patches tile."""
        return self.image_head(self.tower.head(patch_tokens(self.tower, pixels)))

    def patch_logits(self, pixels: Tensor, masked: Tensor) -> Tensor:
        """Return (B, N, K) from (B, 3, H, W) views whose patches are hidden where (B, N) ``masked`` is True."""
        return self.patch_head(patch_tokens(self.tower, pixels, masked, self.mask_token))

    def forward(self, pixels: Tensor) -> ViewLogits:
        """Return both from (B, 3, H, W) views."""
        tokens = patch_tokens(self.tower, pixels)  # (B, N, D)
        return ViewLogits(self.image_head(self.tower.head(tokens)), self.patch_head(tokens))


class SigLIP2Learner(nn.Module):
    """The model with all that its training needs.

    Args:
        model: a `CLIP` with a Vision Transformer with a MAP head, a `TextTower`, and a bias.
        located: whose rows the decoder reads.
        config: which parts are on; a part that is off has no weights here.

    Raises:
        ValueError: the model is of another kind, or its images are too small for the views.
    """

    def __init__(self, model: CLIP, located: LocatedTokenizer, config: SigLIP2Config) -> None:
        super().__init__()
        tower, text = model.image_tower, model.config.text
        has_map_head = isinstance(tower, VisionTransformer) and tower.config.pool == "map"
        if not has_map_head or not isinstance(text, TextConfig) or model.logit_bias is None:
            raise ValueError(
                "SigLIP 2 trains a Vision Transformer with a MAP head and a text tower with the sigmoid loss: give a "
                'CLIP whose config has a ViTConfig with pool="map", a TextConfig and a logit_bias'
            )
        self.config, self.model = config, model
        self.decoder, self.student, self.teacher = None, None, None
        if config.captions:
            layers = max(1, text.layers // 2)
            self.decoder = CaptionDecoder(
                DecoderConfig(
                    located.vocab_size, located.context_length, text.width, layers, text.heads, self.tower.config.width
                )
            )
        self.center: Tensor
        self.patch_center: Tensor
        if config.has_teacher:
            config.check_sizes(self.tower.config.image_size, self.tower.config.patch_size)
            self.student = ViewEncoder(self.tower, config.heads)
            self.teacher = copy.deepcopy(self.student).eval().requires_grad_(False)
            self.register_buffer("center", torch.zeros(config.heads.prototypes))
            self.register_buffer("patch_center", torch.zeros(config.heads.prototypes))

    @property
    def tower(self) -> VisionTransformer:
        """The model's image tower."""
        assert isinstance(self.model.image_tower, VisionTransformer)
        return self.model.image_tower

    def begin_second_stage(self) -> None:
        """Make the teacher the student as it now is."""
        if self.teacher and self.student:
            move_average(self.teacher, self.student, 0.0)

    def follow(self) -> None:
        """Let the teacher follow the student by one step, after the step of the optimizer."""
        if self.teacher and self.student:
            move_average(self.teacher, self.student, self.config.momentum)
