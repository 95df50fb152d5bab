"""Which parameters learn, how fast, and which are held back.

    layers above    0       heads, projections, last block, temperature     rate
                    1       the block below                                 rate · layer_decay
                    …                                                       …
                    layers  patches, words, positions                       rate · layer_decay^layers

A model that has learned already is finished gently: its lower layers see edges and letters, which are the same in
every data set, and its upper ones what a data set is about. With ``layer_decay=1``, from scratch, all learn alike.
"""

from collections.abc import Sequence
from itertools import islice
from typing import Any

from torch import nn

from clip_tutor.model import CLIP
from clip_tutor.towers import ConvNeXt, EfficientNet, NFNet, ResNet
from clip_tutor.towers.efficientnet import STAGES
from clip_tutor.training.config import TowerName

# What stands below the first layer of a tower; what is in no layer and not here stands above the last.
BELOW = ("stem", "patch_embed", "token_embedding", "segments", "pos_embed", "cls_token", "ln_pre", "ln_embedding")


def parameter_groups(model: nn.Module, weight_decay: float, layer_decay: float = 1.0) -> list[dict[str, Any]]:
    """Return AdamW's groups: matrices, which decay, then gains, biases and temperature, which do not.

    Pulling a LayerNorm's gain or the temperature toward zero does not simplify a model, it only bends it:
    ``test_only_matrices_decay``. Source: Radford et al. 2021, section 2.5.

    Args:
        model: parameters that ask for no gradient are in no group: they neither learn nor decay.
        weight_decay: of the matrices.
        layer_decay: by what the learning rate is multiplied from layer to layer, downwards; below 1 only for a `CLIP`.
            Vision Transformers are usually finished with 0.65 to 0.9, the more layers the more.

    Returns:
        groups with a ``scale`` each: a step's learning rate is to be ``rate * group["scale"]``. Two groups where
        all learn alike, else two for each scale, the fastest first.

    Raises:
        ValueError: the decay is not above 0 and at most 1, or it is below 1 and the model no `CLIP`.

    Sources for the layers' rates: Clark et al. 2020 (ELECTRA), section 3.1; Bao et al. 2022 (BEiT), appendix. There
    the new head alone is at the full rate; here nothing is new, and heads and last blocks go together.
    """
    if not 0 < layer_decay <= 1:
        raise ValueError(
            f"layer_decay={layer_decay} would not slow the lower layers down: take 1 for equal rates, or for instance "
            "0.75 for rates that fall by a quarter from block to block"
        )
    if layer_decay < 1 and not isinstance(model, CLIP):
        raise ValueError(
            f"which layers of a {type(model).__name__} stand above which is not known here: give the CLIP itself, "
            "without what is wrapped around it, or layer_decay=1"
        )
    above = layers_above(model) if layer_decay < 1 and isinstance(model, CLIP) else {}
    groups: dict[tuple[int, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            groups.setdefault((above.get(name, 0), parameter.ndim < 2), []).append(parameter)
    return [
        {"params": params, "weight_decay": 0.0 if held_back else weight_decay, "scale": layer_decay**layers}
        for (layers, held_back), params in sorted(groups.items(), key=lambda group: group[0])
    ]


def layers_above(model: CLIP) -> dict[str, int]:
    """Return, for the name of each parameter, how many layers of its tower stand above its own.

    A layer is a block of a transformer, or a stage of a convolutional tower: its blocks are too many and too small.
    """
    above = {"log_logit_scale": 0, "logit_bias": 0}
    for side in ("image_tower", "text_tower"):
        tower = model.get_submodule(side)
        layers = layers_of(tower)
        top = len(layers) - 1
        layer_of = {p: layer for layer, blocks in enumerate(layers) for block in blocks for p in block.parameters()}
        for name, parameter in tower.named_parameters():
            layer = -1 if name.split(".")[0] in BELOW else layer_of.get(parameter, top)
            above[f"{side}.{name}"] = top - layer
    return above


def layers_of(tower: nn.Module) -> Sequence[Sequence[nn.Module]]:
    """Return the blocks of each layer of a tower, the lowest first."""
    if isinstance(tower, ResNet):
        return [[stage] for stage in (tower.stage1, tower.stage2, tower.stage3, tower.stage4)]
    if isinstance(tower, ConvNeXt | NFNet):
        return [[stage] for stage in tower.stages]
    if isinstance(tower, EfficientNet):
        blocks = iter(tower.blocks)
        return [list(islice(blocks, tower.config.layers(stage.layers))) for stage in STAGES]
    return [[block] for block in tower.get_submodule("blocks").children()]


def freeze(model: CLIP, tower: TowerName) -> None:
    """Let one tower stay as it is while the other learns to fit it.

    A good image tower loses what it knows when it follows a small set of captions. Locked, it is also cheaper: it has
    no backward pass, which is two thirds of the work, and keeps nothing for it. Call it before the optimizer is made.

    Raises:
        ValueError: there is no such tower.

    Source: Zhai et al. 2022, "LiT: Zero-Shot Transfer with Locked-image text Tuning", section 3.
    """
    if tower not in ("image", "text"):
        raise ValueError(f"there is no {tower!r} tower to freeze: it is 'image' or 'text'")
    model.get_submodule(f"{tower}_tower").requires_grad_(False)


def train_mode(model: CLIP) -> None:
    """Put the model into training, frozen towers into evaluation; call it in place of ``model.train()``.

    BatchNorm moves its running figures whenever it is in training, gradients or not, and dropped paths would make
    noise of what is to be a fixed point: ``test_a_frozen_tower_stays_as_it_was``.
    """
    model.train()
    for tower in (model.image_tower, model.text_tower):
        if not any(parameter.requires_grad for parameter in tower.parameters()):
            tower.eval()
